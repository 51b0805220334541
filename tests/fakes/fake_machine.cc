// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_machine.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/tests/fakes/fake_call.h"
#include "parley/tests/fakes/fake_cuda.h"
#include "parley/tests/fakes/fake_nccl.h"
#include "parley/tests/fakes/memory_store.h"

namespace parley::fakes {
namespace {

std::atomic<FakeMachine*> current_machine = nullptr;

// Events of the machine's own: what, and the number of the fault or rank.
constexpr uint64_t kStart = 0;
constexpr uint64_t kStrike = 1;
constexpr uint64_t kNotice = 2;
constexpr uint64_t kLeave = 3;
constexpr uint64_t kPoll = 4;
constexpr uint64_t kHang = 5;
constexpr uint64_t kKinds = 8;

constexpr int64_t kPollNs = 1000;
constexpr int kMaxPolls = 10000;

// Whether the thread is a rank's own, not an actor's.
bool IsRank(const sim::SimThread& thread) { return (thread.key & 0xffff) == 0; }

bool IsScheduled(const FakeFault& fault) {
  return fault.operation < 0 && (fault.kind == FaultKind::kDeath ||
                                 fault.kind == FaultKind::kAsyncError);
}

}  // namespace

void FakeDevice::Diagnose(std::string text) {
  machine.Diagnose(machine.now_ns(), rank, std::move(text));
}

std::string FakeDevice::NextName(const char* what) {
  const sim::SimThread* thread = sim::Scheduler::Current();
  const int64_t actor = thread == nullptr ? 0 : thread->key & 0xffff;
  const std::string prefix = actor == 0 ? absl::StrCat(what, " ")
                                        : absl::StrCat(what, " ", actor, ".");
  return absl::StrCat(prefix, ++names[prefix]);
}

int64_t FakeDevice::Slowed(int64_t delay_ns) const {
  const FakeFault* fault =
      machine.Strikes(FaultKind::kSlowDevice, rank, -1, machine.now_ns());
  return fault == nullptr ? delay_ns : delay_ns * fault->percent / 100;
}

void FakeDevice::Die(const FakeFault& fault) {
  if (dead) return;
  dead = true;
  machine.ScheduleNotice(fault);
  machine.scheduler().CheckConditions();
}

void FakeDevice::StartNextLaunch() {
  while (!launch_queue.empty() &&
         launch_queue.front()->state() == Launch::kDone) {
    launch_queue.erase(launch_queue.begin());
  }
  if (!launch_queue.empty() && !dead) launch_queue.front()->StartIfReady();
}

bool FakeDevice::HasActiveLaunch() const {
  return std::any_of(comms.begin(), comms.end(),
                     [](const auto& comm) { return comm->active != nullptr; });
}

std::string FakeDevice::UserOf(const Block& block) const {
  for (const auto& stream : streams) {
    std::string user = stream->UserOf(block);
    if (!user.empty()) return absl::StrCat(user, " on ", stream->name());
  }
  for (const auto& comm : comms) {
    for (const Launch* launch : comm->in_flight) {
      for (const Access& access : launch->Accesses()) {
        if (block.Overlaps(access)) return launch->name();
      }
    }
  }
  return "";
}

std::vector<std::string> FakeDevice::Leaks() const {
  std::vector<std::string> leaks = memory.Live();
  for (const auto& stream : streams) {
    if (!stream->destroyed()) leaks.push_back(stream->name());
  }
  for (const auto& event : events) {
    if (!event->destroyed) leaks.push_back(event->name);
  }
  for (const auto& comm : comms) {
    if (!comm->gone && comm->handed_out) leaks.push_back(comm->name);
  }
  for (const auto& capture : captures) {
    if (capture->ended) continue;
    leaks.push_back(absl::StrCat("the capture of ", capture->origin->name()));
  }
  for (const auto& graph : graphs) {
    if (!graph->destroyed) leaks.push_back(graph->name);
  }
  for (const auto& exec : execs) {
    if (!exec->destroyed) leaks.push_back(exec->name);
  }
  return leaks;
}

FakeMachine::FakeMachine(const sim::WorldOptions& world,
                         const FakeOptions& options)
    : options_(options),
      random_(Random(world.seed).Fork("fakes")),
      store_(std::make_unique<MemoryStore>()),
      cliques_(*this) {
  for (int rank = 0; rank < world.ranks; ++rank) {
    devices_.push_back(std::make_unique<FakeDevice>(*this, rank));
  }
  current_machine = this;
}

FakeMachine::~FakeMachine() { current_machine = nullptr; }

FakeMachine* FakeMachine::Current() { return current_machine; }

void FakeMachine::Trace(uint64_t what) {
  trace_hash_ = HashCombine(trace_hash_,
                            HashCombine(static_cast<uint64_t>(now_ns()), what));
  ++items_;
}

const FakeFault* FakeMachine::Strikes(FaultKind kind, int rank,
                                      int64_t operation,
                                      int64_t time_ns) const {
  for (const FakeFault& fault : options_.faults) {
    if (fault.kind != kind || fault.rank != rank) continue;
    if (fault.operation >= 0 ? fault.operation == operation
                             : absl::Nanoseconds(time_ns) >= fault.at) {
      return &fault;
    }
  }
  return nullptr;
}

void FakeMachine::HangCaller(sim::SimThread& thread, const std::string& what) {
  {
    MutexLock lock(&mutex_);
    hung_.push_back(&thread);
  }
  scheduler().Post(thread, this, kHang);
  thread.waits_for = [what] { return absl::StrCat("hangs in ", what); };
  scheduler().Park(thread);
}

void FakeMachine::Enter(int rank) {
  sim::SimThread* thread = sim::Scheduler::Current();
  scheduler_ = thread->scheduler;
  ThisCudaThread().device = rank;
  scheduler().Post(*thread, this,
                   kStart + kKinds * static_cast<uint64_t>(rank));
}

// Only the last rank waits: until those calls have returned that hung on
// purpose, and the threads in them have ended.
void FakeMachine::Leave(int rank) {
  sim::SimThread* thread = sim::Scheduler::Current();
  {
    MutexLock lock(&mutex_);
    leaving_[rank] = thread;
    if (ThisCudaThread().last_error == cudaErrorNotReady) {
      Diagnose(thread->now_ns, rank,
               "the answer of a query was left for the next cudaGetLastError, "
               "where others take it for a failure of theirs");
    }
  }
  thread->waits_for = [] { return "waits for the end of the run"; };
  scheduler().Post(*thread, this,
                   kLeave + kKinds * static_cast<uint64_t>(rank));
  scheduler().Park(*thread);
}

void FakeMachine::OnEvent(int64_t, uint64_t tag) {
  MutexLock lock(&mutex_);
  const uint64_t index = tag / kKinds;
  switch (tag % kKinds) {
    case kStart:
      ScheduleFaultsOf(static_cast<int>(index));
      break;
    case kStrike:
      Strike(options_.faults[index]);
      break;
    case kNotice:
      Notice(options_.faults[index].rank);
      break;
    case kLeave:
      ++left_;
      OnLeave(static_cast<int>(index));
      break;
    case kHang:
      ReleaseHung();
      break;
    default:
      OnLeave(static_cast<int>(index));
      break;
  }
}

void FakeMachine::ScheduleFaultsOf(int rank) {
  for (size_t i = 0; i < options_.faults.size(); ++i) {
    const FakeFault& fault = options_.faults[i];
    if (fault.rank != rank || !IsScheduled(fault)) continue;
    scheduler().At(std::max(now_ns(), absl::ToInt64Nanoseconds(fault.at)), this,
                   kStrike + kKinds * i);
  }
}

void FakeMachine::ScheduleNotice(const FakeFault& fault) {
  if (fault.notice == absl::InfiniteDuration()) return;
  const auto index = static_cast<uint64_t>(&fault - options_.faults.data());
  scheduler().At(now_ns() + absl::ToInt64Nanoseconds(fault.notice), this,
                 kNotice + kKinds * index);
}

void FakeMachine::Strike(const FakeFault& fault) {
  FakeDevice& victim = device(fault.rank);
  if (fault.kind == FaultKind::kDeath) {
    victim.Die(fault);
    return;
  }
  for (const auto& comm : victim.comms) {
    if (!comm->gone) comm->SetState(fault.error, "a scripted fault");
  }
}

void FakeMachine::Notice(int dead_rank) {
  for (const auto& comm : device(dead_rank).comms) {
    if (comm->clique == nullptr) continue;
    for (FakeComm* member : comm->clique->members) {
      if (member->gone || member->device.dead) continue;
      member->SetState(ncclRemoteError,
                       absl::StrCat("connection closed by rank ", comm->rank));
    }
  }
}

// A rank that hangs itself will not leave before it is let go.
void FakeMachine::ReleaseHung() {
  int at_end = left_;
  for (const sim::SimThread* thread : hung_) {
    if (IsRank(*thread)) ++at_end;
  }
  if (at_end < size()) return;
  for (sim::SimThread* thread : hung_) {
    scheduler().Wake(*thread);
    released_.push_back(thread);
  }
  hung_.clear();
}

void FakeMachine::OnLeave(int rank) {
  ReleaseHung();
  const bool all_ended = std::all_of(
      released_.begin(), released_.end(), [](const sim::SimThread* thread) {
        return thread->finished || IsRank(*thread);
      });
  if (left_ < size() || all_ended) {
    scheduler().Wake(*leaving_[rank]);
    return;
  }
  if (++polls_ > kMaxPolls) {
    Diagnose(now_ns(), rank, "a thread does not end after its call has hung");
    scheduler().Wake(*leaving_[rank]);
    return;
  }
  scheduler().At(now_ns() + kPollNs, this,
                 kPoll + kKinds * static_cast<uint64_t>(rank));
}

FakeReport FakeMachine::Finish(sim::Report world) {
  MutexLock lock(&mutex_);
  for (const auto& device : devices_) {
    if (device->dead || device->wedged) continue;
    for (const std::string& leak : device->Leaks()) {
      Diagnose(world.virtual_ns, device->rank,
               absl::StrCat("leak: ", leak, " is still there at the end"));
    }
  }
  FakeReport report;
  report.diagnoses = diagnoses_.Sorted();
  report.trace_hash = HashCombine(trace_hash_, world.trace_hash);
  report.items = items_;
  report.world = std::move(world);
  return report;
}

FakeReport RunOnFakes(const sim::WorldOptions& world,
                      const FakeOptions& options,
                      const std::function<absl::Status(FakeRank&)>& body) {
  FakeMachine machine(world, options);
  const CudaApi& cuda = FakeCudaApi();
  const NcclApi nccl = FakeNcclApi(options.nccl_version);
  sim::Report report = sim::World(world).Run([&](sim::RankContext& context) {
    FakeRank rank{context, machine, cuda, nccl, machine.store()};
    machine.Enter(context.rank());
    absl::Status status = body(rank);
    machine.Leave(context.rank());
    return status;
  });
  return machine.Finish(std::move(report));
}

}  // namespace parley::fakes

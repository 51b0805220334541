// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_launch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/tests/fakes/fake_capture.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {
namespace {

bool Overlap(const Access& a, const Access& b) {
  const auto* from = static_cast<const unsigned char*>(a.data);
  const auto* to = static_cast<const unsigned char*>(b.data);
  return a.bytes > 0 && b.bytes > 0 && from < to + b.bytes &&
         to < from + a.bytes;
}

// Calls visit(bytes, n) for what the operation writes and does not read.
template <typename Visit>
void ForEachPoisoned(const Op& op, const Visit& visit) {
  const Access output = op.Output();
  auto* begin = static_cast<unsigned char*>(const_cast<void*>(output.data));
  const Access input = op.Input();
  if (!Overlap(output, input)) {
    if (output.bytes > 0) visit(begin, output.bytes);
    return;
  }
  const int64_t before = static_cast<const unsigned char*>(input.data) - begin;
  const int64_t after = output.bytes - before - input.bytes;
  if (before > 0) visit(begin, before);
  if (after > 0) visit(begin + before + input.bytes, after);
}

uint64_t HashOf(const Access& access) {
  if (access.bytes == 0) return 0;
  return HashBytes(access.data, static_cast<size_t>(access.bytes));
}

std::string NameOf(const std::vector<Op>& ops, const FakeComm& comm) {
  std::string text = ops[0].ToString();
  if (ops.size() > 1) {
    text = absl::StrCat("group of ", ops.size(), " (", text, ", ...)");
  }
  return absl::StrCat(text, ", call ", comm.calls, " on ", comm.name);
}

std::vector<FakeStream*> StreamsOf(const std::vector<Op>& ops) {
  std::vector<FakeStream*> streams;
  for (const Op& op : ops) {
    if (std::find(streams.begin(), streams.end(), op.stream) == streams.end()) {
      streams.push_back(op.stream);
    }
  }
  return streams;
}

}  // namespace

Launch::Launch(FakeComm& comm, std::vector<Op> ops, bool in_background,
               FakeCapture* capture)
    : comm_(comm),
      ops_(std::move(ops)),
      in_background_(in_background),
      capture_(capture),
      name_(NameOf(ops_, comm)),
      streams_(StreamsOf(ops_)),
      num_places_(streams_.size()) {}

Launch::Launch(FakeComm& comm, std::vector<Op> ops, std::string name)
    : comm_(comm),
      ops_(std::move(ops)),
      in_background_(false),
      capture_(nullptr),
      name_(std::move(name)),
      num_places_(1) {}

std::vector<Access> Launch::Accesses() const {
  std::vector<Access> accesses;
  for (const Op& op : ops_) {
    accesses.push_back(op.Input());
    accesses.push_back(op.Output());
  }
  return accesses;
}

void Launch::OnEvent(int64_t, uint64_t tag) {
  MutexLock lock(&comm_.device.machine.mutex());
  if (state_ == kDone || comm_.device.dead) return;
  if (tag == kOrder) {
    Order();
  } else {
    Enqueue();
  }
}

void Launch::Order() {
  if (capture_ == nullptr) {
    ordered_ = true;
    number_ = comm_.device.launches_issued++;
    comm_.device.launch_queue.push_back(this);
  }
  if (in_background_) {
    Random random = comm_.random.Fork("background", comm_.calls);
    FakeMachine& machine = comm_.device.machine;
    machine.scheduler().At(machine.now_ns() + DrawDelayNs(random), this,
                           kEnqueue);
  }
  comm_.device.StartNextLaunch();
}

// The library's own thread has got to it: only now do the streams know of it.
void Launch::Enqueue() {
  in_background_ = false;
  for (FakeStream* stream : streams_) {
    stream->LibraryIsDone();
    if (capture_ != nullptr) continue;
    Item item;
    item.kind = Item::kLaunch;
    item.name = name_;
    item.launch = this;
    stream->PushLater(std::move(item));
  }
  comm_.SetState(ncclSuccess, "");
  if (capture_ == nullptr) return;
  capture_->AddOps(name_, ops_);
  End();
}

void Launch::PlaceIsReady(LaunchPlace& place) {
  if (state_ == kDone) {
    place.FinishLaunch();
    return;
  }
  ready_.push_back(&place);
  comm_.device.StartNextLaunch();
}

void Launch::StartIfReady() {
  if (state_ != kIssued || !ordered_ || ready_.size() != num_places_) {
    return;
  }
  state_ = kActive;
  comm_.active = this;
  ApplyFaults();
  if (comm_.device.dead) return;
  if (!CheckAccesses()) {
    hangs = true;
    comm_.SetState(ncclUnhandledCudaError, "an illegal memory access");
    return;
  }
  GuardBuffers();
  comm_.clique->TryExchange();
}

void Launch::ApplyFaults() {
  FakeDevice& device = comm_.device;
  FakeMachine& machine = device.machine;
  const auto strikes = [&](FaultKind kind) {
    return machine.Strikes(kind, device.rank, number_, machine.now_ns());
  };
  if (strikes(FaultKind::kNeverCompletes) != nullptr) hangs = true;
  if (const FakeFault* fault = strikes(FaultKind::kAsyncError)) {
    hangs = true;
    comm_.SetState(fault->error, "a scripted fault");
  }
  if (const FakeFault* fault = strikes(FaultKind::kDeath)) {
    device.Die(*fault);
  }
}

bool Launch::CheckAccesses() {
  FakeDevice& device = comm_.device;
  for (size_t i = 0; i < ops_.size(); ++i) {
    for (const Access& access : {ops_[i].Input(), ops_[i].Output()}) {
      const std::string problem = device.memory.Problem(access);
      if (problem.empty()) continue;
      device.Diagnose(
          absl::StrCat(name_, ": ", ops_[i].ToString(), " touches ", problem));
      return false;
    }
    if (Overlap(ops_[i].Input(), ops_[i].Output()) && !ops_[i].in_place()) {
      device.Diagnose(absl::StrCat(name_, ": ", ops_[i].ToString(),
                                   " has buffers that overlap"));
    }
    for (size_t j = 0; j < i; ++j) {
      if (Overlap(ops_[i].Output(), ops_[j].Output()) ||
          Overlap(ops_[i].Output(), ops_[j].Input()) ||
          Overlap(ops_[i].Input(), ops_[j].Output())) {
        device.Diagnose(absl::StrCat(name_, ": buffers of ", ops_[j].ToString(),
                                     " and ", ops_[i].ToString(), " overlap"));
      }
    }
  }
  return true;
}

void Launch::GuardBuffers() {
  for (Op& op : ops_) op.input_hash = HashOf(op.Input());
  for (Op& op : ops_) {
    ForEachPoisoned(op, [](unsigned char* data, int64_t bytes) {
      std::memset(data, kInFlightByte, static_cast<size_t>(bytes));
    });
  }
}

void Launch::CheckBuffers() {
  for (const Op& op : ops_) {
    if (HashOf(op.Input()) != op.input_hash) {
      comm_.device.Diagnose(
          absl::StrCat(name_, ": the input of ", op.ToString(),
                       " was touched while the operation was in flight"));
    }
    bool intact = true;
    ForEachPoisoned(op, [&intact](const unsigned char* data, int64_t bytes) {
      intact = intact && std::all_of(data, data + bytes, [](unsigned char b) {
                 return b == kInFlightByte;
               });
    });
    if (!intact) {
      comm_.device.Diagnose(
          absl::StrCat(name_, ": the output of ", op.ToString(),
                       " was touched while the operation was in flight"));
    }
  }
}

void Launch::End() {
  if (state_ == kDone) return;
  state_ = kDone;
  if (comm_.active == this) comm_.active = nullptr;
  auto& in_flight = comm_.in_flight;
  in_flight.erase(std::remove(in_flight.begin(), in_flight.end(), this),
                  in_flight.end());
  if (in_background_) {
    for (FakeStream* stream : streams_) stream->LibraryIsDone();
  }
  for (LaunchPlace* place : ready_) place->FinishLaunch();
  ready_.clear();
  comm_.device.StartNextLaunch();
  comm_.device.machine.scheduler().CheckConditions();
}

}  // namespace parley::fakes

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_comm.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "parley/base/hash.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {

void FakeComm::SetState(ncclResult_t next, const std::string& why) {
  if (failed()) return;
  state = next;
  if (failed()) last_error = why;
  device.machine.scheduler().CheckConditions();
}

bool FakeComm::HasGraphs() const {
  return std::any_of(graphs.begin(), graphs.end(),
                     [](const GraphBody* body) { return body->refs > 0; });
}

void FakeComm::KillLaunches() {
  const std::vector<Launch*> launches = in_flight;
  for (Launch* launch : launches) launch->End();
}

void Job::OnEvent(int64_t, uint64_t tag) {
  MutexLock lock(&machine.mutex());
  if (comm.device.dead) return;
  if (tag == kPosted) {
    machine.cliques().Arrive(*this);
    return;
  }
  if (kind == kAbort) {
    // A communicator that was still being made is not waited for any longer.
    comm.KillLaunches();
    comm.gone = true;
    if (comm.clique != nullptr) comm.clique->TryFinalize();
  } else {
    comm.SetState(failure, "a scripted fault");
  }
  done = true;
  machine.scheduler().CheckConditions();
}

void Gathering::OnEvent(int64_t, uint64_t) {
  MutexLock lock(&machine->mutex());
  machine->cliques().Complete(*this);
}

Clique::Clique(FakeMachine& machine, int number, std::vector<FakeComm*> ranks)
    : machine(machine),
      number(number),
      members(std::move(ranks)),
      random(machine.Draws("clique", static_cast<uint64_t>(number))),
      splits(members.size()) {}

void Clique::TryFinalize() {
  for (const FakeComm* member : members) {
    if (member->gone || member->finalized) continue;
    if (!member->finalize_arrived || !member->in_flight.empty() ||
        member->HasGraphs()) {
      return;
    }
  }
  for (FakeComm* member : members) {
    if (member->gone || member->finalized) continue;
    member->finalized = true;
    member->SetState(ncclSuccess, "");
  }
}

ncclUniqueId Cliques::NewUniqueId(FakeDevice& device) {
  const std::string name = device.NextName("unique id");
  // Any bytes, zeros among them: who treats an id as a string is found.
  uint64_t word = HashString(name, static_cast<uint64_t>(device.rank));
  ncclUniqueId id;
  for (char& byte : id.internal) {
    word = Mix64(word + 1);
    byte = static_cast<char>(word % 5 == 0 ? 0 : word >> 56);
  }
  ids_.emplace_back(id.internal, sizeof(id.internal));
  return id;
}

Job& Cliques::NewJob(Job::Kind kind, FakeComm& comm) {
  jobs_.push_back(std::make_unique<Job>(machine_, kind, comm));
  return *jobs_.back();
}

Exchange& Cliques::NewExchange() {
  exchanges_.push_back(std::make_unique<Exchange>());
  return *exchanges_.back();
}

void Cliques::Arrive(Job& job) {
  FakeComm& comm = job.comm;
  switch (job.kind) {
    case Job::kInit:
      ArriveForInit(job);
      break;
    case Job::kSplit:
      ArriveForSplit(job);
      break;
    case Job::kShrink:
      ArriveForShrink(job);
      break;
    case Job::kFinalize:
      comm.finalize_arrived = true;
      comm.clique->TryFinalize();
      break;
    case Job::kAbort: {
      Random draws = comm.random.Fork("abort");
      machine_.scheduler().At(machine_.now_ns() + DrawDelayNs(draws), &job,
                              Job::kDue);
      break;
    }
  }
}

void Cliques::ArriveForInit(Job& job) {
  FakeComm& comm = job.comm;
  if (job.hangs) return;
  if (job.failure != ncclSuccess) {
    Random draws = comm.random.Fork("init");
    machine_.scheduler().At(machine_.now_ns() + DrawDelayNs(draws), &job,
                            Job::kDue);
    return;
  }
  if (std::find(ids_.begin(), ids_.end(), job.id) == ids_.end()) {
    comm.device.Diagnose(
        absl::StrCat(comm.name,
                     ": CommInitRankConfig with an id that GetUniqueId did not "
                     "give"));
    comm.SetState(ncclInvalidArgument, "not a unique id");
    return;
  }
  std::vector<Job*>& jobs = inits_[job.id];
  for (const Job* other : jobs) {
    if (other->comm.size == comm.size && other->comm.rank != comm.rank) {
      continue;
    }
    const std::string why = absl::StrCat("rank ", comm.rank, " of ", comm.size,
                                         " comes where rank ", other->comm.rank,
                                         " of ", other->comm.size, " has come");
    comm.device.Diagnose(absl::StrCat(comm.name, ": ", why));
    comm.SetState(ncclInvalidUsage, why);
    return;
  }
  jobs.push_back(&job);
  if (static_cast<int>(jobs.size()) < comm.size) return;
  std::sort(jobs.begin(), jobs.end(), [](const Job* a, const Job* b) {
    return a->comm.rank < b->comm.rank;
  });
  // The entry stays: an id that is used again meets a full house.
  Gather(jobs, HashString(job.id));
}

void Cliques::ArriveForSplit(Job& job) {
  Clique& clique = *job.comm.clique;
  clique.splits[static_cast<size_t>(job.comm.rank)].push_back(&job);
  std::vector<Job*> jobs;
  for (const auto& waiting : clique.splits) {
    if (waiting.empty()) return;
    jobs.push_back(waiting.front());
  }
  for (auto& waiting : clique.splits) waiting.pop_front();
  Gather(std::move(jobs),
         HashCombine(static_cast<uint64_t>(clique.number), clique.exchanges++));
}

void Cliques::ArriveForShrink(Job& job) {
  Clique& clique = *job.comm.clique;
  if (job.comm.revoked) job.comm.KillLaunches();
  std::vector<Job*>& jobs = clique.shrinks[job.excluded];
  jobs.push_back(&job);
  if (jobs.size() + job.excluded.size() < clique.members.size()) return;
  std::sort(jobs.begin(), jobs.end(), [](const Job* a, const Job* b) {
    return a->comm.rank < b->comm.rank;
  });
  Gather(std::exchange(jobs, {}),
         HashCombine(static_cast<uint64_t>(clique.number), clique.exchanges++));
}

void Cliques::Gather(std::vector<Job*> jobs, uint64_t draw) {
  gatherings_.push_back(std::make_unique<Gathering>());
  Gathering& gathering = *gatherings_.back();
  gathering.machine = &machine_;
  gathering.jobs = std::move(jobs);
  Random draws = machine_.Draws("gathering", draw);
  machine_.scheduler().At(machine_.now_ns() + DrawDelayNs(draws), &gathering,
                          0);
}

void Cliques::Found(const std::vector<FakeComm*>& members) {
  const int number = static_cast<int>(cliques_.size());
  cliques_.push_back(std::make_unique<Clique>(machine_, number, members));
  for (size_t rank = 0; rank < members.size(); ++rank) {
    FakeComm& comm = *members[rank];
    comm.clique = cliques_.back().get();
    comm.rank = static_cast<int>(rank);
    comm.size = static_cast<int>(members.size());
    comm.SetState(ncclSuccess, "");
  }
}

void Cliques::Complete(Gathering& gathering) {
  const std::vector<Job*>& jobs = gathering.jobs;
  // Whoever has died or aborted meanwhile leaves the others waiting.
  for (const Job* job : jobs) {
    if (job->comm.gone || job->comm.device.dead) return;
  }
  if (jobs[0]->kind == Job::kInit) {
    std::vector<FakeComm*> members;
    for (const Job* job : jobs) members.push_back(&job->comm);
    Found(members);
  } else {
    CompleteSplit(jobs);
  }
  for (Job* job : jobs) job->done = true;
  machine_.scheduler().CheckConditions();
}

// Shrink is a split in which all have one colour and their old order.
void Cliques::CompleteSplit(const std::vector<Job*>& jobs) {
  std::map<int, std::vector<Job*>> by_color;
  for (Job* job : jobs) {
    if (job->child != nullptr) by_color[job->color].push_back(job);
  }
  for (auto& entry : by_color) {
    std::stable_sort(
        entry.second.begin(), entry.second.end(),
        [](const Job* a, const Job* b) { return a->key < b->key; });
    std::vector<FakeComm*> members;
    for (const Job* job : entry.second) members.push_back(job->child);
    Found(members);
  }
  for (Job* job : jobs) {
    *job->made = reinterpret_cast<ncclComm_t>(job->child);
    if (job->child != nullptr) job->child->handed_out = true;
    if (!job->comm.failed()) job->comm.SetState(ncclSuccess, "");
  }
}

}  // namespace parley::fakes

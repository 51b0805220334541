// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/tests/fakes/fake_graph.h"
#include "parley/tests/fakes/fake_machine.h"

namespace parley::fakes {

int64_t DrawDelayNs(Random& random) {
  constexpr uint64_t kShortNs = 500;
  const uint64_t scale = kShortNs << random.Uniform(8);
  return static_cast<int64_t>(scale + random.Uniform(scale));
}

void FakeStream::Push(sim::SimThread& thread, Item item) {
  item.posted_ns = thread.now_ns;
  items_.push_back(std::move(item));
  if (items_.size() == 1) thread.scheduler->Post(thread, this, 0);
}

void FakeStream::PushLater(Item item) {
  item.posted_ns = device_.machine.now_ns();
  items_.push_back(std::move(item));
  if (items_.size() == 1) LookSoon();
}

void FakeStream::LookSoon() {
  device_.machine.scheduler().At(device_.machine.now_ns(), this, 0);
}

void FakeStream::OnEvent(int64_t, uint64_t tag) {
  MutexLock lock(&device_.machine.mutex());
  if (device_.dead) return;
  if (tag == 0) {
    Look();
  } else if (tag == number_ && !items_.empty()) {
    Run(items_.front());
    Finish();
    Look();
  }
}

void FakeStream::Look() {
  const int64_t now_ns = device_.machine.now_ns();
  while (!items_.empty() && !device_.dead) {
    Item& item = items_.front();
    // The thread that enqueued it may be ahead of the scheduler.
    if (item.posted_ns > now_ns) {
      device_.machine.scheduler().At(item.posted_ns, this, 0);
      return;
    }
    if (item.kind == Item::kWait && item.point->done) {
      Finish();
    } else if (item.kind == Item::kRecord) {
      item.point->done = true;
      for (FakeStream* waiter : item.point->waiters) waiter->LookSoon();
      Finish();
    } else {
      if (!started_) Start(item);
      return;
    }
  }
}

void FakeStream::Start(Item& item) {
  started_ = true;
  switch (item.kind) {
    case Item::kTask:
      device_.machine.scheduler().At(
          device_.machine.now_ns() + device_.Slowed(DrawDelayNs(random_)), this,
          number_);
      break;
    case Item::kLaunch:
      item.launch->PlaceIsReady(*this);
      break;
    case Item::kGraph:
      item.graph->Start(*this);
      break;
    case Item::kWait:
      item.point->waiters.push_back(this);
      break;
    case Item::kRecord:
      break;
  }
}

void FakeStream::Run(Item& item) {
  for (const Access& access : item.accesses) {
    const std::string problem = device_.memory.Problem(access);
    if (problem.empty()) continue;
    device_.Diagnose(
        absl::StrCat(item.name, " on ", name_, " touches ", problem));
    return;
  }
  item.run();
}

void FakeStream::Finish() {
  FakeMachine& machine = device_.machine;
  const Item& item = items_.front();
  machine.Trace(HashCombine(HashString(name_, number_),
                            HashCombine(static_cast<uint64_t>(device_.rank),
                                        static_cast<uint64_t>(item.kind))));
  if (item.kind != Item::kWait) device_.futile_queries = 0;
  items_.pop_front();
  started_ = false;
  ++number_;
}

void FakeStream::FinishLaunch() {
  Finish();
  LookSoon();
}

bool FakeStream::has_work() const {
  return std::any_of(items_.begin(), items_.end(), [](const Item& item) {
    return item.kind != Item::kRecord && item.kind != Item::kWait;
  });
}

std::string FakeStream::UserOf(const Block& block) const {
  for (const Item& item : items_) {
    std::vector<Access> accesses = item.accesses;
    if (item.launch != nullptr) accesses = item.launch->Accesses();
    if (item.graph != nullptr) accesses = item.graph->Accesses();
    for (const Access& access : accesses) {
      if (block.Overlaps(access)) return item.name;
    }
  }
  return "";
}

std::string FakeStream::Describe() const {
  if (items_.empty()) return absl::StrCat(name_, " is idle");
  return absl::StrCat(name_, " waits for ", items_.front().name, " (",
                      items_.size() - 1, " items behind it)");
}

}  // namespace parley::fakes

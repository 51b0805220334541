// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace parley::sim {
namespace {

thread_local SimThread* current_thread = nullptr;

// std::push_heap keeps the largest in front; the earliest event counts as that.
bool Later(const SimEvent& a, const SimEvent& b) {
  if (a.time_ns != b.time_ns) return a.time_ns > b.time_ns;
  if (a.key != b.key) return a.key > b.key;
  return a.sequence > b.sequence;
}

// Events of the scheduler's own come after those of threads.
constexpr int64_t kSchedulerKey = kNever;

}  // namespace

SimThread* Scheduler::Current() { return current_thread; }

void SimThread::OnEvent(int64_t, uint64_t) { scheduler->Wake(*this); }

Scheduler::~Scheduler() {
  std::vector<std::unique_ptr<SimThread>> threads;
  {
    MutexLock lock(&mutex_);
    threads.swap(threads_);
  }
  for (auto& thread : threads) {
    if (thread->thread.joinable()) thread->thread.join();
  }
}

SimThread* Scheduler::AddThread(int64_t key, std::string name,
                                std::function<void()> body) {
  auto owned = std::make_unique<SimThread>(key, std::move(name));
  SimThread* thread = owned.get();
  thread->scheduler = this;
  MutexLock lock(&mutex_);
  threads_.push_back(std::move(owned));
  thread->thread = std::thread(
      [this, thread, body = std::move(body)] { ThreadMain(thread, body); });
  return thread;
}

void Scheduler::ThreadMain(SimThread* thread,
                           const std::function<void()>& body) {
  current_thread = thread;
  thread->wake.acquire();
  body();
  Stop(*thread, /*finished=*/true);
}

void Scheduler::Run() {
  std::vector<SimThread*> ranks;
  std::vector<SimThread*> first;
  {
    MutexLock lock(&mutex_);
    for (auto& thread : threads_) {
      thread->parked = false;
      ranks.push_back(thread.get());
    }
    woken_ = ranks;
    StartWoken();
    first = releases_;
  }
  for (SimThread* thread : first) thread->wake.release();
  // Actors are joined by those who started them.
  for (SimThread* thread : ranks) thread->thread.join();
}

SimThread* Scheduler::StartActor(SimThread& owner, const std::string& name,
                                 std::function<void()> body) {
  const int64_t key = owner.key + ++owner.actors_started;
  SimThread* actor = AddThread(
      key, absl::StrCat("actor ", name, " of ", owner.name), std::move(body));
  actor->now_ns = owner.now_ns;
  actor->parked = false;
  MutexLock lock(&mutex_);
  ran_.push_back(actor);
  if (max_parallel_ != 0 && running_ >= max_parallel_) {
    ready_.insert(ready_.begin(), actor);
  } else {
    ++running_;
    actor->wake.release();
  }
  return actor;
}

void Scheduler::Park(SimThread& thread, int64_t deadline_ns) {
  ++thread.park_count;
  thread.cancelled = false;
  if (deadline_ns != kNever) {
    thread.posted.push_back({std::max(deadline_ns, thread.now_ns), thread.key,
                             thread.next_sequence++, &thread,
                             thread.park_count});
  }
  Stop(thread, /*finished=*/false);
  thread.wake.acquire();
  thread.condition = nullptr;
}

// Takes `thread` out of the running ones; the last to go schedules.
void Scheduler::Stop(SimThread& thread, bool finished) {
  absl::InlinedVector<SimThread*, 16> some;
  SimThread** first = nullptr;
  size_t count = 0;
  {
    MutexLock lock(&mutex_);
    thread.parked = !finished;
    thread.finished = finished;
    if (finished && thread.joiner != nullptr) {
      thread.posted.push_back({thread.now_ns, thread.key,
                               thread.next_sequence++, thread.joiner,
                               thread.joiner->park_count});
    }
    ++parks_;
    --running_;
    if (!ready_.empty()) {
      some.push_back(ready_.back());
      ready_.pop_back();
      ++running_;
    } else if (running_ == 0) {
      Advance();
      if (max_parallel_ != 0) {
        some.assign(releases_.begin(), releases_.end());
      } else {
        first = releases_.data();
        count = releases_.size();
      }
    }
  }
  // Outside the lock, which the released threads will want. Without a limit
  // nobody schedules, and so changes the list, before its last thread has been
  // released and has stopped; with one, a copy is needed.
  for (SimThread* next : some) next->wake.release();
  for (size_t i = 0; i < count; ++i) first[i]->wake.release();
}

void Scheduler::Advance() {
  CollectPosted();
  while (woken_.empty()) {
    if (check_conditions_) {
      WakeIfConditionsHold();
      continue;
    }
    if (!HandleNextTime() && !BreakStandstill()) break;
  }
  StartWoken();
}

void Scheduler::CollectPosted() {
  for (SimThread* thread : ran_) {
    for (const SimEvent& event : thread->posted) Push(event);
    thread->posted.clear();
  }
  ran_.clear();
  for (SimEvent& event : outside_) {
    At(now_ns_, event.target, event.tag);
  }
  outside_.clear();
}

void Scheduler::PostFromOutside(EventTarget* target, uint64_t tag) {
  MutexLock lock(&mutex_);
  outside_.push_back({0, 0, 0, target, tag});
}

void Scheduler::Push(const SimEvent& event) {
  if (events_.size() >= events_checked_) DropStale();
  events_.push_back(event);
  std::push_heap(events_.begin(), events_.end(), Later);
}

// Deadlines of operations that are long done would pile up otherwise.
void Scheduler::DropStale() {
  events_.erase(std::remove_if(events_.begin(), events_.end(),
                               [](const SimEvent& event) {
                                 return event.target->IsStale(event.tag);
                               }),
                events_.end());
  std::make_heap(events_.begin(), events_.end(), Later);
  events_checked_ = std::max<size_t>(64, 2 * events_.size());
}

// Handles all events of the earliest time; false if there are none.
bool Scheduler::HandleNextTime() {
  bool handled = false;
  while (!events_.empty()) {
    const SimEvent event = events_.front();
    const bool stale = event.target->IsStale(event.tag);
    if (!stale && handled && event.time_ns > now_ns_) break;
    std::pop_heap(events_.begin(), events_.end(), Later);
    events_.pop_back();
    if (stale) continue;
    handled = true;
    now_ns_ = event.time_ns;
    event.target->OnEvent(event.time_ns, event.tag);
  }
  if (check_conditions_) WakeIfConditionsHold();
  return handled;
}

void Scheduler::At(int64_t time_ns, EventTarget* target, uint64_t tag) {
  Push({time_ns, kSchedulerKey, sequence_++, target, tag});
}

void Scheduler::Wake(SimThread& thread) {
  if (!thread.parked || thread.hung) return;
  if (thread.now_ns > now_ns_) {
    At(thread.now_ns, &thread, thread.park_count);
    return;
  }
  thread.now_ns = now_ns_;
  thread.parked = false;
  woken_.push_back(&thread);
}

void Scheduler::WakeIfConditionsHold() {
  check_conditions_ = false;
  std::vector<SimThread*> waiting;
  for (auto& thread : threads_) {
    if (thread->parked && thread->condition != nullptr) {
      waiting.push_back(thread.get());
    }
  }
  std::sort(waiting.begin(), waiting.end(),
            [](SimThread* a, SimThread* b) { return a->key < b->key; });
  for (SimThread* thread : waiting) {
    if ((*thread->condition)()) Wake(*thread);
  }
}

// Nobody runs and nothing is pending. Returns whether that could be changed.
bool Scheduler::BreakStandstill() {
  std::vector<SimThread*> stuck;
  for (auto& thread : threads_) {
    if (!thread->finished) stuck.push_back(thread.get());
  }
  if (stuck.empty()) return false;
  std::sort(stuck.begin(), stuck.end(),
            [](SimThread* a, SimThread* b) { return a->key < b->key; });
  const bool all_hung = std::all_of(stuck.begin(), stuck.end(),
                                    [](SimThread* t) { return t->hung; });
  if (!all_hung) {
    std::string text = "deadlock:";
    for (SimThread* thread : stuck) {
      absl::StrAppend(&text, thread == stuck.front() ? " " : "; ", thread->name,
                      " at ", absl::StrFormat("%.3f", thread->now_ns / 1e3),
                      " us ",
                      thread->hung ? "hangs (scripted)" : thread->waits_for());
    }
    on_deadlock_(absl::AbortedError(text));
  }
  for (SimThread* thread : stuck) {
    if (!thread->parked) continue;  // its operation has just ended
    if (!all_hung && thread->hung) continue;
    thread->hung = false;
    thread->cancelled = true;
    thread->now_ns = std::max(thread->now_ns, now_ns_);
    now_ns_ = std::max(thread->now_ns, now_ns_);
    Wake(*thread);
  }
  return true;
}

// Lets the woken threads run, as many at once as are allowed.
void Scheduler::StartWoken() {
  releases_.clear();
  for (SimThread* thread : woken_) {
    ran_.push_back(thread);
    if (max_parallel_ != 0 && running_ >= max_parallel_) {
      ready_.push_back(thread);
    } else {
      ++running_;
      releases_.push_back(thread);
    }
  }
  // The first of them is next, at the back.
  std::reverse(ready_.begin(), ready_.end());
  woken_.clear();
}

bool SimClock::WaitUntil(const std::function<bool()>& condition,
                         int64_t deadline_ns) {
  SimThread& thread = Caller();
  while (!condition()) {
    if (thread.now_ns >= deadline_ns) return false;
    thread.condition = &condition;
    thread.waits_for = [] { return "waits for a condition"; };
    scheduler_.Park(thread, deadline_ns);
    if (thread.cancelled) return condition();
  }
  return true;
}

namespace {

class Actor : public ClockThread {
 public:
  Actor(Scheduler& scheduler, SimThread& owner, SimThread* thread)
      : scheduler_(scheduler), owner_(owner), thread_(thread) {}
  ~Actor() override { Actor::Join(); }

  void Join() override {
    SimThread* current = Scheduler::Current();
    SimThread& caller = current == nullptr ? owner_ : *current;
    // Only the scheduler's order decides whether the actor has ended by now, so
    // that the caller's clock does not depend on who was faster.
    while (!joined_) {
      scheduler_.Post(caller, this_event(), 0);
      caller.waits_for = [this] {
        return absl::StrCat("waits for the end of ", thread_->name);
      };
      waiter_.caller = &caller;
      waiter_.thread = thread_;
      scheduler_.Park(caller);
      joined_ = thread_->finished;
      if (caller.cancelled && !joined_) caller.cancelled = false;
    }
    if (thread_->thread.joinable()) thread_->thread.join();
  }

 private:
  // Handled while nothing runs: wakes the caller if the actor has ended, and
  // has the actor's end wake it otherwise.
  struct Waiter final : EventTarget {
    void OnEvent(int64_t, uint64_t) override {
      if (thread->finished) {
        caller->scheduler->Wake(*caller);
      } else {
        thread->joiner = caller;
      }
    }
    SimThread* caller = nullptr;
    SimThread* thread = nullptr;
  };
  EventTarget* this_event() { return &waiter_; }

  Scheduler& scheduler_;
  SimThread& owner_;
  SimThread* thread_;
  Waiter waiter_;
  bool joined_ = false;
};

}  // namespace

std::unique_ptr<ClockThread> SimClock::StartThread(std::string name,
                                                   std::function<void()> body) {
  SimThread& owner = Caller();
  return std::make_unique<Actor>(
      scheduler_, owner, scheduler_.StartActor(owner, name, std::move(body)));
}

}  // namespace parley::sim

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Scheduler: virtual time over real threads. Threads (a world's ranks, and the
// actors beside them) run freely until they park; when all are parked, the last
// one to park runs the scheduler, which takes the pending events in
// (time, thread, sequence) order until one of them wakes somebody. Everything
// that events do happens while no rank runs, so their handlers need no locks
// and make every decision in a fixed order.
//
// Invariant: a running thread's clock is not before the scheduler's, so what it
// posts is never in the past.
//
// Thread-safety: methods marked [thread] are called by the SimThread they name,
// those marked [event] from inside event handlers, the others while nothing
// runs.
#ifndef PARLEY_SIM_SCHEDULER_H_
#define PARLEY_SIM_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "parley/base/clock.h"
#include "parley/base/mutex.h"

namespace parley::sim {

// What an event is delivered to. `tag` is the poster's own.
class EventTarget {
 public:
  virtual void OnEvent(int64_t time_ns, uint64_t tag) = 0;

  // Whether the event has lost its meaning, such as the deadline of an
  // operation that is done. Such events do not make time pass.
  virtual bool IsStale(uint64_t tag) const {
    (void)tag;
    return false;
  }

 protected:
  ~EventTarget() = default;
};

struct SimEvent {
  int64_t time_ns;
  int64_t key;  // of the poster; ties go to the lower one
  uint64_t sequence;
  EventTarget* target;
  uint64_t tag;
};

// A thread that the scheduler knows.
class SimThread final : public EventTarget {
 public:
  SimThread(int64_t key, std::string name) : key(key), name(std::move(name)) {}

  // Wakes the thread, if it is still parked as it was when `tag` was taken.
  void OnEvent(int64_t time_ns, uint64_t tag) override;
  bool IsStale(uint64_t tag) const override {
    return !parked || tag != park_count;
  }

  // Orders threads: owner's rank, then 0 for the rank itself, then its actors
  // in the order of creation.
  const int64_t key;
  const std::string name;  // "rank 3", "actor watchdog of rank 3"

  int64_t now_ns = 0;  // its own clock
  uint64_t next_sequence = 0;
  std::vector<SimEvent> posted;  // since it last parked

  class Scheduler* scheduler = nullptr;
  bool parked = true;
  bool finished = false;
  bool hung = false;       // a scripted fault: wakes only when all is over
  bool cancelled = false;  // woken because nothing else could be done
  uint64_t park_count = 0;

  // While parked: what to say in a deadlock report, and what to watch.
  std::function<std::string()> waits_for;
  const std::function<bool()>* condition = nullptr;

  int actors_started = 0;
  SimThread* joiner = nullptr;
  std::binary_semaphore wake{0};
  std::thread thread;
};

class Scheduler {
 public:
  // At most `max_parallel` threads run at once; 0 for no limit.
  explicit Scheduler(int max_parallel) : max_parallel_(max_parallel) {
    events_.reserve(events_checked_);
  }
  ~Scheduler();

  // Adds a thread that starts to run `body` when Run() is called.
  SimThread* AddThread(int64_t key, std::string name,
                       std::function<void()> body);

  // Runs all threads to their ends.
  void Run();

  // The clock of the scheduler: the time of the event being handled.
  int64_t now_ns() const { return now_ns_; }

  // [thread] Posts an event at the thread's own time.
  void Post(SimThread& thread, EventTarget* target, uint64_t tag) {
    thread.posted.push_back(
        {thread.now_ns, thread.key, thread.next_sequence++, target, tag});
  }

  // Posts an event from a thread that the scheduler does not know, to be
  // handled when next nothing runs.
  void PostFromOutside(EventTarget* target, uint64_t tag)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // [thread] Parks until an event wakes the thread, or until its clock reaches
  // `deadline_ns`. `thread.waits_for` says what for.
  void Park(SimThread& thread, int64_t deadline_ns = kNever);

  // [thread] A thread beside `owner`, starting at the owner's time.
  SimThread* StartActor(SimThread& owner, const std::string& name,
                        std::function<void()> body);

  // [event] Schedules an event. Requires time_ns >= now_ns().
  void At(int64_t time_ns, EventTarget* target, uint64_t tag);

  // [event] Wakes a parked thread as soon as its own clock is reached.
  void Wake(SimThread& thread);

  // [event] Conditions of parked threads are looked at before time goes on.
  void CheckConditions() { check_conditions_ = true; }

  // [event] A thread that shall never run again of its own.
  void Hang(SimThread& thread) { thread.hung = true; }

  // Called when nobody can run and nothing is pending, with who waits for
  // what. Must make waits end.
  void set_on_deadlock(std::function<void(const absl::Status&)> handler) {
    on_deadlock_ = std::move(handler);
  }

  // Number of times a thread parked.
  int64_t parks() const { return parks_; }

  // The thread that is calling, null if the scheduler does not know it.
  static SimThread* Current();

 private:
  void ThreadMain(SimThread* thread, const std::function<void()>& body);
  void Stop(SimThread& thread, bool finished);
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HandleNextTime() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CollectPosted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Push(const SimEvent& event);
  void DropStale();
  void WakeIfConditionsHold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool BreakStandstill() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartWoken() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int max_parallel_;
  std::function<void(const absl::Status&)> on_deadlock_;

  Mutex mutex_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<SimThread*> ready_ ABSL_GUARDED_BY(mutex_);  // next at the back
  std::vector<SimThread*> ran_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<SimThread>> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<SimEvent> outside_ ABSL_GUARDED_BY(mutex_);
  int64_t parks_ = 0;

  // Touched by the scheduling thread alone, which exists only while no thread
  // runs, or by the one thread that was released last.
  int64_t now_ns_ = 0;
  uint64_t sequence_ = 0;
  std::vector<SimEvent> events_;  // a heap, earliest first
  size_t events_checked_ = 64;    // size at which stale ones are dropped
  std::vector<SimThread*> woken_;
  std::vector<SimThread*> releases_;
  bool check_conditions_ = false;
};

// The clock of a simulated world, for the thread that asks.
class SimClock final : public Clock, public EventTarget {
 public:
  SimClock(Scheduler& scheduler, SimThread& rank)
      : scheduler_(scheduler), rank_(rank) {}

  int64_t NowNs() override { return Caller().now_ns; }
  bool WaitUntil(const std::function<bool()>& condition,
                 int64_t deadline_ns) override;
  void Wake() override { scheduler_.Post(Caller(), this, 0); }
  std::unique_ptr<ClockThread> StartThread(std::string name,
                                           std::function<void()> body) override;

  void OnEvent(int64_t, uint64_t) override { scheduler_.CheckConditions(); }

 private:
  // A thread of the caller's own making acts in the name of its rank.
  SimThread& Caller() {
    SimThread* current = Scheduler::Current();
    return current == nullptr ? rank_ : *current;
  }

  Scheduler& scheduler_;
  SimThread& rank_;
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_SCHEDULER_H_

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Owner: the one thread that makes, uses, polls and destroys a family of NCCL
// communicators. NCCL's non-blocking communicators misbehave when several
// threads use them, and communicators of one device must be used in one order;
// one thread with a queue gives both.
//
//   Owner owner(clock, /*hung_after=*/absl::Seconds(30));
//   owner.Start(/*begin=*/SetTheDevice, /*poll=*/LookAtWhatIsUnderWay);
//   absl::Status status = owner.Call([&] { return UseNccl(); });
//   owner.Stop();
//
// The numbers in comments are those of the abort contract, in
// nccl_communicator.h.
//
// Virtual time: requests and answers carry the time at which they were made,
// and are taken at that time at the earliest, so that in a simulated world it
// does not matter which thread was faster.
//
// Thread-safety: Submit, Wait, Call, Interrupt and IsHung may be called from
// any thread but the owner's; Await and Sleep only from the owner's.
#ifndef PARLEY_COMM_NCCL_OWNER_H_
#define PARLEY_COMM_NCCL_OWNER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "parley/base/clock.h"
#include "parley/base/mutex.h"

namespace parley::nccl {

// What a call says whose owner hangs.
inline constexpr char kOwnerHangs[] =
    "the communicator's thread hangs in a call of NCCL, CUDA or the store: the "
    "communicator is wedged, its buffers may still be written, and the process "
    "must exit";

// Something for the owner to do. Counted, since a caller may give up waiting.
class Request {
 public:
  virtual void Ref() = 0;
  virtual void Unref() = 0;

  // On the owner's thread.
  virtual void Execute() = 0;

 protected:
  ~Request() = default;

  // Makes it fit for another Submit().
  void Reset() { done_ns_.store(kNever, std::memory_order_relaxed); }

 private:
  friend class Owner;
  Request* next_ = nullptr;
  int64_t submitted_ns_ = 0;
  std::atomic<int64_t> done_ns_{kNever};
};

class Owner {
 public:
  // An owner that does one thing for longer than `hung_after` counts as hung
  // when that has been seen twice, `hung_after` apart.
  Owner(Clock& clock, absl::Duration hung_after);
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  ~Owner();

  // Starts the thread. `begin` is called on it once; `poll` whenever it has
  // nothing to do or waits, and says when it wants to be called next.
  void Start(std::function<void()> begin, std::function<int64_t()> poll);

  // Appends `request`, and holds a reference until it has been executed.
  void Submit(Request* request) ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits until `request` has been executed; false if the owner hangs [9].
  bool Wait(Request& request);

  // Submits `body` and waits for what it returns; kFailedPrecondition if the
  // owner hangs. `body` may then still run later: it must own what it uses.
  absl::Status Call(std::function<absl::Status()> body);

  // Has `poll` called at once, from within any Await.
  void Interrupt();

  // Looks whether the owner hangs in a call of NCCL, of CUDA or of the store.
  // Once it did it counts as hung for ever.
  bool IsHung() ABSL_LOCKS_EXCLUDED(mutex_);

  bool hung() const { return hung_; }

  // Ends the thread after all that was submitted. False if it hangs: then this
  // object must never be destroyed [9].
  bool Stop();

  // Blocks until the thread has ended: for tests, after Stop() gave it up.
  void Join() { thread_->Join(); }

  // Waits until `ready` holds, looking often at first; false at `deadline_ns`.
  // Calls `poll` meanwhile, if `polls`.
  bool Await(absl::FunctionRef<bool()> ready, int64_t deadline_ns,
             bool polls = true);

 private:
  void Run();
  bool ExecuteNext() ABSL_LOCKS_EXCLUDED(mutex_);
  Request* Front() ABSL_LOCKS_EXCLUDED(mutex_);
  // Until something is pending or the time has come.
  void Sleep(int64_t until_ns, bool for_requests);
  int64_t Pending(bool for_requests);

  Clock& clock_;
  const int64_t hung_after_ns_;
  std::function<void()> begin_;
  std::function<int64_t()> poll_;
  std::unique_ptr<ClockThread> thread_;

  // Since when the thread has not slept; kNever while it sleeps.
  std::atomic<int64_t> busy_since_ns_{kNever};
  std::atomic<int64_t> interrupt_ns_{kNever};
  std::atomic<int64_t> stop_ns_{kNever};
  std::atomic<int64_t> ended_ns_{kNever};
  std::atomic<bool> hung_{false};

  Mutex mutex_;
  Request* first_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Request* last_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int64_t suspected_since_ns_ ABSL_GUARDED_BY(mutex_) = kNever;
  int64_t suspected_ns_ ABSL_GUARDED_BY(mutex_) = kNever;
};

}  // namespace parley::nccl

#endif  // PARLEY_COMM_NCCL_OWNER_H_

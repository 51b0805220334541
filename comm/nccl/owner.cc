// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/owner.h"

#include <algorithm>
#include <utility>

#include "parley/base/poll_interval.h"

namespace parley::nccl {
namespace {

// What Call() submits.
class Closure final : public Request {
 public:
  explicit Closure(std::function<absl::Status()> body)
      : body_(std::move(body)) {}

  void Ref() override { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() override {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  void Execute() override {
    status_ = body_();
    body_ = nullptr;  // what it owns must not live longer than it is needed
  }

  // After it was executed, once. Moved: copies of a status share what they
  // say, and ThreadSanitizer cannot see who is the last to use it where Abseil
  // is built without it.
  absl::Status TakeStatus() { return std::move(status_); }

 private:
  std::atomic<int> refs_{1};
  std::function<absl::Status()> body_;
  absl::Status status_;
};

}  // namespace

Owner::Owner(Clock& clock, absl::Duration hung_after)
    : clock_(clock), hung_after_ns_(absl::ToInt64Nanoseconds(hung_after)) {}

Owner::~Owner() {
  // Only an owner that hung has not executed all.
  MutexLock lock(&mutex_);
  while (first_ != nullptr) {
    Request* const request = first_;
    first_ = request->next_;
    request->Unref();
  }
}

void Owner::Start(std::function<void()> begin, std::function<int64_t()> poll) {
  begin_ = std::move(begin);
  poll_ = std::move(poll);
  thread_ = clock_.StartThread("nccl owner", [this] { Run(); });
}

void Owner::Run() {
  busy_since_ns_ = clock_.NowNs();
  begin_();
  while (!hung_) {
    busy_since_ns_ = clock_.NowNs();
    if (ExecuteNext()) continue;
    if (stop_ns_ <= clock_.NowNs()) break;
    Sleep(poll_(), /*for_requests=*/true);
  }
  busy_since_ns_ = kNever;
  ended_ns_ = clock_.NowNs();
  clock_.Wake();
}

void Owner::Submit(Request* request) {
  request->Ref();
  request->next_ = nullptr;
  request->submitted_ns_ = clock_.NowNs();
  {
    MutexLock lock(&mutex_);
    (first_ == nullptr ? first_ : last_->next_) = request;
    last_ = request;
  }
  clock_.Wake();
}

Request* Owner::Front() {
  MutexLock lock(&mutex_);
  return first_;
}

bool Owner::ExecuteNext() {
  Request* const request = Front();
  if (request == nullptr || request->submitted_ns_ > clock_.NowNs()) {
    return false;
  }
  {
    MutexLock lock(&mutex_);
    first_ = request->next_;
  }
  request->Execute();
  request->done_ns_.store(clock_.NowNs(), std::memory_order_release);
  clock_.Wake();
  request->Unref();
  return true;
}

bool Owner::Wait(Request& request) {
  const auto done = [&request] {
    return request.done_ns_.load(std::memory_order_acquire) != kNever;
  };
  while (!clock_.WaitUntil(done, DeadlineAfter(clock_.NowNs(),
                                               hung_after_ns_))) {  // [9]
    if (IsHung()) return false;
  }
  const int64_t done_ns = request.done_ns_.load(std::memory_order_acquire);
  if (done_ns > clock_.NowNs()) clock_.WaitUntil([] { return false; }, done_ns);
  return true;
}

absl::Status Owner::Call(std::function<absl::Status()> body) {
  auto* closure = new Closure(std::move(body));
  Submit(closure);
  absl::Status status = absl::FailedPreconditionError(kOwnerHangs);
  if (Wait(*closure)) status = closure->TakeStatus();
  closure->Unref();
  return status;
}

void Owner::Interrupt() {
  const int64_t now_ns = clock_.NowNs();
  int64_t before = interrupt_ns_.load();
  while (before > now_ns &&
         !interrupt_ns_.compare_exchange_weak(before, now_ns)) {
  }
  clock_.Wake();
}

bool Owner::IsHung() {
  const int64_t since_ns = busy_since_ns_.load();
  const int64_t now_ns = clock_.NowNs();
  if (since_ns == kNever || now_ns < DeadlineAfter(since_ns, hung_after_ns_)) {
    return hung_;
  }
  // Seen twice, with time in between: a process that was stopped for a while
  // finds its own thread late.
  MutexLock lock(&mutex_);
  if (suspected_since_ns_ != since_ns) {
    suspected_since_ns_ = since_ns;
    suspected_ns_ = now_ns;
  } else if (now_ns >= DeadlineAfter(suspected_ns_, hung_after_ns_)) {
    hung_ = true;
  }
  return hung_;
}

bool Owner::Stop() {
  stop_ns_ = clock_.NowNs();
  clock_.Wake();
  const auto ended = [this] { return ended_ns_.load() != kNever; };
  while (!clock_.WaitUntil(
      ended, DeadlineAfter(clock_.NowNs(), hung_after_ns_))) {  // [9]
    if (IsHung()) return false;
  }
  thread_->Join();
  return true;
}

int64_t Owner::Pending(bool for_requests) {
  int64_t earliest = interrupt_ns_.load();
  if (!for_requests) return earliest;
  const Request* const front = Front();
  if (front != nullptr) earliest = std::min(earliest, front->submitted_ns_);
  return std::min(earliest, stop_ns_.load());
}

void Owner::Sleep(int64_t until_ns, bool for_requests) {
  busy_since_ns_ = kNever;
  const int64_t pending = Pending(for_requests);
  if (pending != kNever) {
    // Known, but of a later time: others may be faster than this thread.
    clock_.WaitUntil([] { return false; }, std::min(pending, until_ns));
  } else {
    clock_.WaitUntil(
        [this, for_requests] { return Pending(for_requests) != kNever; },
        until_ns);
  }
  const int64_t now_ns = clock_.NowNs();
  int64_t interrupted = interrupt_ns_.load();
  if (interrupted <= now_ns) {
    interrupt_ns_.compare_exchange_strong(interrupted, kNever);
  }
  busy_since_ns_ = now_ns;
}

bool Owner::Await(absl::FunctionRef<bool()> ready, int64_t deadline_ns,
                  bool polls) {
  PollInterval interval;
  while (!ready()) {
    const int64_t now_ns = clock_.NowNs();
    if (now_ns >= deadline_ns || hung_) return false;
    const int64_t sleep_ns = interval.NextNs();
    if (sleep_ns == 0) continue;
    int64_t until_ns = std::min(deadline_ns, DeadlineAfter(now_ns, sleep_ns));
    if (polls) until_ns = std::min(until_ns, poll_());
    Sleep(until_ns, /*for_requests=*/false);
  }
  return true;
}

}  // namespace parley::nccl

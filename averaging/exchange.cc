// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/averaging/annotate.h"
#include "parley/base/status_macros.h"

namespace parley {

Exchange::Exchange(Communicator& communicator, const ParameterSet& parameters,
                   const AveragingPlan& plan, const Options& options)
    : communicator_(communicator),
      device_(communicator.device()),
      plan_(plan),
      options_(options),
      slots_(static_cast<size_t>(plan.slots())),
      weights_(communicator.size()),
      lists_(plan.dimensions()),
      packer_(
          device_,
          options.outer == nullptr ? nullptr : &options.outer->copies().front(),
          plan.dimensions().packs, plan.dimensions().buckets),
      copy_writer_(parameters, device_, plan.dimensions().pieces,
                   plan.dimensions().buckets) {
  if (options.outer == nullptr) return;
  outer_writer_ = std::make_unique<OuterWriter>(
      parameters, *options.outer, device_, plan.dimensions().pieces,
      plan.dimensions().buckets);
}

absl::StatusOr<std::unique_ptr<Exchange>> Exchange::Create(
    Communicator& communicator, const ParameterSet& parameters,
    const AveragingPlan& plan, const Options& options) {
  auto exchange = std::unique_ptr<Exchange>(
      new Exchange(communicator, parameters, plan, options));
  PARLEY_RETURN_IF_ERROR(exchange->Allocate());
  return exchange;
}

absl::Status Exchange::CreateSlot(Slot& slot) {
  PARLEY_ASSIGN_OR_RETURN(slot.stream, device_.CreateStream());
  slot.event = device_.CreateEvent();
  PARLEY_ASSIGN_OR_RETURN(
      slot.exchange,
      Allocation::Create(device_.allocator(), plan_.exchange_bytes()));
  PARLEY_ASSIGN_OR_RETURN(
      slot.stage, Allocation::Create(device_.allocator(), plan_.stage_bytes()));
  PARLEY_ASSIGN_OR_RETURN(
      slot.sum,
      Allocation::Create(device_.host_visible_allocator(), sizeof(uint64_t)));
  return absl::OkStatus();
}

absl::Status Exchange::Allocate() {
  begin_ = device_.CreateEvent();
  for (Slot& slot : slots_) PARLEY_RETURN_IF_ERROR(CreateSlot(slot));
  PARLEY_ASSIGN_OR_RETURN(
      zero_,
      Allocation::Create(device_.host_visible_allocator(), plan_.zero_bytes()));
  std::memset(zero_.data(), 0, static_cast<size_t>(zero_.bytes()));
  return absl::OkStatus();
}

// What this rank brings to bucket b: the tensor, or where its pieces are
// packed.
TensorView Exchange::ValuesOf(int b) {
  const Bucket& bucket = plan_.buckets()[b];
  if (bucket.in_place) return plan_.pieces()[bucket.first_piece].view;
  Slot& slot = SlotOf(b);
  const Allocation& area =
      bucket.route->PacksIntoExchange() ? slot.exchange : slot.stage;
  return {area.data(), bucket.dtype, bucket.count, device_.id()};
}

// Where the result of bucket b ends up.
TensorView Exchange::ResultOf(int b) {
  const Bucket& bucket = plan_.buckets()[b];
  if (IsResultInTensor(bucket)) return plan_.pieces()[bucket.first_piece].view;
  return {SlotOf(b).exchange.data(), bucket.dtype, bucket.count, device_.id()};
}

void Exchange::Select(absl::Span<const uint8_t> takes_part) {
  if (std::equal(selected_.begin(), selected_.end(), takes_part.begin(),
                 takes_part.end())) {
    return;
  }
  selected_.assign(takes_part.begin(), takes_part.end());
  lists_.active.clear();
  packer_.Clear();
  for (int b = 0; b < static_cast<int>(plan_.buckets().size()); ++b) {
    lists_.slot[b] = static_cast<uint8_t>(lists_.active.size() % slots_.size());
    const Bucket& bucket = plan_.buckets()[b];
    const Slot& slot = SlotOf(b);
    const absl::Span<const Piece> pieces =
        plan_.pieces().subspan(bucket.first_piece, bucket.num_pieces);
    if (!bucket.in_place) {
      packer_.Add(b, bucket, pieces, ValuesOf(b), slot.exchange.data(),
                  zero_.data());
    }
    const int taking_part =
        WriterOf(bucket).Select(b,
                                {bucket, pieces, ResultOf(b),
                                 IsResultInTensor(bucket), slot.stage.data()},
                                takes_part);
    if (taking_part > 0) lists_.active.push_back(b);
  }
}

// What the bucket at `position` among the active ones is lent.
BucketRun Exchange::RunOf(size_t position) {
  const int b = lists_.active[position];
  Slot& slot = SlotOf(b);
  return {.bucket = plan_.buckets()[b],
          .values = ValuesOf(b),
          .result = ResultOf(b),
          .exchange = slot.exchange.data(),
          .stage = slot.stage.data(),
          .arguments =
              lists_.ArgumentsOf(position % AveragingPlan::kArgumentPlaces),
          .zero = zero_.data(),
          .weights = weights_,
          .communicator = communicator_,
          .device = device_,
          .stream = *slot.stream,
          .packer = packer_,
          .index = b};
}

absl::Status Exchange::Start(MeetingKind kind, absl::Span<const double> weights,
                             Stream* after, const Deadline& deadline) {
  kind_ = kind;
  weights_.Set(weights);
  lists_.works.clear();
  if (lists_.active.empty()) return absl::OkStatus();
  absl::Status status = Issue(after, deadline);
  if (status.ok()) status = IssueBarrier(deadline);
  return status.ok() ? status : Abandon(status);
}

absl::StatusOr<Exchange::Result> Exchange::Finish(const Deadline& deadline) {
  Result result;
  result.ranks = static_cast<int>(weights_.ranks().size());
  if (lists_.active.empty()) return result;
  const absl::Status status = barrier_.WaitHost(deadline.Remaining());
  if (!status.ok()) return Abandon(status);
  barrier_ = Work();
  lists_.works.clear();

  for (int b : lists_.active) {
    result.bytes_received +=
        plan_.BytesReceived(plan_.buckets()[b], communicator_.rank());
  }
  for (Slot& slot : slots_) result.fingerprint += slot.fingerprint();
  return result;
}

absl::StatusOr<Exchange::Result> Exchange::Run(MeetingKind kind,
                                               absl::Span<const double> weights,
                                               Stream* after,
                                               const Deadline& deadline) {
  PARLEY_RETURN_IF_ERROR(Start(kind, weights, after, deadline));
  return Finish(deadline);
}

// Neighbours overlap: the second half of a bucket is issued behind the first
// half of the next one.
absl::Status Exchange::Issue(Stream* after, const Deadline& deadline) {
  if (after != nullptr) after->Record(*begin_);
  for (Slot& slot : slots_) {
    if (after != nullptr) slot.stream->Wait(*begin_);
    slot.fingerprint() = 0;
  }
  // The host waits for several buckets at a time: to wake it for each would
  // take longer than some of them do.
  constexpr size_t kAtATime = AveragingPlan::kLookAhead / 2;
  const size_t count = lists_.active.size();
  for (size_t i = 0; i <= count; ++i) {
    if (i >= AveragingPlan::kLookAhead && i < count && i % kAtATime == 0) {
      PARLEY_RETURN_IF_ERROR(
          lists_.works[i - kAtATime - 1].WaitHost(deadline.Remaining()));
    }
    if (i < count) {
      const BucketRun run = RunOf(i);
      PARLEY_RETURN_IF_ERROR(run.bucket.route->IssueFront(run, deadline));
    }
    if (i > 0) PARLEY_RETURN_IF_ERROR(IssueBack(i - 1, deadline));
  }
  return absl::OkStatus();
}

absl::Status Exchange::IssueBack(size_t position, const Deadline& deadline) {
  const BucketRun run = RunOf(position);
  const Bucket& bucket = run.bucket;
  PARLEY_ASSIGN_OR_RETURN(Work work,
                          bucket.route->IssueOperation(run, deadline));
  lists_.works.push_back(std::move(work));
  PARLEY_RETURN_IF_ERROR(bucket.route->IssueResult(run));

  uint64_t* const sum =
      options_.fingerprint ? &SlotOf(run.index).fingerprint() : nullptr;
  return WriterOf(bucket).Issue(run.index, kind_, sum, run.stream);
}

// Reached by the last slot's work only behind that of all others.
absl::Status Exchange::IssueBarrier(const Deadline& deadline) {
  Slot& last = slots_.front();
  for (Slot& slot : slots_) {
    if (&slot == &last) continue;
    slot.stream->Record(*slot.event);
    last.stream->Wait(*slot.event);
  }
  PARLEY_ASSIGN_OR_RETURN(
      barrier_, communicator_.Barrier(*last.stream, deadline.ForCall()));
  return absl::OkStatus();
}

absl::Status Exchange::Abandon(const absl::Status& reason) {
  absl::Status cause = reason;
  communicator_.Abort(reason);
  for (Slot& slot : slots_) {
    const absl::Status status = slot.stream->WaitHost(absl::InfiniteDuration());
    // A call refused because the communicator had failed: the work before it
    // knows why.
    if (cause.code() == absl::StatusCode::kFailedPrecondition && !status.ok()) {
      cause = status;
    }
  }
  std::fill(lists_.complete.begin(), lists_.complete.end(), 0);
  int complete = 0;
  for (size_t i = 0; i < lists_.works.size(); ++i) {
    if (!lists_.works[i].WaitHost().ok()) continue;
    lists_.complete[lists_.active[i]] = 1;
    ++complete;
  }
  lists_.works.clear();
  barrier_ = Work();
  return Annotate(cause, absl::StrCat(complete, " of ", lists_.active.size(),
                                      " buckets are complete"));
}

}  // namespace parley

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/exchange.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"
#include "parley/comm/shard.h"

namespace parley {

Exchange::Exchange(Communicator& communicator, const ParameterSet& parameters,
                   const AveragingPlan& plan, const Options& options)
    : communicator_(communicator),
      device_(communicator.device()),
      parameters_(parameters),
      plan_(plan),
      options_(options),
      slots_(static_cast<size_t>(plan.slots())) {}

absl::StatusOr<std::unique_ptr<Exchange>> Exchange::Create(
    Communicator& communicator, const ParameterSet& parameters,
    const AveragingPlan& plan, const Options& options) {
  if (options.data_path == DataPath::kFused && !communicator.has_fused_mean()) {
    return absl::InvalidArgumentError(absl::StrCat("data_path: fused, but ",
                                                   communicator.ToString(),
                                                   " has no FusedMean"));
  }
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
  slot.outputs[0] = slot.stage.data();
  return absl::OkStatus();
}

absl::Status Exchange::Allocate() {
  begin_ = device_.CreateEvent();
  for (Slot& slot : slots_) PARLEY_RETURN_IF_ERROR(CreateSlot(slot));

  const size_t ranks = static_cast<size_t>(communicator_.size());
  const size_t buckets = plan_.buckets().size();
  const size_t ahead = std::min<size_t>(AveragingPlan::kLookAhead, buckets);
  ranks_.reserve(ranks);
  weights_.reserve(ranks);
  all_weights_.reserve(ranks);
  inputs_.resize(ahead * ranks);
  works_.reserve(buckets);
  active_.reserve(buckets);
  taking_part_.resize(buckets);
  slot_.resize(buckets);
  pack_.resize(plan_.pieces().size());
  unpack_.resize(plan_.pieces().size());
  prints_.resize(plan_.pieces().size());
  if (plan_.reduction() != Reduction::kNative) return absl::OkStatus();
  native_.resize(buckets);
  PARLEY_ASSIGN_OR_RETURN(
      zero_,
      Allocation::Create(device_.host_visible_allocator(), sizeof(double)));
  *static_cast<double*>(zero_.data()) = 0;
  return absl::OkStatus();
}

bool Exchange::UsesFusedMean(const Bucket& bucket) const {
  return options_.data_path == DataPath::kFused &&
         bucket.policy == Policy::kAverage;
}

TensorView Exchange::ResultArea(int b) {
  const Bucket& bucket = plan_.buckets()[b];
  if (UsesFusedMean(bucket) && bucket.in_place) {
    return plan_.pieces()[bucket.first_piece].view;
  }
  return TensorView(SlotOf(b).exchange.data(), bucket.dtype, bucket.count,
                    device_.id());
}

// What is reduced on the way is packed where it does not stand in the way of
// what is received.
TensorView Exchange::PackArea(int b) {
  const Bucket& bucket = plan_.buckets()[b];
  if (UsesFusedMean(bucket) || plan_.IsNative(bucket) ||
      bucket.policy == Policy::kBroadcast) {
    return ResultArea(b);
  }
  return TensorView(SlotOf(b).stage.data(), bucket.dtype, bucket.count,
                    device_.id());
}

void Exchange::Select(absl::Span<const uint8_t> takes_part) {
  if (std::equal(selected_.begin(), selected_.end(), takes_part.begin(),
                 takes_part.end())) {
    return;
  }
  selected_.assign(takes_part.begin(), takes_part.end());
  active_.clear();
  for (int b = 0; b < static_cast<int>(plan_.buckets().size()); ++b) {
    const Bucket& bucket = plan_.buckets()[b];
    slot_[b] = static_cast<uint8_t>(active_.size() % slots_.size());
    const TensorView result = ResultArea(b);
    // Then the mean is nowhere but in the tensor.
    const bool straight = bucket.in_place && plan_.IsNative(bucket);
    if (plan_.IsNative(bucket)) SetNative(b, result);
    int next = bucket.first_piece;
    for (int i = 0; i < bucket.num_pieces; ++i) {
      const Piece& piece = plan_.pieces()[bucket.first_piece + i];
      if (!bucket.in_place) {
        pack_[bucket.first_piece + i] = {
            piece.view, PackArea(b).Slice(piece.offset, piece.view.count())};
      }
      if (!takes_part[piece.parameter]) continue;
      const TensorView from = result.Slice(piece.offset, piece.view.count());
      unpack_[next] = {from, piece.view};
      prints_[next] = {straight ? piece.view.data() : from.data(), bucket.dtype,
                       from.count(), parameters_.entries()[piece.parameter].id,
                       piece.first_index};
      ++next;
    }
    taking_part_[b] = next - bucket.first_piece;
    if (taking_part_[b] > 0) active_.push_back(b);
  }
}

void Exchange::SetNative(int b, const TensorView& sum) {
  const Bucket& bucket = plan_.buckets()[b];
  NativeSum& native = native_[b];
  native.sum[0] = sum.data();
  native.values[0] = bucket.in_place
                         ? plan_.pieces()[bucket.first_piece].view.data()
                         : sum.data();
  const int64_t no_stride = 0;
  native.nothing = {
      *TensorView::Strided(zero_.data(), bucket.dtype, {&bucket.count, 1},
                           {&no_stride, 1}, device_.id()),
      sum};
}

void Exchange::SetWeights(absl::Span<const double> weights) {
  ranks_.clear();
  weights_.clear();
  weighted_ = false;
  for (size_t r = 0; r < weights.size(); ++r) {
    if (weights[r] == 0) continue;
    ranks_.push_back(static_cast<int>(r));
    weights_.push_back(weights[r]);
    weighted_ |= weights[r] != weights_.front();
  }
  all_weights_.assign(weights.begin(), weights.end());
  divisor_ = 0;
  for (double& weight : all_weights_) {
    if (!weighted_) weight = weight == 0 ? 0 : 1;
    divisor_ += weight;
  }
}

absl::StatusOr<Exchange::Result> Exchange::Run(absl::Span<const double> weights,
                                               Stream* after,
                                               const Deadline& deadline) {
  SetWeights(weights);
  Result result;
  result.ranks = static_cast<int>(ranks_.size());
  if (active_.empty()) return result;

  absl::Status status = Issue(after, deadline);
  if (status.ok()) status = Close(deadline);
  if (!status.ok()) return Abandon(status);
  works_.clear();

  for (int b : active_) {
    result.bytes_received +=
        plan_.BytesReceived(plan_.buckets()[b], communicator_.rank());
  }
  for (Slot& slot : slots_) result.fingerprint += slot.fingerprint();
  return result;
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
  const size_t count = active_.size();
  for (size_t i = 0; i <= count; ++i) {
    if (i >= AveragingPlan::kLookAhead && i < count && i % kAtATime == 0) {
      PARLEY_RETURN_IF_ERROR(
          works_[i - kAtATime - 1].WaitHost(deadline.Remaining()));
    }
    if (i < count) {
      PARLEY_RETURN_IF_ERROR(
          IssueFront(active_[i], i % AveragingPlan::kLookAhead, deadline));
    }
    if (i > 0) PARLEY_RETURN_IF_ERROR(IssueBack(active_[i - 1], deadline));
  }
  return absl::OkStatus();
}

absl::Status Exchange::IssueFront(int b, size_t place,
                                  const Deadline& deadline) {
  const Bucket& bucket = plan_.buckets()[b];
  Slot& slot = SlotOf(b);
  if (plan_.IsNative(bucket)) return IssueNativeFront(b);
  if (!bucket.in_place) {
    PARLEY_RETURN_IF_ERROR(device_.Copy(
        {&pack_[bucket.first_piece], bucket.num_pieces}, *slot.stream));
  }
  if (UsesFusedMean(bucket) || bucket.policy == Policy::kBroadcast) {
    return absl::OkStatus();
  }
  const TensorView send =
      bucket.in_place ? plan_.pieces()[bucket.first_piece].view : PackArea(b);
  const int64_t shard = MyShard(bucket).count;
  const TensorView recv(slot.exchange.data(), bucket.dtype,
                        communicator_.size() * shard, device_.id());
  PARLEY_RETURN_IF_ERROR(
      communicator_
          .AllToAll({&send, 1}, {&recv, 1}, *slot.stream, deadline.ForCall())
          .status());
  return shard == 0 ? absl::OkStatus()
                    : IssueMean(bucket.dtype, shard, place, slot);
}

absl::Status Exchange::IssueMean(DType dtype, int64_t shard, size_t place,
                                 Slot& slot) {
  const void** inputs =
      &inputs_[place * static_cast<size_t>(communicator_.size())];
  const auto* received = static_cast<const char*>(slot.exchange.data());
  for (size_t i = 0; i < ranks_.size(); ++i) {
    inputs[i] = received + ranks_[i] * shard * SizeOf(dtype);
  }
  MeanArgs args;
  args.dtype = dtype;
  args.num_inputs = static_cast<int>(ranks_.size());
  args.num_outputs = 1;
  args.inputs = inputs;
  args.outputs = slot.outputs;
  args.weights = weighted_ && IsFloating(dtype) ? weights_.data() : nullptr;
  args.count = shard;
  return device_.Mean(args, *slot.stream);
}

// Whether the mean is divided before it is summed: where terms are multiplied
// by weights in any case, and in float16, in which a few large numbers have no
// sum. All others are added as they are, and divided on the way back.
bool Exchange::DividesFirst(DType dtype) const {
  return weighted_ || dtype == DType::kFloat16;
}

absl::Status Exchange::IssueNativeFront(int b) {
  const Bucket& bucket = plan_.buckets()[b];
  Stream& stream = *SlotOf(b).stream;
  const double& weight = all_weights_[communicator_.rank()];
  if (weight == 0) return device_.Copy({&native_[b].nothing, 1}, stream);
  if (!bucket.in_place) {
    PARLEY_RETURN_IF_ERROR(
        device_.Copy({&pack_[bucket.first_piece], bucket.num_pieces}, stream));
  }
  const bool first = DividesFirst(bucket.dtype);
  if (!first && !bucket.in_place) return absl::OkStatus();
  return device_.Mean(
      {bucket.dtype, 1, 1, native_[b].values, native_[b].sum,
       weighted_ ? &weight : nullptr, bucket.count, first ? divisor_ : 1},
      stream);
}

absl::Status Exchange::IssueNativeBack(int b) {
  const Bucket& bucket = plan_.buckets()[b];
  const bool first = DividesFirst(bucket.dtype);
  if (first && !bucket.in_place) return absl::OkStatus();
  return device_.Mean({bucket.dtype, 1, 1, native_[b].sum, native_[b].values,
                       nullptr, bucket.count, first ? 1 : divisor_},
                      *SlotOf(b).stream);
}

absl::StatusOr<Work> Exchange::IssueOperation(int b, const Deadline& deadline) {
  const Bucket& bucket = plan_.buckets()[b];
  Slot& slot = SlotOf(b);
  const TensorView result = ResultArea(b);
  if (bucket.policy == Policy::kBroadcast) {
    return communicator_.Broadcast({&result, 1}, /*root=*/0, *slot.stream,
                                   deadline.ForCall());
  }
  if (UsesFusedMean(bucket)) {
    return communicator_.FusedMean({&result, 1}, all_weights_, *slot.stream,
                                   deadline.ForCall());
  }
  if (plan_.IsNative(bucket)) {
    return communicator_.AllReduce({&result, 1}, {&result, 1}, ReduceOp::kSum,
                                   *slot.stream, deadline.ForCall());
  }
  const TensorView shard(slot.stage.data(), bucket.dtype, MyShard(bucket).count,
                         device_.id());
  return communicator_.AllGather({&shard, 1}, {&result, 1}, *slot.stream,
                                 deadline.ForCall());
}

absl::Status Exchange::IssueBack(int b, const Deadline& deadline) {
  const Bucket& bucket = plan_.buckets()[b];
  Slot& slot = SlotOf(b);
  PARLEY_ASSIGN_OR_RETURN(Work work, IssueOperation(b, deadline));
  works_.push_back(std::move(work));

  const bool native = plan_.IsNative(bucket);
  if (native) PARLEY_RETURN_IF_ERROR(IssueNativeBack(b));
  if (!(bucket.in_place && (native || UsesFusedMean(bucket)))) {
    PARLEY_RETURN_IF_ERROR(device_.Copy(
        {&unpack_[bucket.first_piece], taking_part_[b], /*streaming=*/true},
        *slot.stream));
  }
  if (!options_.fingerprint) return absl::OkStatus();
  return device_.Fingerprint(
      {&prints_[bucket.first_piece], taking_part_[b], &slot.fingerprint()},
      *slot.stream);
}

// Reached by the last slot's work only behind that of all others.
absl::Status Exchange::Close(const Deadline& deadline) {
  Slot& last = slots_.front();
  for (Slot& slot : slots_) {
    if (&slot == &last) continue;
    slot.stream->Record(*slot.event);
    last.stream->Wait(*slot.event);
  }
  PARLEY_ASSIGN_OR_RETURN(
      Work work, communicator_.Barrier(*last.stream, deadline.ForCall()));
  return work.WaitHost(deadline.Remaining());
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
  int complete = 0;
  for (Work& work : works_) complete += work.WaitHost().ok();
  works_.clear();
  return absl::Status(cause.code(),
                      absl::StrCat(complete, " of ", active_.size(),
                                   " buckets are complete: ", cause.message()));
}

}  // namespace parley

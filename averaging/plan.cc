// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/plan.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/averaging/header.h"
#include "parley/averaging/outer/outer_state.h"
#include "parley/averaging/packer.h"
#include "parley/averaging/parameter_copies.h"
#include "parley/averaging/route/choose_route.h"
#include "parley/averaging/route/route.h"
#include "parley/averaging/storage_order.h"
#include "parley/averaging/weights.h"
#include "parley/averaging/writer/copy_writer.h"
#include "parley/averaging/writer/outer_writer.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"
#include "parley/device/device.h"

namespace parley {
namespace {

constexpr std::array<Policy, 3> kExchanged = {
    Policy::kAverage, Policy::kIntegerMean, Policy::kBroadcast};

// "reproducible_mean of 1152 bfloat16 as float32 packed with 122 zeros".
std::string Describe(const Bucket& bucket) {
  std::string text = absl::StrCat(bucket.route->name(), " of ", bucket.count,
                                  " ", Name(bucket.tensor_dtype));
  if (bucket.dtype != bucket.tensor_dtype) {
    absl::StrAppend(&text, " as ", Name(bucket.dtype));
  }
  if (bucket.encoded) absl::StrAppend(&text, " differences");
  absl::StrAppend(&text, bucket.in_place ? " in place" : " packed");
  if (bucket.padding > 0) {
    absl::StrAppend(&text, " with ", bucket.padding, " zeros");
  }
  return text;
}

bool IsAligned(const TensorView& view) {
  return reinterpret_cast<uintptr_t>(view.data()) % Allocator::kAlignment == 0;
}

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Cuts the tensors of one dtype and policy into buckets like `model`, of at
// most `capacity` elements. Where that many will do, shards are multiples of
// Allocator::kAlignment bytes, so that devices and networks move them in whole
// words: buckets hold a multiple of `unit` elements.
class Cutter {
 public:
  Cutter(const Bucket& model, int64_t capacity, int64_t unit,
         std::vector<Bucket>& buckets, std::vector<Piece>& pieces)
      : model_(model),
        capacity_(capacity < unit ? capacity : capacity / unit * unit),
        unit_(capacity < unit ? 1 : unit),
        buckets_(buckets),
        pieces_(pieces) {}

  // How many elements of `tensor`, from its begin, are exchanged where they
  // lie; the others are packed. Half a bucket is where a bucket of one's own
  // costs less than a copy.
  int64_t CountInPlace(const TensorView& tensor) const {
    const int64_t count = tensor.count();
    if (!model_.route->AllowsInPlace() || tensor.dtype() != model_.dtype ||
        !tensor.IsDense() || count <= capacity_ / 2) {
      return 0;
    }
    return count < unit_ ? count : count / unit_ * unit_;
  }

  void AddInPlace(int parameter, const TensorView& tensor) {
    const int64_t count = CountInPlace(tensor);
    if (count == 0) return;
    const int64_t parts = CeilDiv(count, capacity_);
    const int64_t part = CeilDiv(CeilDiv(count, parts), unit_) * unit_;
    for (int64_t begin = 0; begin < count; begin += part) {
      Open(/*in_place=*/true);
      Emit(parameter, begin,
           tensor.Slice(begin, std::min(part, count - begin)));
    }
  }

  void AddPacked(int parameter, const TensorView& tensor) {
    int64_t next_index = CountInPlace(tensor);
    if (next_index == tensor.count()) return;
    const TensorView all = InStorageOrder(tensor);
    Pack(parameter,
         next_index == 0 ? all
                         : all.Slice(next_index, tensor.count() - next_index),
         next_index);
  }

  // Nothing more is packed.
  void Finish() { Pad(); }

 private:
  void Open(bool in_place) {
    Pad();
    Bucket& bucket = buckets_.emplace_back(model_);
    bucket.in_place = in_place;
    bucket.first_piece = static_cast<int>(pieces_.size());
    has_room_ = !in_place;
  }

  // Fills what was packed up to a multiple of unit_, unless it is less than
  // one.
  void Pad() {
    if (!has_room_) return;
    Bucket& bucket = buckets_.back();
    if (bucket.count < unit_) return;
    bucket.padding = CeilDiv(bucket.count, unit_) * unit_ - bucket.count;
    bucket.count += bucket.padding;
  }

  int64_t Room() const {
    return has_room_ ? capacity_ - buckets_.back().count : 0;
  }

  void Emit(int parameter, int64_t first_index, const TensorView& view) {
    Bucket& bucket = buckets_.back();
    pieces_.push_back({parameter, first_index, bucket.count, view});
    bucket.count += view.count();
    ++bucket.num_pieces;
  }

  // Fills buckets with boxes of `view`, in its order: whole rows of its
  // outermost dimension where they fit, parts of a row otherwise.
  void Pack(int parameter, const TensorView& view, int64_t& next_index) {
    if (Room() == 0) Open(/*in_place=*/false);
    if (view.count() <= Room()) {
      Emit(parameter, next_index, view);
      next_index += view.count();
      return;
    }
    size_t outer = 0;
    while (view.shape()[outer] == 1) ++outer;
    const int64_t rows = view.shape()[outer];
    const int64_t row_count = view.count() / rows;
    for (int64_t row = 0; row < rows;) {
      if (Room() == 0) Open(/*in_place=*/false);
      const int64_t fit =
          std::min(rows - row, std::max<int64_t>(1, Room() / row_count));
      Pack(parameter, Rows(view, outer, row, fit), next_index);
      row += fit;
    }
  }

  static TensorView Rows(const TensorView& view, size_t dimension,
                         int64_t begin, int64_t count) {
    std::vector<int64_t> shape(view.shape().begin(), view.shape().end());
    shape[dimension] = count;
    char* data = static_cast<char*>(view.data()) +
                 begin * view.strides()[dimension] * SizeOf(view.dtype());
    return *TensorView::Strided(data, view.dtype(), shape, view.strides(),
                                view.device());
  }

  const Bucket model_;
  const int64_t capacity_;
  const int64_t unit_;
  std::vector<Bucket>& buckets_;
  std::vector<Piece>& pieces_;
  bool has_room_ = false;  // the last bucket is one to pack into
};

absl::Status CheckAtLeast(absl::string_view field, int64_t value,
                          int64_t least) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", value, ", must be at least ", least));
}

absl::Status CheckCodec(const ParameterSet& parameters,
                        const PlanOptions& options) {
  if (options.codec == nullptr) return absl::OkStatus();
  const std::string name = ToString(options.codec->Describe());
  if (options.reduction == Reduction::kNative) {
    return absl::InvalidArgumentError(
        absl::StrCat("codec: ", name,
                     ", but reduction: native, which sums what is sent; "
                     "leave one of them out"));
  }
  if (options.outer == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("codec: ", name,
                     ", which needs an anchor: give an outer optimizer, "
                     "PlainOuter() for the plain mean"));
  }
  return options.codec->Check(parameters);
}

absl::Status CheckPlanOptions(const ParameterSet& parameters,
                              const PlanOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckAtLeast("world_size", options.world_size, 1));
  PARLEY_RETURN_IF_ERROR(CheckAtLeast("preferred_bucket_bytes",
                                      options.preferred_bucket_bytes, 1));
  PARLEY_RETURN_IF_ERROR(
      CheckAtLeast("max_extra_bytes", options.max_extra_bytes, 0));
  PARLEY_RETURN_IF_ERROR(CheckCodec(parameters, options));
  for (const ParameterSet::Entry& entry : parameters.entries()) {
    if (entry.policy != Policy::kLeave) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("parameters: there are ", parameters.entries().size(),
                   ", none of which is to be averaged or broadcast"));
}

}  // namespace

absl::StatusOr<AveragingPlan> AveragingPlan::Create(
    const ParameterSet& parameters, const PlanOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckPlanOptions(parameters, options));
  // Smaller buckets need longer lists and less staging memory, but for where
  // one becomes two. The search is over when lists alone take more than what
  // was found.
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t bytes = options.preferred_bucket_bytes; bytes > 0; bytes /= 2) {
    AveragingPlan plan(parameters, options, bytes);
    if (plan.peak_bytes() <= options.max_extra_bytes) return plan;
    least = std::min(least, plan.peak_bytes());
    const int64_t staging_bytes =
        plan.slots() * (plan.exchange_bytes() + plan.stage_bytes());
    if (plan.peak_bytes() - staging_bytes > least) break;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "max_extra_bytes: ", options.max_extra_bytes, ", must be at least ",
      least, " for this model on ", options.world_size, " ranks"));
}

AveragingPlan::AveragingPlan(const ParameterSet& parameters,
                             const PlanOptions& options, int64_t bucket_bytes)
    : options_(options), bucket_bytes_(bucket_bytes) {
  for (const ParameterSet::Entry& entry : parameters.entries()) {
    names_.push_back(entry.parameter.name);
  }
  // Alone, a rank has nothing to exchange, but a step to take.
  if (options_.world_size > 1 || options_.outer != nullptr) Cut(parameters);
  if (options_.outer != nullptr) {
    state_bytes_ = OuterState::BytesOf(*options_.outer, parameters);
  }
  Measure();
  fingerprint_ = HashCombine(parameters.Fingerprint(),
                             static_cast<uint64_t>(options_.world_size));
  for (const Bucket& bucket : buckets_) {
    fingerprint_ = HashCombine(fingerprint_, HashString(bucket.route->name()));
    fingerprint_ = HashCombine(fingerprint_, bucket.in_place);
    fingerprint_ =
        HashCombine(fingerprint_, static_cast<uint64_t>(bucket.num_pieces));
  }
  for (const Piece& piece : pieces_) {
    for (int64_t value : {int64_t{piece.parameter}, piece.first_index,
                          piece.offset, piece.view.count()}) {
      fingerprint_ = HashCombine(fingerprint_, static_cast<uint64_t>(value));
    }
  }
}

// What the buckets of a policy and a dtype have in common.
Bucket AveragingPlan::ModelOf(Policy policy, DType dtype) const {
  Bucket model = {};
  model.policy = policy;
  model.outer_step = options_.outer != nullptr && policy == Policy::kAverage;
  model.tensor_dtype = dtype;
  // Alone, a rank sends nothing, so its model is not rounded either.
  model.encoded = options_.codec != nullptr && policy == Policy::kAverage &&
                  options_.world_size > 1;
  // A step is small beside what it is added to: 16 bits would lose most of it.
  model.dtype = model.outer_step ? ParameterCopies::DTypeFor(dtype) : dtype;
  if (model.encoded) model.dtype = options_.codec->wire();
  model.route = &ChooseRoute(policy, options_.reduction);
  return model;
}

void AveragingPlan::Cut(const ParameterSet& parameters) {
  const auto entries = parameters.entries();
  for (Policy policy : kExchanged) {
    for (DType dtype : kAllDTypes) {
      const Bucket model = ModelOf(policy, dtype);
      const int64_t size = SizeOf(model.dtype);
      Cutter cutter(model, std::max<int64_t>(1, bucket_bytes_ / size),
                    options_.world_size * Allocator::kAlignment / size,
                    buckets_, pieces_);
      for (bool in_place : {true, false}) {
        for (size_t i = 0; i < entries.size(); ++i) {
          const TensorView& tensor = entries[i].parameter.tensor;
          if (entries[i].policy != policy || tensor.dtype() != dtype) continue;
          if (in_place) {
            cutter.AddInPlace(static_cast<int>(i), tensor);
          } else {
            cutter.AddPacked(static_cast<int>(i), tensor);
          }
        }
      }
      cutter.Finish();
    }
  }
  buckets_.shrink_to_fit();
  pieces_.shrink_to_fit();
}

void AveragingPlan::Measure() {
  if (buckets_.empty()) return;
  const int ranks = options_.world_size;
  dimensions_.pieces = static_cast<int64_t>(pieces_.size());
  dimensions_.buckets = static_cast<int64_t>(buckets_.size());
  dimensions_.places = std::min<int64_t>(kArgumentPlaces, dimensions_.buckets);
  for (const Bucket& bucket : buckets_) {
    const Footprint needs = bucket.route->Needs(bucket, ranks);
    exchange_bytes_ = std::max(exchange_bytes_, needs.exchange_bytes);
    stage_bytes_ = std::max(stage_bytes_, needs.stage_bytes);
    if (bucket.outer_step && !bucket.in_place) {
      // Where a step writes what is strided, and means are decoded; and where
      // what is strided is packed before it is encoded.
      const int64_t bytes = bucket.count * SizeOf(bucket.tensor_dtype);
      stage_bytes_ = std::max(stage_bytes_, bytes);
      exchange_bytes_ = std::max(exchange_bytes_, bytes);
    }
    dimensions_.argument_bytes =
        std::max(dimensions_.argument_bytes, needs.argument_bytes);
    dimensions_.packs += bucket.num_packs();
    zero_bytes_ = std::max(zero_bytes_, bucket.padding * SizeOf(bucket.dtype));
  }
  constexpr int64_t kFingerprintBytes = sizeof(uint64_t);
  constexpr int64_t kOpeningBytesPerRank = sizeof(Header) + sizeof(double);
  peak_bytes_ = slots() * (exchange_bytes_ + stage_bytes_ + kFingerprintBytes) +
                zero_bytes_ + ExchangeLists::BytesOf(dimensions_) +
                Packer::BytesOf(dimensions_.packs, dimensions_.buckets) +
                CopyWriter::BytesOf(dimensions_.pieces, dimensions_.buckets) +
                Weights::BytesOf(ranks) + ranks * kOpeningBytesPerRank +
                dimensions_.pieces * static_cast<int64_t>(sizeof(Piece)) +
                dimensions_.buckets * static_cast<int64_t>(sizeof(Bucket));
  if (options_.outer != nullptr) {
    peak_bytes_ += OuterWriter::BytesOf(*options_.outer, dimensions_.pieces,
                                        dimensions_.buckets);
  }
  for (const std::string& name : names_) {
    peak_bytes_ += static_cast<int64_t>(sizeof(name) + name.size() + 1);
  }
}

int AveragingPlan::slots() const {
  return static_cast<int>(std::min<size_t>(kSlots, buckets_.size()));
}

int64_t AveragingPlan::BytesReceived(const Bucket& bucket, int rank) const {
  return bucket.route->BytesReceived(bucket, options_.world_size, rank);
}

std::string AveragingPlan::ToString() const {
  constexpr int kMaxNamed = 3;
  std::string text = absl::StrCat(
      names_.size(), " parameters on ", options_.world_size,
      " ranks: ", buckets_.size(), " buckets of at most ", bucket_bytes_,
      " bytes, ", peak_bytes_, " bytes beyond the model");
  if (options_.outer != nullptr) {
    absl::StrAppend(&text, ", ", state_bytes_, " beside it for ",
                    parley::ToString(options_.outer->Describe()));
  }
  for (size_t b = 0; b < buckets_.size(); ++b) {
    const Bucket& bucket = buckets_[b];
    absl::StrAppend(&text, "\n  bucket ", b, ": ", Describe(bucket));
    if (bucket.in_place && !IsAligned(pieces_[bucket.first_piece].view)) {
      absl::StrAppend(&text, ", not aligned to ", Allocator::kAlignment,
                      " bytes");
    }
    absl::StrAppend(&text, ":");
    for (int i = 0; i < std::min(kMaxNamed, bucket.num_pieces); ++i) {
      const Piece& piece = pieces_[bucket.first_piece + i];
      absl::StrAppend(&text, i == 0 ? " " : ", ", names_[piece.parameter], "[",
                      piece.first_index, ",",
                      piece.first_index + piece.view.count(), ")");
    }
    if (bucket.num_pieces > kMaxNamed) {
      absl::StrAppend(&text, " and ", bucket.num_pieces - kMaxNamed, " more");
    }
  }
  absl::StrAppend(&text, "\n");
  return text;
}

}  // namespace parley

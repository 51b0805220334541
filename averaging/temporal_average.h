// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// TemporalAverage: an average of a model over time, on one rank: exponential
// (EMA) or equal (SWA, stochastic weight averaging). It does not communicate;
// where replicas are equal after a meeting, so are their averages.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       auto ema, TemporalAverage::Create(parameters, device,
//                                         {.kind = TemporalAverage::kEma,
//                                          .decay = 0.999}));
//   for (...) {
//     TrainLocally();
//     PARLEY_RETURN_IF_ERROR(ema->Update());
//   }
//   PARLEY_RETURN_IF_ERROR(ema->CopyTo(parameters));  // evaluate the average
//
// The n-th Update(), counted from 0, with x the model and y the average:
//   n = 0    y = x
//   kEma     y = y + (1 - decay) * (x - y)
//   kSwa     y = y + (x - y) / (n + 1)
// for floating-point tensors of groups with Policy::kAverage; all others are
// copied at each update. Each update is formed in float64 and rounded once to
// what the average is kept in: float32 beside 16-bit tensors, which cannot hold
// the small steps of a decay near 1, and otherwise the tensor's own dtype. All
// dense tensors of a dtype are one launch.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_AVERAGING_TEMPORAL_AVERAGE_H_
#define PARLEY_AVERAGING_TEMPORAL_AVERAGE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/state.h"
#include "parley/device/device.h"

namespace parley {

class TemporalAverage {
 public:
  enum Kind { kEma, kSwa };

  // What the average is kept in.
  enum Precision {
    kAtLeastFloat32,
    // Half of the memory for 16-bit tensors, whose average then stands still
    // once a step is below half a unit in its last place.
    kOfTheModel,
  };

  struct Options {
    Kind kind = kEma;
    double decay = 0.999;  // kEma: in [0, 1]
    Precision precision = kAtLeastFloat32;
  };

  // Memory for the average of all `parameters` is taken from `device`, which
  // must outlive the object. kInvalidArgument for a bad decay, with the value,
  // and for tensors of another device.
  static absl::StatusOr<std::unique_ptr<TemporalAverage>> Create(
      const ParameterSet& parameters, Device& device, const Options& options);

  // Takes the parameters' values in. Enqueued on `stream`, always the same;
  // null for a stream of this object's own, which is waited for.
  absl::Status Update(Stream* stream = nullptr);

  // Writes the average into `parameters`, rounded to their dtypes. They must be
  // like those that this was created from (kInvalidArgument otherwise): the
  // model itself, or another copy of it. Behind the work on `stream`, and
  // complete on return. kFailedPrecondition before the first Update().
  absl::Status CopyTo(const ParameterSet& parameters, Stream* stream = nullptr);

  // The number of updates.
  int64_t count() const { return count_; }

  // The average, named as the parameters: dense tensors are laid out as they
  // are, strided ones are row-major.
  absl::Span<const NamedTensor> tensors() const { return tensors_; }

  // As ModelAverager's. The state has the average in it, once there is one, in
  // the dtypes in which it is kept; a state of another precision is refused.
  SavedState State() const;
  absl::Status Restore(const SavedState& state);

 private:
  // Tensors that are one launch: all dense ones of a dtype, or a strided one,
  // which goes through scratch_.
  struct Batch {
    DType from = DType::kFloat32;
    DType to = DType::kFloat32;
    std::vector<size_t> indices;           // of the parameters
    std::vector<ElementwisePiece> pieces;  // {parameter, average}
    TensorCopy strided;  // into scratch_; of no elements where they are dense
  };

  TemporalAverage(const ParameterSet& parameters, Device& device,
                  const Options& options);

  absl::Status Allocate();
  void AddToBatch(size_t index);
  // From the average to `parameters`.
  Batch Reversed(const Batch& batch, const ParameterSet& parameters) const;
  absl::Status Cast(const Batch& batch, Stream& stream);
  absl::Status Lerp(const Batch& batch, Stream& stream);
  absl::Status Copy(absl::Span<const TensorCopy> copies, Stream& stream);

  const ParameterSet parameters_;
  Device& device_;
  const Options options_;
  std::unique_ptr<Stream> stream_;
  Allocation memory_;   // of all of tensors_
  Allocation scratch_;  // room for the largest strided tensor, packed

  std::vector<NamedTensor> tensors_;  // by parameter: the average
  std::vector<Batch> batches_;
  // What each update copies, and what the first one copies besides: bit for
  // bit, where the average has the parameter's dtype.
  std::vector<TensorCopy> copies_;
  std::vector<TensorCopy> first_copies_;
  int64_t count_ = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_TEMPORAL_AVERAGE_H_

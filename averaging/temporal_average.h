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
// copied at each update. The average is kept in the tensor's own dtype.
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

  struct Options {
    Kind kind = kEma;
    double decay = 0.999;  // kEma: in [0, 1]
  };

  // Memory for one copy of `parameters` is taken from `device`, which must
  // outlive the object. kInvalidArgument for a bad decay, with the value, and
  // for tensors of another device.
  static absl::StatusOr<std::unique_ptr<TemporalAverage>> Create(
      const ParameterSet& parameters, Device& device, const Options& options);

  // Takes the parameters' values in. Enqueued on `stream`, always the same;
  // null for a stream of this object's own, which is waited for.
  absl::Status Update(Stream* stream = nullptr);

  // Writes the average into `parameters`, which must be like those that this
  // was created from (kInvalidArgument otherwise): the model itself, or another
  // copy of it. Behind the work on `stream`, and complete on return.
  // kFailedPrecondition before the first Update().
  absl::Status CopyTo(const ParameterSet& parameters, Stream* stream = nullptr);

  // The number of updates.
  int64_t count() const { return count_; }

  // The average, named as the parameters: dense tensors are laid out as they
  // are, strided ones are row-major.
  absl::Span<const NamedTensor> tensors() const { return tensors_; }

  // As ModelAverager's. The state has the average in it, once there is one.
  SavedState State() const;
  absl::Status Restore(const SavedState& state);

 private:
  TemporalAverage(const ParameterSet& parameters, Device& device,
                  const Options& options);

  absl::Status Allocate();
  bool IsAveraged(size_t index) const;
  absl::Status UpdateTensor(size_t index, Stream& stream);
  absl::Status Copy(absl::Span<const TensorCopy> copies, Stream& stream);

  const ParameterSet parameters_;
  Device& device_;
  const Options options_;
  std::unique_ptr<Stream> stream_;
  Allocation memory_;   // of all of tensors_
  Allocation scratch_;  // room for the largest strided tensor, packed

  // By parameter: the average, a copy of the parameter into it, and one of a
  // strided parameter into scratch_.
  std::vector<NamedTensor> tensors_;
  std::vector<TensorCopy> copies_;
  std::vector<TensorCopy> packs_;
  int64_t count_ = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_TEMPORAL_AVERAGE_H_

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Replica: the model of one rank, made to be averaged and looked at closely.
//
//   Replica replica(rank, {{.tensors = {{.name = "w", .shape = {5}}}}});
//   ... an averager of replica.Parameters() ...
//   replica.Train(step);
//   PARLEY_RETURN_IF_ERROR(averager->Step().status());
//   PARLEY_RETURN_IF_ERROR(replica.CheckMean(Everyone(rank.size(), step)));
//
// What a tensor holds depends on its name, the rank and the step, so that every
// rank can tell what all others had, and all of it differs. Values are hard:
// -0, subnormals, infinities and NaN come along, and sums depend on their order
// and on the precision in which they are formed. All checks compare bits.
//
// Each tensor lies in memory of its own with guards before and behind it. Those
// and the gaps of strided tensors must never be written, and every check looks.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_TESTS_CASES_REPLICA_H_
#define PARLEY_TESTS_CASES_REPLICA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/averaging/parameters.h"
#include "parley/device/device.h"
#include "parley/device/tensor.h"
#include "parley/sim/world.h"

namespace parley::testing {

struct TensorSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape = {};
  std::vector<int64_t> strides = {};  // row-major if there are none
};

struct GroupSpec {
  Policy policy = Policy::kAverage;
  std::vector<TensorSpec> tensors = {};
};

// A rank of a meeting: who it is, the step of its last Train(), its weight.
struct Source {
  int rank = 0;
  int64_t step = 0;
  double weight = 1;
};

// All ranks at the same step, with equal weights.
std::vector<Source> Everyone(int ranks, int64_t step);

class Replica {
 public:
  // `rank` is whose values it holds, on the CPU. Trained at step -1.
  Replica(int rank, const std::vector<GroupSpec>& groups);

  // The same on `device`, in memory that the host can touch as well.
  Replica(int rank, Device& device, const std::vector<GroupSpec>& groups);

  // Of this rank, on its communicator's device.
  Replica(sim::RankContext& rank, const std::vector<GroupSpec>& groups)
      : Replica(rank.rank(), rank.communicator().device(), groups) {}
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // Gives every element the value that it has on this rank at `step`.
  void Train(int64_t step);

  // The tensors, for a set with predicates or other groups in it.
  std::vector<ParameterGroup> Groups() const;
  ParameterSet Parameters() const;

  // The storage of a tensor, which the test may fill with values of its own.
  // Requires that the tensor is there, dense and of this type.
  template <typename T>
  absl::Span<T> Values(absl::string_view name) {
    const TensorView& view = Find(name).view;
    return {static_cast<T*>(view.data()), static_cast<size_t>(view.count())};
  }

  // OK if all tensors, or that of this name, hold what Train(step) gave them.
  absl::Status CheckOwn(int64_t step) const;
  absl::Status CheckOwn(absl::string_view name, int64_t step) const;

  // OK if all tensors, or that of this name, hold what a meeting of `sources`,
  // listed in rank order, makes of them under their policy.
  absl::Status CheckMean(absl::Span<const Source> sources) const;
  absl::Status CheckMean(absl::string_view name,
                         absl::Span<const Source> sources) const;

  // The elements of all tensors, row-major, one tensor behind the other.
  std::string Bytes() const;
  void SetBytes(absl::string_view bytes);

 private:
  struct Tensor {
    std::string name;
    Policy policy;
    size_t group;
    TensorView view;
    Allocation memory;             // with the guards
    std::vector<int64_t> offsets;  // of the elements in it, row-major
  };

  Replica(int rank, Allocator& allocator, DeviceId device,
          const std::vector<GroupSpec>& groups);

  static Tensor MakeTensor(const TensorSpec& spec, Policy policy, size_t group,
                           Allocator& allocator, DeviceId device);
  static std::string ValuesOf(const Tensor& tensor, int rank, int64_t step);
  static std::string Gather(const Tensor& tensor);
  static void Scatter(absl::string_view bytes, Tensor& tensor);
  static absl::Status Check(const Tensor& tensor, absl::string_view expected);

  std::string Mean(const Tensor& tensor,
                   absl::Span<const Source> sources) const;
  const Tensor& Find(absl::string_view name) const;

  const int rank_;
  int64_t step_ = -1;
  std::vector<Policy> policies_;  // by group
  std::vector<Tensor> tensors_;
};

}  // namespace parley::testing

#endif  // PARLEY_TESTS_CASES_REPLICA_H_

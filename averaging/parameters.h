// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// ParameterSet: which tensors an averager works on, in groups with one policy
// each. It holds views; the tensors stay the caller's, and averaging never
// reallocates, rebinds or reorders them.
//
//   PARLEY_ASSIGN_OR_RETURN(
//       ParameterSet parameters,
//       ParameterSet::Create(
//           {{.name = "weights",
//             .parameters = {{.name = "fc.weight", .tensor = weight},
//                            {.name = "fc.bias", .tensor = bias}}},
//            {.name = "buffers",
//             .policy = Policy::kBroadcast,
//             .parameters = {{.name = "bn.count", .tensor = count}}}}));
//
// Requires: all ranks name the same tensors, with equal shapes, dtypes, layouts
// and policies, in the same order (ranks compare fingerprints before any bytes
// move), and the memory outlives whoever uses the set.
//
// Thread-safety: thread-compatible, a value.
#ifndef PARLEY_AVERAGING_PARAMETERS_H_
#define PARLEY_AVERAGING_PARAMETERS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/device/tensor.h"

namespace parley {

// What a meeting does to a tensor.
enum class Policy : uint8_t {
  // The mean over ranks, weighted if weights differ. Floating point only.
  kAverage = 0,
  // The mean over ranks of weight other than 0, otherwise unweighted, in
  // 128-bit
  // integers with halves to even. int32, int64 and uint8 only.
  kIntegerMean = 1,
  // Rank 0's value, bit for bit. All dtypes.
  kBroadcast = 2,
  // Nothing. All dtypes.
  kLeave = 3,
};

// "average", "integer_mean", "broadcast", "leave".
absl::string_view Name(Policy policy);

struct Parameter {
  // Unique in the set, not empty.
  std::string name;

  TensorView tensor;

  // Asked once at the beginning of each meeting whether the tensor takes part
  // in it; without one it always does. All ranks must answer alike (they
  // compare before any bytes move). PyTorch averages what has a gradient:
  //   .takes_part = [&] { return layer.has_gradient(); }
  std::function<bool()> takes_part = nullptr;
};

struct ParameterGroup {
  std::string name = "";
  Policy policy = Policy::kAverage;
  std::vector<Parameter> parameters = {};
};

class ParameterSet {
 public:
  // A parameter with the policy of its group.
  struct Entry {
    Parameter parameter;
    Policy policy;
    uint64_t id;  // a hash of the name, for fingerprints
  };

  // An empty set, which an averager refuses.
  ParameterSet() = default;

  // kInvalidArgument, naming the tensor, for an empty or repeated name, a dtype
  // that the policy does not allow, a null pointer, memory that overlaps itself
  // or another tensor's (also where strided tensors interleave), and tensors on
  // different devices.
  static absl::StatusOr<ParameterSet> Create(
      std::vector<ParameterGroup> groups);

  // In the order of the groups.
  absl::Span<const Entry> entries() const { return entries_; }

  // Elements of all tensors.
  int64_t count() const { return count_; }

  // kInvalidArgument, naming the tensor, unless all are on `device`.
  absl::Status CheckDevice(DeviceId device) const;

  // Of names, shapes, dtypes, layouts and policies, not of values: what ranks
  // must have in common.
  uint64_t Fingerprint() const;

 private:
  explicit ParameterSet(std::vector<Entry> entries);

  std::vector<Entry> entries_;
  int64_t count_ = 0;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_PARAMETERS_H_

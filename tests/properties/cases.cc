// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/properties/cases.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "parley/base/random.h"

namespace parley::testing::properties {
namespace {

enum class Order { kRowMajor, kPermuted, kGaps };

enum class Weights { kOne, kEqual, kDifferent, kSomeZero, kEqualOrZero };

std::vector<std::pair<Policy, DType>> AllowedKinds() {
  std::vector<std::pair<Policy, DType>> kinds;
  for (DType dtype : kAllDTypes) {
    if (IsFloating(dtype)) {
      // Most of what is averaged is.
      kinds.insert(kinds.end(), 4, {Policy::kAverage, dtype});
    } else if (dtype != DType::kBool) {
      kinds.emplace_back(Policy::kIntegerMean, dtype);
    }
    kinds.emplace_back(Policy::kBroadcast, dtype);
  }
  for (DType dtype : kAllDTypes) kinds.emplace_back(Policy::kLeave, dtype);
  return kinds;
}

rc::Gen<std::vector<int64_t>> AnyShape() {
  using rc::gen::inRange;
  const auto one_dimension = [](int64_t size) {
    return std::vector<int64_t>{size};
  };
  return rc::gen::weightedOneOf<std::vector<int64_t>>(
      {{5, rc::gen::exec([] {
          const auto dimensions = *inRange<size_t>(0, 5);
          return *rc::gen::container<std::vector<int64_t>>(
              dimensions, inRange<int64_t>(0, 7));
        })},
       {5, rc::gen::map(inRange<int64_t>(0, 300), one_dimension)},
       {1, rc::gen::map(inRange<int64_t>(500, 5000), one_dimension)},
       {1,
        rc::gen::container<std::vector<int64_t>>(2, inRange<int64_t>(8, 60))}});
}

std::vector<int64_t> StridesOf(const std::vector<int64_t>& shape, Order kind,
                               Random random) {
  // Dimensions from the innermost outwards.
  std::vector<size_t> order(shape.size());
  for (size_t d = 0; d < order.size(); ++d) order[d] = order.size() - 1 - d;
  if (kind != Order::kRowMajor) {
    for (size_t d = 0; d < order.size(); ++d) {
      std::swap(order[d], order[random.Uniform(d + 1)]);
    }
  }
  std::vector<int64_t> strides(shape.size());
  int64_t extent = 1;
  for (size_t d : order) {
    if (kind == Order::kGaps) {
      extent += static_cast<int64_t>(random.Uniform(3));
    }
    strides[d] = extent;
    extent *= std::max<int64_t>(1, shape[d]);
  }
  return strides;
}

rc::Gen<TensorSpec> AnyTensor() {
  return rc::gen::exec([] {
    static const auto kKinds = AllowedKinds();
    const std::pair<Policy, DType> kind = *rc::gen::elementOf(kKinds);
    TensorSpec spec;
    spec.policy = kind.first;
    spec.dtype = kind.second;
    spec.shape = *AnyShape();
    spec.strides = StridesOf(
        spec.shape,
        *rc::gen::element(Order::kRowMajor, Order::kPermuted, Order::kGaps),
        Random(*rc::gen::arbitrary<uint64_t>()));
    spec.sits_out = *rc::gen::weightedElement<bool>({{6, false}, {1, true}});
    return spec;
  });
}

std::vector<double> WeightsOf(size_t ranks, Weights kind, Random random) {
  const double equal = kind == Weights::kOne ? 1 : 0.1 + random.UniformDouble();
  const bool differ = kind == Weights::kDifferent || kind == Weights::kSomeZero;
  const bool zeros =
      kind == Weights::kSomeZero || kind == Weights::kEqualOrZero;
  const uint64_t counts = random.Uniform(ranks);  // at least this one
  std::vector<double> weights(ranks);
  for (size_t r = 0; r < ranks; ++r) {
    // Of different sizes, so that sums of products are rounded.
    weights[r] = differ ? (0.001 + random.UniformDouble()) *
                              static_cast<double>(1 + random.Uniform(1000))
                        : equal;
    if (zeros && random.Uniform(2) == 0 && r != counts) weights[r] = 0;
  }
  return weights;
}

rc::Gen<std::vector<double>> AnyWeights(size_t ranks) {
  return rc::gen::exec([ranks] {
    return WeightsOf(
        ranks,
        *rc::gen::element(Weights::kOne, Weights::kEqual, Weights::kDifferent,
                          Weights::kSomeZero, Weights::kEqualOrZero),
        Random(*rc::gen::arbitrary<uint64_t>()));
  });
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Case& shown) {
  out << shown.ranks() << " ranks, seed " << shown.seed;
  for (const auto& weights : shown.weights) {
    out << ", weights " << absl::StrJoin(weights, " ");
  }
  for (const TensorSpec& spec : shown.tensors) {
    out << "\n  " << Name(spec.policy) << " " << Name(spec.dtype) << "["
        << absl::StrJoin(spec.shape, ",") << "] with strides ["
        << absl::StrJoin(spec.strides, ",") << "]"
        << (spec.sits_out ? ", sits out" : "");
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Variation& shown) {
  return out << "{order " << shown.order_seed << ", least budget and "
             << shown.extra_percent << "% of the model, max_parallel "
             << shown.max_parallel << (shown.on_a_stream ? ", on a stream" : "")
             << (shown.slow_kernels ? ", slow kernels" : "") << "}";
}

rc::Gen<Case> AnyCase() {
  return rc::gen::exec([] {
    Case drawn;
    drawn.tensors = *rc::gen::container<std::vector<TensorSpec>>(
        *rc::gen::inRange<size_t>(0, 15), AnyTensor());
    // A model of which nothing is to be averaged is refused, as is a meeting in
    // which nothing takes part.
    drawn.tensors.push_back(*AnyTensor());
    drawn.tensors.back().policy = Policy::kAverage;
    drawn.tensors.back().dtype = DType::kFloat32;
    drawn.tensors.back().sits_out = false;
    for (size_t t = 0; t < drawn.tensors.size(); ++t) {
      drawn.tensors[t].name = absl::StrCat("t", t);
    }
    const size_t ranks =
        *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<size_t>(1, 18));
    for (auto& weights : drawn.weights) weights = *AnyWeights(ranks);
    drawn.seed = *rc::gen::arbitrary<uint64_t>();
    return drawn;
  });
}

Case BucketsThatSitOut() {
  Case made;
  made.seed = 20260103;
  for (auto& weights : made.weights) weights = {1, 1, 1};
  made.tensors = {{"a", Policy::kAverage, DType::kFloat32, {40}, {1}},
                  {"b", Policy::kAverage, DType::kFloat64, {40}, {1}, true},
                  {"c", Policy::kAverage, DType::kFloat16, {40}, {1}},
                  {"d", Policy::kIntegerMean, DType::kInt32, {40}, {1}, true},
                  {"e", Policy::kBroadcast, DType::kInt64, {40}, {1}}};
  return made;
}

rc::Gen<Variation> AnyVariation() {
  return rc::gen::exec([] {
    Variation drawn;
    drawn.order_seed = *rc::gen::inRange<uint64_t>(0, 1000);
    drawn.extra_percent = *rc::gen::weightedOneOf<int64_t>(
        {{2, rc::gen::just<int64_t>(0)},
         {2, rc::gen::inRange<int64_t>(1, 300)},
         {1, rc::gen::just<int64_t>(1'000'000)}});
    drawn.max_parallel = *rc::gen::element(1, 2, 0);
    drawn.on_a_stream = *rc::gen::arbitrary<bool>();
    drawn.slow_kernels = *rc::gen::arbitrary<bool>();
    return drawn;
  });
}

}  // namespace parley::testing::properties

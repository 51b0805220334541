// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/replay_check.h"

#include <functional>
#include <iterator>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "parley/base/hash.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/device/testing/device_array.h"
#include "parley/device/testing/values.h"

namespace parley::gpu_check {
namespace {

using parley::testing::DeviceArray;

constexpr int kReplays = 5;
constexpr size_t kElements = 5003;
constexpr absl::Duration kPatience = absl::Minutes(1);

// Work that starts from what `reset` leaves, on what `fill` gives each time.
struct Repeated {
  std::function<void()> reset;
  std::function<void(int)> fill;
  std::function<absl::Status()> enqueue;
  std::function<uint64_t()> hash;
};

absl::Status CheckReplay(CudaDevice& device, const GraphApi& graphs,
                         CudaStream& stream, const Repeated& work) {
  std::vector<uint64_t> expected;
  work.reset();
  for (int i = 0; i < kReplays; ++i) {
    work.fill(i);
    PARLEY_RETURN_IF_ERROR(work.enqueue());
    PARLEY_RETURN_IF_ERROR(stream.WaitHost(kPatience));
    expected.push_back(work.hash());
  }
  work.reset();
  PARLEY_ASSIGN_OR_RETURN(const std::unique_ptr<Graph> graph,
                          Graph::Capture(device, graphs, stream, work.enqueue));
  for (int i = 0; i < kReplays; ++i) {
    work.fill(i);
    PARLEY_RETURN_IF_ERROR(graph->Launch(stream));
    PARLEY_RETURN_IF_ERROR(stream.WaitHost(kPatience));
    const uint64_t got = work.hash();
    if (got == expected[static_cast<size_t>(i)]) continue;
    return absl::InternalError(absl::StrCat(
        "replay ", i, " of a capture gives bits with the hash ", absl::Hex(got),
        ", the work itself ", absl::Hex(expected[static_cast<size_t>(i)])));
  }
  return absl::OkStatus();
}

template <typename T>
uint64_t HashOf(const DeviceArray<T>& array, uint64_t seed) {
  return HashBytes(array.values().data(), array.size() * sizeof(T), seed);
}

void Fill(const DeviceArray<float>& array, uint64_t seed, int round) {
  Random random = Random(seed).Fork("round", static_cast<uint64_t>(round));
  FillWithHardValues(random, DType::kFloat32,
                     static_cast<int64_t>(array.size()), array.values().data());
}

// Each element-wise operation, on copies of two tensors that only it has.
class ElementwiseWork {
 public:
  explicit ElementwiseWork(CudaDevice& device) : device_(device) {
    for (size_t i = 0; i < kOps * kMaxOperands; ++i) {
      arrays_.push_back(
          std::make_unique<DeviceArray<float>>(device, kElements));
    }
  }

  absl::Status Enqueue(const DeviceArray<float>& x, const DeviceArray<float>& y,
                       CudaStream& stream) const {
    for (size_t i = 0; i < kOps; ++i) {
      ElementwisePiece piece;
      TensorCopy copies[kMaxOperands];
      for (size_t k = 0; k < kMaxOperands; ++k) {
        const TensorView view = arrays_[i * kMaxOperands + k]->view();
        copies[k] = {(k % 2 == 0 ? x : y).view(), view};
        piece.operands[k] = view.data();
        piece.count = view.count();
      }
      PARLEY_RETURN_IF_ERROR(
          device_.Copy({copies, kMaxOperands, false}, stream));
      PARLEY_RETURN_IF_ERROR(device_.Elementwise(
          {kAllElementwiseOps[i], {}, {0.1, 0.7, 0.3, 0.9}, &piece, 1},
          stream));
    }
    return absl::OkStatus();
  }

  uint64_t Hash(uint64_t seed) const {
    for (const auto& array : arrays_) seed = HashOf(*array, seed);
    return seed;
  }

 private:
  static constexpr size_t kOps = std::size(kAllElementwiseOps);

  CudaDevice& device_;
  std::vector<std::unique_ptr<DeviceArray<float>>> arrays_;
};

}  // namespace

absl::Status CheckKernelReplay(CudaDevice& device, const GraphApi& graphs,
                               uint64_t seed) {
  PARLEY_ASSIGN_OR_RETURN(const auto stream, device.CreateCudaStream());
  const DeviceArray<float> x(device, kElements), y(device, kElements),
      mean(device, kElements), packed(device, kElements),
      transposed(device, 3000);
  const ElementwiseWork elementwise(device);
  const DeviceArray<uint64_t> sum(device, 1);
  constexpr auto kCount = static_cast<int64_t>(kElements);
  constexpr DType kFloat = DType::kFloat32;
  const auto data = [](const auto& array) -> void* {
    return array.values().data();
  };
  // Its copy is not one of blocks.
  const TensorView matrix(data(mean), kFloat, {3, 1000}, device.id());
  PARLEY_ASSIGN_OR_RETURN(const TensorView strided,
                          TensorView::Strided(data(transposed), kFloat,
                                              {3, 1000}, {1, 3}, device.id()));

  Repeated work;
  work.reset = [&] {
    for (float& value : y.values()) value = 1;
    sum[0] = 0;
  };
  work.fill = [&](int round) { Fill(x, seed, round); };
  work.enqueue = [&]() -> absl::Status {
    // On this function's stack: a launch has to take what it needs.
    const void* const inputs[] = {data(x), data(y)};
    void* const outputs[] = {data(mean)};
    const FingerprintPiece piece = {data(packed), kFloat, kCount, 7, 0};
    const TensorCopy copies[] = {
        {mean.view().Slice(0, 5000), packed.view().Slice(3, 5000)},
        {mean.view().Slice(5000, 3), packed.view().Slice(0, 3)},
        {matrix, strided}};
    PARLEY_RETURN_IF_ERROR(
        device.Mean({kFloat, 2, 1, inputs, outputs, nullptr, kCount}, *stream));
    PARLEY_RETURN_IF_ERROR(elementwise.Enqueue(x, mean, *stream));
    // Round after round.
    const ElementwisePiece lerp = {{data(x), data(y)}, kCount};
    PARLEY_RETURN_IF_ERROR(device.Elementwise(
        {ElementwiseOp::kLerp, {}, {0.1}, &lerp, 1}, *stream));
    PARLEY_RETURN_IF_ERROR(device.Copy({copies, 3, false}, *stream));
    return device.Fingerprint({&piece, 1, &sum[0]}, *stream);
  };
  work.hash = [&] {
    uint64_t hash = elementwise.Hash(sum[0]);
    for (const auto* array : {&y, &mean, &packed, &transposed}) {
      hash = HashOf(*array, hash);
    }
    return hash;
  };
  return CheckReplay(device, graphs, *stream, work);
}

absl::Status CheckCollectiveReplay(CudaDevice& device, Communicator& comm,
                                   const GraphApi& graphs, uint64_t seed) {
  PARLEY_ASSIGN_OR_RETURN(const auto stream, device.CreateCudaStream());
  const DeviceArray<float> x(device, kElements), y(device, kElements);
  Repeated work;
  work.reset = [&] {
    for (float& value : y.values()) value = 1;
  };
  work.fill = [&](int round) {
    Fill(x, HashCombine(seed, static_cast<uint64_t>(comm.rank())), round);
  };
  work.enqueue = [&]() -> absl::Status {
    PARLEY_RETURN_IF_ERROR(
        comm.AllReduce({x.view()}, {x.view()}, ReduceOp::kSum, *stream)
            .status());
    const ElementwisePiece piece = {{x.values().data(), y.values().data()},
                                    static_cast<int64_t>(kElements)};
    PARLEY_RETURN_IF_ERROR(device.Elementwise(
        {ElementwiseOp::kLerp, {}, {0.5}, &piece, 1}, *stream));
    return comm.AllReduce({y.view()}, {y.view()}, ReduceOp::kMax, *stream)
        .status();
  };
  work.hash = [&] { return HashOf(y, HashOf(x, 0)); };
  return CheckReplay(device, graphs, *stream, work);
}

}  // namespace parley::gpu_check

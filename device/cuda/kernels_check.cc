// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cuda/kernels_check.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/device/cpu/cpu_device.h"
#include "parley/device/kernels/elementwise_ops.h"
#include "parley/device/tensor.h"
#include "parley/device/testing/elementwise_case.h"
#include "parley/device/testing/values.h"

namespace parley {
namespace {

constexpr int kTensors = 5;
constexpr uint8_t kGuard = 0xa5;

// Runs each kernel on the device and on a CPU, on copies of the same bytes.
class Check {
 public:
  Check(Device& device, uint64_t seed)
      : device_(device),
        stream_(device.CreateStream().value()),
        cpu_stream_(cpu_.CreateStream().value()),
        random_(seed) {}

  void Run(absl::Span<const int64_t> counts) {
    for (DType dtype : kAllDTypes) {
      for (int64_t count : counts) {
        for (int64_t misalignment : {0, 4, 3}) {
          if (misalignment != 0 && count > 10'000) continue;
          SCOPED_TRACE(
              absl::StrCat(Name(dtype), " x ", count, " at ", misalignment));
          RunOn(dtype, count, misalignment);
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
    for (ElementwiseOp op : kAllElementwiseOps) {
      for (int64_t count : counts) {
        for (int draw = 0; draw < (count > 10'000 ? 4 : 40); ++draw) {
          RunElementwise(op, count);
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }

 private:
  // Fills the arenas with kTensors tensors between guards.
  void Fill(DType dtype, int64_t count, int64_t misalignment) {
    const int64_t each = (count * 8 + misalignment + 255) / 128 * 128;
    const int64_t bytes = kTensors * each + Allocator::kAlignment;
    arena_ =
        Allocation::Create(device_.host_visible_allocator(), bytes).value();
    auto* const base = static_cast<uint8_t*>(arena_.data());
    std::memset(base, kGuard, static_cast<size_t>(bytes));
    cpu_arena_.assign(static_cast<size_t>(bytes) + 128, kGuard);
    auto* cpu_base = cpu_arena_.data();
    while (reinterpret_cast<uintptr_t>(cpu_base) % 128 != 0) ++cpu_base;
    for (int t = 0; t < kTensors; ++t) {
      const int64_t at = t * each + misalignment;
      gpu_pointers_[t] = base + at;
      cpu_pointers_[t] = cpu_base + at;
      FillWithHardValues(random_, dtype, count, base + at);
    }
    std::memcpy(cpu_base, base, static_cast<size_t>(bytes));
    cpu_base_ = cpu_base;
  }

  // Calls enqueue(device, stream, pointers) for both, and compares the arenas.
  template <typename Enqueue>
  void Compare(const char* kernel, const Enqueue& enqueue) {
    EXPECT_EQ(enqueue(device_, *stream_, gpu_pointers_), absl::OkStatus());
    EXPECT_EQ(stream_->WaitHost(absl::Minutes(1)), absl::OkStatus());
    EXPECT_EQ(enqueue(cpu_, *cpu_stream_, cpu_pointers_), absl::OkStatus());
    EXPECT_EQ(std::memcmp(arena_.data(), cpu_base_,
                          static_cast<size_t>(arena_.bytes())),
              0)
        << kernel;
  }

  void RunOn(DType dtype, int64_t count, int64_t misalignment) {
    Fill(dtype, count, misalignment);
    if (dtype != DType::kBool) {
      Compare("Mean", [&](Device& device, Stream& stream, void** p) {
        return device.Mean({dtype, 3, 4, p, p, nullptr, count}, stream);
      });
    }
    if (IsFloating(dtype)) RunWeighted(dtype, count, misalignment);
    RunCopy(dtype, count, misalignment);
    RunFingerprint(dtype, count, misalignment);
  }

  void RunWeighted(DType dtype, int64_t count, int64_t misalignment) {
    static constexpr double kWeights[] = {0.25, 1.5, 2};
    Fill(dtype, count, misalignment);
    Compare("weighted Mean", [&](Device& device, Stream& stream, void** p) {
      return device.Mean({dtype, 3, 1, p, p + 4, kWeights, count}, stream);
    });
  }

  // More pieces than one launch takes, and a large one.
  void RunElementwise(ElementwiseOp op, int64_t count) {
    std::vector<int64_t> counts(count > 10'000 ? 1000 : 30, 9);
    counts[7] = count;
    const ElementwiseCase drawn(random_, op, counts);
    const size_t bytes = drawn.arena().size();
    Allocation arena = Allocation::Create(device_.host_visible_allocator(),
                                          static_cast<int64_t>(bytes))
                           .value();
    std::memcpy(arena.data(), drawn.arena().data(), bytes);
    std::vector<uint8_t> expected = drawn.arena();
    const ElementwiseCase::Launch actual = drawn.Over(arena.data());
    EXPECT_EQ(device_.Elementwise(actual.args(), *stream_), absl::OkStatus());
    EXPECT_EQ(stream_->WaitHost(absl::Minutes(1)), absl::OkStatus());
    const ElementwiseCase::Launch by_cpu = drawn.Over(expected.data());
    EXPECT_EQ(cpu_.Elementwise(by_cpu.args(), *cpu_stream_), absl::OkStatus());
    EXPECT_EQ(std::memcmp(arena.data(), expected.data(), bytes), 0)
        << drawn.ToString();
  }

  // One block and one transposed matrix, in one list.
  void RunCopy(DType dtype, int64_t count, int64_t misalignment) {
    Fill(dtype, count, misalignment);
    Compare("Copy", [&](Device& device, Stream& stream, void** p) {
      const DeviceId id = device.id();
      const int64_t rows = count / 3;
      const TensorCopy copies[] = {
          {TensorView(p[0], dtype, count, id),
           TensorView(p[1], dtype, count, id)},
          {TensorView(p[2], dtype, {3, rows}, id),
           TensorView::Strided(p[3], dtype, {3, rows}, {1, 3}, id).value()}};
      return device.Copy({copies, 2, false}, stream);
    });
  }

  void RunFingerprint(DType dtype, int64_t count, int64_t misalignment) {
    Fill(dtype, count, misalignment);
    Allocation sum =
        Allocation::Create(device_.host_visible_allocator(), 8).value();
    uint64_t cpu_sum = 5;
    std::memcpy(sum.data(), &cpu_sum, 8);
    Compare("Fingerprint", [&](Device& device, Stream& stream, void** p) {
      const FingerprintPiece pieces[] = {{p[0], dtype, count, 1, 0},
                                         {p[1], dtype, count, 2, 77}};
      const bool cpu = &device == &cpu_;
      return device.Fingerprint(
          {pieces, 2, cpu ? &cpu_sum : static_cast<uint64_t*>(sum.data())},
          stream);
    });
    EXPECT_EQ(std::memcmp(sum.data(), &cpu_sum, 8), 0);
  }

  Device& device_;
  CpuDevice cpu_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Stream> cpu_stream_;
  Random random_;
  Allocation arena_;
  std::vector<uint8_t> cpu_arena_;
  uint8_t* cpu_base_ = nullptr;
  void* gpu_pointers_[kTensors] = {};
  void* cpu_pointers_[kTensors] = {};
};

}  // namespace

void CheckKernelsAgainstCpu(Device& device, uint64_t seed,
                            absl::Span<const int64_t> counts) {
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Check(device, seed).Run(counts);
}

}  // namespace parley

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
#include "parley/device/kernels/cast.h"
#include "parley/device/tensor.h"
#include "parley/device/testing/values.h"

namespace parley {
namespace {

// The last one makes the threads of a large GPU loop.
constexpr int64_t kCounts[] = {1, 15, 257, 4099, 2'300'003};
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

  void Run() {
    for (DType dtype : kAllDTypes) {
      for (int64_t count : kCounts) {
        for (int64_t misalignment : {0, 4, 3}) {
          if (misalignment != 0 && count > 10'000) continue;
          SCOPED_TRACE(
              absl::StrCat(Name(dtype), " x ", count, " at ", misalignment));
          RunOn(dtype, count, misalignment);
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
    Fill(dtype, count, misalignment);
    Compare("Reduce", [&](Device& device, Stream& stream, void** p) {
      return device.Reduce({dtype, ReduceOp::kMin, 4, p, p[4], count}, stream);
    });
    for (DType to : kAllDTypes) {
      if (!kernels::IsCastable(dtype, to)) continue;
      Compare("Cast", [&](Device& device, Stream& stream, void** p) {
        return device.Cast({dtype, to, p[0], p[4], count}, stream);
      });
    }
    if (IsFloating(dtype)) RunCombine(dtype, count, misalignment);
    RunCopy(dtype, count, misalignment);
    RunFingerprint(dtype, count, misalignment);
  }

  void RunCombine(DType dtype, int64_t count, int64_t misalignment) {
    static constexpr double kWeights[] = {0.25, 1.5, 2};
    Fill(dtype, count, misalignment);
    Compare("weighted Mean", [&](Device& device, Stream& stream, void** p) {
      return device.Mean({dtype, 3, 1, p, p + 4, kWeights, count}, stream);
    });
    Compare("Sum", [&](Device& device, Stream& stream, void** p) {
      return device.Reduce({dtype, ReduceOp::kSum, 3, p, p[4], count}, stream);
    });
    Compare("Axpby", [&](Device& device, Stream& stream, void** p) {
      return device.Axpby({dtype, 0.9, -0.3, p[0], p[1], count}, stream);
    });
    Compare("Lerp", [&](Device& device, Stream& stream, void** p) {
      return device.Lerp({dtype, 0.1, p[2], p[1], count}, stream);
    });
    Compare("Delta", [&](Device& device, Stream& stream, void** p) {
      return device.Delta({dtype, p[0], p[1], p[4], count}, stream);
    });
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

void CheckKernelsAgainstCpu(Device& device, uint64_t seed) {
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Check(device, seed).Run();
}

}  // namespace parley

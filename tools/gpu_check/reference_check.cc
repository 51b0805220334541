// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/reference_check.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/device/cuda/cuda_status.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/testing/values.h"
#include "parley/tools/gpu_check/references.h"

namespace parley::gpu_check {
namespace {

constexpr int kTensors = kMaxOperands;
constexpr uint8_t kPoison = 0xa5;
constexpr absl::Duration kPatience = absl::Minutes(1);

// Tensors 0 to 2 are inputs, 3 is an output.
using Pointers = std::array<void*, kTensors>;

class Checker {
 public:
  Checker(CudaDevice& device, uint64_t seed)
      : device_(device), seed_(seed), random_(seed) {}

  absl::Status Run(DType dtype, int64_t count, int64_t misalignment) {
    where_ = absl::StrCat(Name(dtype), " x ", count, ", ", misalignment,
                          " bytes off, seed ", seed_);
    dtype_ = dtype;
    count_ = count;
    PARLEY_RETURN_IF_ERROR(Allocate(misalignment));
    if (dtype != DType::kBool) PARLEY_RETURN_IF_ERROR(CheckMean());
    if (IsFloating(dtype)) PARLEY_RETURN_IF_ERROR(CheckElementwise());
    PARLEY_RETURN_IF_ERROR(CheckCopy());
    return CheckFingerprint();
  }

  absl::Status CreateStream() {
    PARLEY_ASSIGN_OR_RETURN(stream_, device_.CreateCudaStream());
    PARLEY_ASSIGN_OR_RETURN(
        sum_, Allocation::Create(device_.host_visible_allocator(), 8));
    return absl::OkStatus();
  }

 private:
  // The same layout on the device and twice on the host: what is sent and
  // comes back, and what is to come.
  absl::Status Allocate(int64_t misalignment) {
    const int64_t each = (count_ * 8 + misalignment + 2 * 128) / 128 * 128;
    const int64_t bytes = kTensors * each + 128;
    PARLEY_ASSIGN_OR_RETURN(device_memory_,
                            Allocation::Create(device_.allocator(), bytes));
    PARLEY_ASSIGN_OR_RETURN(
        host_memory_,
        Allocation::Create(device_.host_visible_allocator(), bytes));
    expected_memory_.resize(static_cast<size_t>(bytes));
    for (size_t t = 0; t < kTensors; ++t) {
      const int64_t at = static_cast<int64_t>(t) * each + 128 + misalignment;
      on_device_[t] = static_cast<uint8_t*>(device_memory_.data()) + at;
      host_[t] = static_cast<uint8_t*>(host_memory_.data()) + at;
      expected_[t] = expected_memory_.data() + at;
    }
    return absl::OkStatus();
  }

  absl::Status Transfer(void* to, const void* from) {
    const CudaApi& api = device_.api();
    PARLEY_RETURN_IF_ERROR(
        CudaStatus(api,
                   api.MemcpyAsync(to, from, expected_memory_.size(),
                                   cudaMemcpyDefault, stream_->handle()),
                   "MemcpyAsync"));
    return stream_->WaitHost(kPatience);
  }

  // Three inputs of dtype_.
  template <typename Kernel, typename Reference>
  absl::Status Compare(const std::string& kernel, const Kernel& run,
                       const Reference& reference) {
    return Compare(kernel, {dtype_, dtype_, dtype_}, run, reference);
  }

  // Fresh values of those dtypes in the first tensors, poison elsewhere; then
  // run(pointers on the device), and reference(pointers on the host) to compare
  // with.
  template <typename Kernel, typename Reference>
  absl::Status Compare(const std::string& kernel,
                       absl::Span<const DType> dtypes, const Kernel& run,
                       const Reference& reference) {
    const std::string what = absl::StrCat(kernel, " of ", where_);
    std::memset(host_memory_.data(), kPoison, expected_memory_.size());
    for (size_t t = 0; t < dtypes.size(); ++t) {
      FillWithHardValues(random_, dtypes[t], count_, host_[t]);
    }
    std::memcpy(expected_memory_.data(), host_memory_.data(),
                expected_memory_.size());
    PARLEY_RETURN_IF_ERROR(
        Transfer(device_memory_.data(), host_memory_.data()));
    PARLEY_RETURN_IF_ERROR(run(on_device_));
    PARLEY_RETURN_IF_ERROR(stream_->WaitHost(kPatience));
    PARLEY_RETURN_IF_ERROR(
        Transfer(host_memory_.data(), device_memory_.data()));
    reference(expected_);
    const auto* const got = static_cast<const uint8_t*>(host_memory_.data());
    for (size_t i = 0; i < expected_memory_.size(); ++i) {
      if (got[i] == expected_memory_[i]) continue;
      return absl::InternalError(absl::StrCat(
          what, ": ", Place(static_cast<int64_t>(i)), " is 0x",
          absl::Hex(got[i]), ", expected 0x", absl::Hex(expected_memory_[i])));
    }
    return absl::OkStatus();
  }

  // "byte 12 of tensor 3", or where it lies beside all of them.
  std::string Place(int64_t offset) const {
    for (size_t t = 0; t < kTensors; ++t) {
      const int64_t begin =
          static_cast<const uint8_t*>(expected_[t]) - expected_memory_.data();
      if (offset >= begin && offset < begin + count_ * 8) {
        return absl::StrCat("byte ", offset - begin, " of tensor ", t);
      }
    }
    return absl::StrCat("byte ", offset, ", outside of all tensors,");
  }

  absl::Status CheckMean() {
    PARLEY_RETURN_IF_ERROR(Compare(
        "Mean",
        [&](Pointers& p) {
          return device_.Mean({dtype_, 3, 1, p.data(), &p[3], nullptr, count_},
                              *stream_);
        },
        [&](Pointers& p) {
          ReferenceMean(dtype_, {p.data(), 3}, {}, count_, p[3]);
        }));
    if (!IsFloating(dtype_)) return absl::OkStatus();
    static constexpr double kWeights[] = {0.25, 3, 1.1};
    return Compare(
        "weighted Mean",
        [&](Pointers& p) {
          // In place, and into a second tensor.
          void* const outputs[] = {p[1], p[3]};
          return device_.Mean(
              {dtype_, 3, 2, p.data(), outputs, kWeights, count_}, *stream_);
        },
        [&](Pointers& p) {
          ReferenceMean(dtype_, {p.data(), 3}, kWeights, count_, p[3]);
          std::memcpy(p[1], p[3], static_cast<size_t>(count_ * SizeOf(dtype_)));
        });
  }

  // Each operation, with one dtype and with others beside it. What is read of
  // the last tensor is as hard as the rest.
  absl::Status CheckElementwise() {
    for (const ElementwiseOp op : kAllElementwiseOps) {
      for (const DType others : {dtype_, DType::kFloat32, DType::kFloat64}) {
        ElementwiseArgs args{
            op, {dtype_, others, others, others}, {0.1, 0.7, 0.3, 0.9}};
        const auto piece = [&](Pointers& p) {
          ElementwisePiece piece;
          std::copy(p.begin(), p.end(), piece.operands);
          piece.count = count_;
          return piece;
        };
        PARLEY_RETURN_IF_ERROR(Compare(
            absl::StrCat(kernels::NameOf(op), " with ", Name(others)),
            args.dtypes,
            [&](Pointers& p) {
              const ElementwisePiece on_device = piece(p);
              args.pieces = &on_device;
              args.num_pieces = 1;
              return device_.Elementwise(args, *stream_);
            },
            [&](Pointers& p) {
              const ElementwisePiece expected = piece(p);
              args.pieces = &expected;
              ReferenceElementwise(args);
            }));
      }
    }
    return absl::OkStatus();
  }

  // One block, and one matrix that is transposed on its way.
  absl::Status CheckCopy() {
    const int64_t rows = count_ / 3;
    return Compare(
        "Copy",
        [&](Pointers& p) -> absl::Status {
          const DeviceId id = device_.id();
          PARLEY_ASSIGN_OR_RETURN(
              const TensorView transposed,
              TensorView::Strided(p[3], dtype_, {3, rows}, {1, 3}, id));
          const TensorCopy copies[] = {
              {TensorView(p[0], dtype_, count_, id),
               TensorView(p[1], dtype_, count_, id)},
              {TensorView(p[2], dtype_, {3, rows}, id), transposed}};
          return device_.Copy({copies, 2, false}, *stream_);
        },
        [&](Pointers& p) {
          const int64_t size = SizeOf(dtype_);
          std::memcpy(p[1], p[0], static_cast<size_t>(count_ * size));
          for (int64_t i = 0; i < 3 * rows; ++i) {
            std::memcpy(
                static_cast<char*>(p[3]) + (i % rows * 3 + i / rows) * size,
                static_cast<char*>(p[2]) + i * size, static_cast<size_t>(size));
          }
        });
  }

  // The sum is added to what is there.
  absl::Status CheckFingerprint() {
    auto* const sum = static_cast<uint64_t*>(sum_.data());
    *sum = 5;
    uint64_t expected = 5;
    PARLEY_RETURN_IF_ERROR(Compare(
        "Fingerprint",
        [&](Pointers& p) {
          const FingerprintPiece pieces[] = {{p[0], dtype_, count_, 1, 0},
                                             {p[1], dtype_, count_, 2, 77}};
          return device_.Fingerprint({pieces, 2, sum}, *stream_);
        },
        [&](Pointers& p) {
          expected += ReferenceFingerprint(dtype_, 1, 0, p[0], count_);
          expected += ReferenceFingerprint(dtype_, 2, 77, p[1], count_);
        }));
    if (*sum == expected) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("Fingerprint of ", where_, ": ",
                                            absl::Hex(*sum), ", expected ",
                                            absl::Hex(expected)));
  }

  CudaDevice& device_;
  const uint64_t seed_;
  Random random_;
  std::unique_ptr<CudaStream> stream_;
  Allocation sum_;

  std::string where_;
  DType dtype_ = DType::kFloat32;
  int64_t count_ = 0;
  Allocation device_memory_;
  Allocation host_memory_;
  std::vector<uint8_t> expected_memory_;
  Pointers on_device_ = {};
  Pointers host_ = {};
  Pointers expected_ = {};
};

}  // namespace

absl::Status CheckAgainstReferences(CudaDevice& device, uint64_t seed,
                                    absl::Span<const int64_t> counts) {
  Checker checker(device, seed);
  PARLEY_RETURN_IF_ERROR(checker.CreateStream());
  for (const DType dtype : kAllDTypes) {
    for (const int64_t count : counts) {
      for (const int64_t misalignment : {0, 4, 3}) {
        PARLEY_RETURN_IF_ERROR(checker.Run(dtype, count, misalignment));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace parley::gpu_check

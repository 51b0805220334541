// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/kernel_runs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "parley/base/status_macros.h"
#include "parley/device/kernels/elementwise.h"

namespace parley::gpu_check {
namespace {

constexpr int kTensors = 9;
constexpr int kOutput = kTensors - 1;

// As many as a convolutional network has, apart by an odd number of elements.
constexpr int64_t kSmallTensors = 2300;

}  // namespace

absl::StatusOr<std::unique_ptr<KernelRuns>> KernelRuns::Create(Device& device,
                                                               int64_t bytes) {
  std::unique_ptr<KernelRuns> runs(new KernelRuns(device, bytes));
  PARLEY_RETURN_IF_ERROR(runs->Allocate());
  runs->AddMeans();
  runs->AddElementwise();
  runs->AddFingerprint();
  runs->AddPacking();
  return runs;
}

absl::Status KernelRuns::Allocate() {
  if (bytes_ <= 0 || bytes_ % 64 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("bytes must be a multiple of 64, not ", bytes_));
  }
  for (int i = 0; i < kTensors; ++i) {
    PARLEY_ASSIGN_OR_RETURN(Allocation tensor,
                            Allocation::Create(device_.allocator(), bytes_));
    if (i < kOutput) inputs_.push_back(tensor.data());
    outputs_.assign(1, tensor.data());
    tensors_.push_back(std::move(tensor));
  }
  PARLEY_ASSIGN_OR_RETURN(
      sum_, Allocation::Create(device_.host_visible_allocator(), 8));
  std::memset(sum_.data(), 0, 8);
  return absl::OkStatus();
}

void KernelRuns::Add(std::string name, int64_t bytes,
                     std::function<absl::Status(Stream&)> enqueue) {
  runs_.push_back({std::move(name), bytes, std::move(enqueue)});
}

TensorView KernelRuns::View(int tensor) const {
  return TensorView(tensors_[static_cast<size_t>(tensor)].data(),
                    DType::kFloat32, bytes_ / 4, device_.id());
}

void KernelRuns::AddMeans() {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int n : {2, 8}) {
      Add(absl::StrCat("mean of ", n, ", ", Name(dtype)), (n + 1) * bytes_,
          [this, dtype, n](Stream& stream) {
            return device_.Mean({dtype, n, 1, inputs_.data(), outputs_.data(),
                                 nullptr, bytes_ / SizeOf(dtype)},
                                stream);
          });
    }
  }
}

// Each operation on tensors of float32, and beside parameters of bfloat16, as
// its first operand is.
void KernelRuns::AddElementwise() {
  const int64_t count = bytes_ / 4;
  for (const ElementwiseOp op : kAllElementwiseOps) {
    for (const DType first : {DType::kFloat32, DType::kBFloat16}) {
      ElementwiseArgs args{op, {first}, {0.5, 0.5, 0.5, 0.5}};
      const int64_t bytes = count * kernels::BytesPerElement(args);
      Add(absl::StrCat(kernels::NameOf(op), " of ", Name(first), ", float32"),
          bytes, [this, args](Stream& stream) {
            ElementwiseArgs launch = args;
            launch.pieces = &elementwise_;
            launch.num_pieces = 1;
            return device_.Elementwise(launch, stream);
          });
    }
  }
  for (int k = 0; k < kMaxOperands; ++k) {
    elementwise_.operands[k] = tensors_[static_cast<size_t>(k)].data();
  }
  elementwise_.count = count;
}

void KernelRuns::AddFingerprint() {
  constexpr DType kFloat = DType::kFloat32;
  const int64_t count = bytes_ / 4;
  pieces_ = {{inputs_[0], kFloat, count, 1, 0}};
  Add("fingerprint, float32", bytes_, [this](Stream& stream) {
    return device_.Fingerprint(
        {pieces_.data(), 1, static_cast<uint64_t*>(sum_.data())}, stream);
  });
}

void KernelRuns::AddPacking() {
  const TensorView from = View(0);
  const TensorView to = View(kOutput);
  // Each begins at a place of its own in tensor 0, and lies densely in the
  // bucket.
  const int64_t each = std::max<int64_t>(from.count() / kSmallTensors, 2);
  int64_t packed = 0;
  for (int64_t at = 0; at + each <= from.count(); at += each) {
    const TensorView small = from.Slice(at + 1, each - 1);
    const TensorView place = to.Slice(packed, each - 1);
    pack_.push_back({small, place});
    unpack_.push_back({place, small});
    packed += each - 1;
  }
  for (const TensorCopy& copy : pack_) {
    small_.push_back({{copy.from.data(), copy.to.data()}, copy.to.count()});
  }
  Add(absl::StrCat("Lerp of ", small_.size(), " tensors"), 12 * packed,
      [this](Stream& stream) {
        return device_.Elementwise({ElementwiseOp::kLerp,
                                    {},
                                    {0.5},
                                    small_.data(),
                                    static_cast<int64_t>(small_.size())},
                                   stream);
      });
  const auto add = [this](std::string name, int64_t bytes,
                          const std::vector<TensorCopy>& copies) {
    Add(std::move(name), bytes, [this, &copies](Stream& stream) {
      return device_.Copy(
          {copies.data(), static_cast<int64_t>(copies.size()), false}, stream);
    });
  };
  add(absl::StrCat("pack ", pack_.size(), " tensors"), 8 * packed, pack_);
  add(absl::StrCat("unpack ", unpack_.size(), " tensors"), 8 * packed, unpack_);
}

}  // namespace parley::gpu_check

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels whose speed is measured, on tensors of a given size, with the
// bytes that each reads and writes.
//
//   PARLEY_ASSIGN_OR_RETURN(const auto runs, KernelRuns::Create(*device, 1 <<
//   28)); for (const KernelRun& run : runs->all()) run.enqueue(*stream);
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_TOOLS_GPU_CHECK_KERNEL_RUNS_H_
#define PARLEY_TOOLS_GPU_CHECK_KERNEL_RUNS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parley/device/device.h"

namespace parley::gpu_check {

struct KernelRun {
  std::string name;
  int64_t bytes;  // read and written
  std::function<absl::Status(Stream&)> enqueue;
};

class KernelRuns {
 public:
  // `bytes` is the size of one tensor, a multiple of 64; nine are allocated. To
  // measure memory it must be several times the cache. The device must outlive
  // this.
  static absl::StatusOr<std::unique_ptr<KernelRuns>> Create(Device& device,
                                                            int64_t bytes);

  absl::Span<const KernelRun> all() const { return runs_; }

  // Two of the tensors, for the copy to compare with.
  const void* from() const { return tensors_[0].data(); }
  void* to() const { return tensors_[8].data(); }
  int64_t bytes() const { return bytes_; }

 private:
  KernelRuns(Device& device, int64_t bytes) : device_(device), bytes_(bytes) {}

  absl::Status Allocate();
  void AddMeans();
  void AddElementwise();
  void AddFingerprint();
  void AddPacking();
  void Add(std::string name, int64_t bytes,
           std::function<absl::Status(Stream&)> enqueue);

  TensorView View(int tensor) const;  // of float32

  Device& device_;
  const int64_t bytes_;
  std::vector<Allocation> tensors_;
  Allocation sum_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
  std::vector<TensorCopy> pack_;
  std::vector<TensorCopy> unpack_;
  ElementwisePiece elementwise_;
  std::vector<ElementwisePiece> small_;
  std::vector<FingerprintPiece> pieces_;
  std::vector<KernelRun> runs_;
};

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_KERNEL_RUNS_H_

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The real tables: nvcc's objects and the static runtime, linked. Without a
// GPU, that they are complete and how CUDA's errors reach the caller; with one,
// that its kernels give the CPU's bits. Each half says that it was skipped.
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/device/cuda/cuda_status.h"
#include "parley/device/cuda/kernels_check.h"
#include "parley/device/cuda/runtime_cuda_api.h"
#include "parley/device/cuda/runtime_cuda_kernels.h"

namespace parley {
namespace {

constexpr uint64_t kSeed = 20260504;

// The entries of a table, which is nothing but pointers.
template <typename Table>
std::vector<void*> Entries(const Table& table) {
  std::vector<void*> entries(sizeof(Table) / sizeof(void*));
  std::memcpy(entries.data(), &table, sizeof(Table));
  return entries;
}

template <typename Table>
void ExpectComplete(const Table& table) {
  const std::vector<void*> entries = Entries(table);
  for (size_t i = 0; i < entries.size(); ++i) {
    EXPECT_NE(entries[i], nullptr) << "entry " << i;
  }
}

bool HasGpu() {
  int count = 0;
  const cudaError_t error = RuntimeCudaApi().GetDeviceCount(&count);
  RuntimeCudaApi().GetLastError();
  return error == cudaSuccess && count > 0;
}

TEST(RuntimeCudaTest, TablesAreComplete) {
  ExpectComplete(RuntimeCudaApi());
  ExpectComplete(RuntimeCudaKernels());
}

TEST(RuntimeCudaTest, HeadersAndRuntimeAreOfOneVersion) {
  int version = 0;
  EXPECT_EQ(RuntimeCudaApi().RuntimeGetVersion(&version), cudaSuccess);
  EXPECT_EQ(version, CUDART_VERSION);
}

TEST(RuntimeCudaTest, WithoutAGpuTheErrorsAreCudas) {
  if (HasGpu()) GTEST_SKIP() << "there is a GPU";
  const CudaApi& api = RuntimeCudaApi();
  int count = 0;
  const cudaError_t error = api.GetDeviceCount(&count);
  const absl::Status status = CudaStatus(api, error, "GetDeviceCount");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), std::string("GetDeviceCount: ") +
                                  api.GetErrorName(error) + ": " +
                                  api.GetErrorString(error));

  const auto device = CudaDevice::Create(api, RuntimeCudaKernels(), 0);
  EXPECT_EQ(device.status(), status);
  std::cout << "CudaDevice::Create: " << device.status() << std::endl;
}

TEST(RuntimeCudaTest, WithoutAGpuNoKernelLoadsOrRuns) {
  if (HasGpu()) GTEST_SKIP() << "there is a GPU";
  const CudaKernels& kernels = RuntimeCudaKernels();
  const CudaApi& api = RuntimeCudaApi();
  const auto unavailable = [&](cudaError_t error) {
    return CudaStatus(api, error, "").code() == absl::StatusCode::kUnavailable;
  };
  float x = 0;
  void* const p = &x;
  uint64_t sum = 0;
  const FingerprintPiece piece = {p, DType::kFloat32, 1, 0, 0};
  const ElementwisePiece elementwise = {{p, p, p, p}, 1};
  BlockCopyList blocks;
  Clear(blocks);
  AppendBlock(blocks, p, p, 4);
  ElementCopyList elements;
  Clear(elements);
  AppendElements(elements, {p, p, 1, 0, {}, {}, 4, true});
  constexpr LaunchSettings kSettings;
  constexpr DType kDType = DType::kFloat32;

  EXPECT_TRUE(unavailable(kernels.LoadAll()));
  EXPECT_TRUE(unavailable(
      kernels.Mean({kDType, 1, 1, &p, &p, nullptr, 1}, kSettings, nullptr)));
  EXPECT_TRUE(unavailable(kernels.CopyBlocks(blocks, kSettings, nullptr)));
  EXPECT_TRUE(unavailable(kernels.CopyElements(elements, kSettings, nullptr)));
  for (const ElementwiseOp op : kAllElementwiseOps) {
    EXPECT_TRUE(unavailable(kernels.Elementwise({op, {}, {}, &elementwise, 1},
                                                kSettings, nullptr)));
  }
  EXPECT_TRUE(
      unavailable(kernels.Fingerprint({&piece, 1, &sum}, kSettings, nullptr)));
}

TEST(RuntimeCudaTest, WithAGpuKernelsGiveTheCpusBits) {
  if (!HasGpu()) GTEST_SKIP() << "there is no GPU";
  absl::StatusOr<std::unique_ptr<CudaDevice>> device =
      CudaDevice::Create(RuntimeCudaApi(), RuntimeCudaKernels(), 0);
  ASSERT_EQ(device.status(), absl::OkStatus());
  CheckKernelsAgainstCpu(**device, kSeed);
}

}  // namespace
}  // namespace parley

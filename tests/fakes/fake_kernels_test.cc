// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Parley's kernels on the fake device: they run late, with the parameters of
// the call, and on memory that is checked. What they compute is the concern of
// device/cuda's own tests.
#include "parley/tests/fakes/fake_kernels.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "parley/device/cuda/launch.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

// Runs the body with settings as a CudaDevice would give them.
FakeReport RunKernels(
    const std::function<void(FakeRank&, GpuUser&, const LaunchSettings&,
                             cudaStream_t)>& body) {
  return RunAtAllWidths(
      {.ranks = 1}, {}, [&body](FakeRank& rank) -> absl::Status {
        GpuUser gpu(rank);
        LaunchSettings settings;
        settings.multiprocessors = 2;
        settings.scratch =
            static_cast<uint64_t*>(gpu.Memory(kScratchWords * 8));
        body(rank, gpu, settings, gpu.Stream());
        return absl::OkStatus();
      });
}

TEST(FakeKernelsTest, AllKernels) {
  const FakeReport report = RunKernels([](FakeRank&, GpuUser& gpu,
                                          const LaunchSettings& settings,
                                          cudaStream_t stream) {
    const CudaKernels& kernels = FakeCudaKernels();
    EXPECT_EQ(kernels.LoadAll(), cudaSuccess);
    float* a = gpu.Device<float>({1, 2, 3}, stream);
    float* b = gpu.Device<float>({3, 6, 9}, stream);
    float* c = gpu.Device<float>({0, 0, 0}, stream);

    // Lists of the host's are gone when the call has returned.
    {
      std::vector<const void*> inputs = {a, b};
      std::vector<void*> outputs = {c};
      MeanArgs mean;
      mean.num_inputs = 2;
      mean.num_outputs = 1;
      mean.inputs = inputs.data();
      mean.outputs = outputs.data();
      mean.count = 3;
      EXPECT_EQ(kernels.Mean(mean, settings, stream), cudaSuccess);
      inputs.assign(2, nullptr);
      outputs.assign(1, nullptr);
    }
    EXPECT_EQ(gpu.Read(c, 3, stream), std::vector<float>({2, 4, 6}));

    {
      std::vector<ElementwisePiece> pieces = {{{a, c}, 2}, {{b, c + 2}, 1}};
      EXPECT_EQ(kernels.Elementwise(
                    {ElementwiseOp::kLerp, {}, {0.5}, pieces.data(), 2},
                    settings, stream),
                cudaSuccess);
      pieces.assign(2, {});
    }
    EXPECT_EQ(gpu.Read(c, 3, stream), std::vector<float>({1.5, 3, 4.5}));

    BlockCopyList blocks;
    Clear(blocks);
    AppendBlock(blocks, b, c, 3 * sizeof(float));
    EXPECT_EQ(kernels.CopyBlocks(blocks, settings, stream), cudaSuccess);
    EXPECT_EQ(gpu.Read(c, 3, stream), std::vector<float>({3, 6, 9}));

    // Every second element of `a`.
    ElementCopyList elements;
    Clear(elements);
    ElementCopy copy = {};
    copy.from = a;
    copy.to = c;
    copy.count = 2;
    copy.from_layout = {{2}, {2}, 1};
    copy.to_layout = {{2}, {1}, 1};
    copy.width = 4;
    copy.aligned = true;
    AppendElements(elements, copy);
    EXPECT_EQ(kernels.CopyElements(elements, settings, stream), cudaSuccess);
    EXPECT_EQ(gpu.Read(c, 3, stream), std::vector<float>({1, 3, 9}));

    uint64_t* sum = gpu.Device<uint64_t>({7}, stream);
    FingerprintPiece piece;
    piece.data = a;
    piece.count = 3;
    EXPECT_EQ(kernels.Fingerprint({&piece, 1, sum}, settings, stream),
              cudaSuccess);
    EXPECT_NE(gpu.Read(sum, 1, stream)[0], 7u);
  });
  EXPECT_TRUE(report.clean()) << report;
}

// One operand beyond its memory in each kernel.
TEST(FakeKernelsTest, MemoryIsChecked) {
  const FakeReport report =
      RunKernels([](FakeRank& rank, GpuUser& gpu,
                    const LaunchSettings& settings, cudaStream_t stream) {
        const CudaKernels& kernels = FakeCudaKernels();
        auto* a = static_cast<float*>(gpu.Memory(4 * sizeof(float)));
        auto* small = static_cast<float*>(gpu.Memory(3 * sizeof(float)));
        const auto refused = [](cudaError_t error) {
          EXPECT_EQ(error, cudaErrorInvalidValue);
        };
        const void* inputs[] = {a, small};
        void* outputs[] = {a};
        MeanArgs mean;
        mean.num_inputs = 2;
        mean.num_outputs = 1;
        mean.inputs = inputs;
        mean.outputs = outputs;
        mean.count = 4;
        refused(kernels.Mean(mean, settings, stream));
        mean.num_inputs = 1;
        outputs[0] = small;
        refused(kernels.Mean(mean, settings, stream));
        for (const bool from : {false, true}) {
          // The second of two pieces.
          const ElementwisePiece pieces[] = {
              {{a, small}, 3}, {{from ? small : a, from ? a : small}, 4}};
          refused(kernels.Elementwise({ElementwiseOp::kCast, {}, {}, pieces, 2},
                                      settings, stream));
          BlockCopyList blocks;
          Clear(blocks);
          AppendBlock(blocks, from ? small : a, from ? a : small, 16);
          refused(kernels.CopyBlocks(blocks, settings, stream));
          ElementCopyList elements;
          Clear(elements);
          ElementCopy copy = {};
          copy.from = from ? small : a;
          copy.to = from ? a : small;
          copy.count = 2;
          copy.from_layout = {{2}, {3}, 1};
          copy.to_layout = {{2}, {3}, 1};
          copy.width = 4;
          AppendElements(elements, copy);
          refused(kernels.CopyElements(elements, settings, stream));
        }
        FingerprintPiece piece;
        piece.data = small;
        piece.count = 4;
        auto* sum = static_cast<uint64_t*>(gpu.Memory(8));
        refused(kernels.Fingerprint({&piece, 1, sum}, settings, stream));
        piece.data = a;
        refused(kernels.Fingerprint({&piece, 1, sum + 1}, settings, stream));
        LaunchSettings no_scratch = settings;
        no_scratch.scratch = sum;
        refused(kernels.Fingerprint({&piece, 1, sum}, no_scratch, stream));
        rank.cuda.GetLastError();
      });
  EXPECT_EQ(report.diagnoses.size(), 11u) << report;
  for (const char* name :
       {"Mean", "Cast", "CopyBlocks", "CopyElements", "Fingerprint"}) {
    EXPECT_TRUE(report.Mentions(std::string(name) + " on stream 1 touches "))
        << name;
  }
}

}  // namespace
}  // namespace parley::fakes

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels on all cores, each beside a memcpy by as many threads in the same
// process:
//
//   BM_Copy              memcpy of 256 MiB, bytes counted twice
//   BM_Mean/D/n          in-place mean over n replicas of 512 MiB in all, bytes
//                        counted twice (read and written); D is the DType
//   BM_WeightedMean/D/n  the same with unequal weights
//   BM_Fingerprint/D     of 256 MiB, bytes counted once (read)
//   BM_Elementwise/O/D/E operation O on a first operand of D and others of E,
//                        bytes read and written
//
// Counter `of_copy` is the rate divided by that of copies made before and after
// each pass.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "parley/device/cpu/kernel_ranges.h"
#include "parley/device/kernels/arguments.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/tensor.h"

namespace parley {
namespace {

constexpr int64_t kCopyBytes = int64_t{256} << 20;
constexpr int64_t kTotalBytes = 2 * kCopyBytes;

// All benchmarks use this memory.
uint8_t* Memory() {
  static uint8_t* const memory = [] {
    auto* bytes = new uint8_t[kTotalBytes];
    // Small bfloat16 numbers, which are ordinary numbers in all formats.
    for (int64_t i = 0; i < kTotalBytes; i += 2) {
      const auto value = static_cast<uint16_t>(0x3c00 + i % 1021);
      std::memcpy(bytes + i, &value, 2);
    }
    return bytes;
  }();
  return memory;
}

// Seconds that body(begin, end) takes over [0, count) on all cores.
double Seconds(int64_t count,
               const std::function<void(int64_t, int64_t)>& body) {
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  const int64_t chunk = (count / cores + 64) / 64 * 64;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int64_t begin = 0; begin < count; begin += chunk) {
    threads.emplace_back(body, begin, std::min(begin + chunk, count));
  }
  for (std::thread& thread : threads) thread.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

double CopySeconds() {
  uint8_t* memory = Memory();
  return Seconds(kCopyBytes, [=](int64_t begin, int64_t end) {
    std::memcpy(memory + kCopyBytes + begin, memory + begin,
                static_cast<size_t>(end - begin));
  });
}

// Times `body`, which moves `bytes`, and relates it to the copies around it.
void Measure(benchmark::State& state, int64_t bytes, int64_t count,
             const std::function<void(int64_t, int64_t)>& body) {
  CopySeconds();
  double copies = 0;
  double total = 0;
  for (auto _ : state) {
    const double before = CopySeconds();
    const double seconds = Seconds(count, body);
    const double after = CopySeconds();
    state.SetIterationTime(seconds);
    copies += (before + after) / 2;
    total += seconds;
  }
  const auto iterations = static_cast<int64_t>(state.iterations());
  state.SetBytesProcessed(iterations * bytes);
  state.counters["of_copy"] = (static_cast<double>(bytes) / total) /
                              (static_cast<double>(kTotalBytes) / copies);
}

void BM_Copy(benchmark::State& state) {
  for (auto _ : state) state.SetIterationTime(CopySeconds());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                          kTotalBytes);
}
BENCHMARK(BM_Copy)->UseManualTime();

void MeasureMean(benchmark::State& state, bool weighted) {
  const auto dtype = static_cast<DType>(state.range(0));
  const auto n = static_cast<int>(state.range(1));
  std::vector<void*> replicas;
  std::vector<double> weights;
  for (int r = 0; r < n; ++r) {
    replicas.push_back(Memory() + r * (kTotalBytes / n));
    weights.push_back(1 + 0.25 * r);
  }
  MeanArgs args;
  args.dtype = dtype;
  args.num_inputs = args.num_outputs = n;
  args.inputs = replicas.data();
  args.outputs = replicas.data();
  args.weights = weighted ? weights.data() : nullptr;
  args.count = kTotalBytes / n / SizeOf(dtype);
  Measure(state, 2 * kTotalBytes, args.count,
          [&](int64_t begin, int64_t end) { MeanRange(args, begin, end); });
}

void BM_Mean(benchmark::State& state) { MeasureMean(state, false); }
void BM_WeightedMean(benchmark::State& state) { MeasureMean(state, true); }

const std::vector<int64_t> kFloating = {0, 1, 2, 3};
BENCHMARK(BM_Mean)->ArgsProduct({kFloating, {2, 3, 4, 8, 16}})->UseManualTime();
BENCHMARK(BM_WeightedMean)->ArgsProduct({kFloating, {8}})->UseManualTime();

void BM_Fingerprint(benchmark::State& state) {
  FingerprintPiece piece;
  piece.data = Memory();
  piece.dtype = static_cast<DType>(state.range(0));
  piece.count = kCopyBytes / SizeOf(piece.dtype);
  Measure(state, kCopyBytes, piece.count, [&](int64_t begin, int64_t end) {
    benchmark::DoNotOptimize(FingerprintRange(piece, begin, end));
  });
}
BENCHMARK(BM_Fingerprint)->Arg(0)->Arg(1)->Arg(2)->Arg(6)->UseManualTime();

// The operands share the memory.
void BM_Elementwise(benchmark::State& state) {
  ElementwiseArgs args;
  args.op = static_cast<ElementwiseOp>(state.range(0));
  const int operands = kernels::SignatureOf(args.op).num_operands();
  state.SetLabel(kernels::NameOf(args.op));
  for (int k = 0; k < operands; ++k) {
    args.dtypes[k] = static_cast<DType>(state.range(k == 0 ? 1 : 2));
  }
  for (double& scalar : args.scalars) scalar = 0.25;
  const int64_t block = kTotalBytes / operands;
  const int64_t count = block / 8;
  Measure(state, count * kernels::BytesPerElement(args), count,
          [&](int64_t begin, int64_t end) {
            ElementwisePiece piece;
            piece.count = end - begin;
            for (int k = 0; k < operands; ++k) {
              piece.operands[k] =
                  Memory() + k * block + begin * SizeOf(args.dtypes[k]);
            }
            ElementwiseArgs part = args;
            part.pieces = &piece;
            part.num_pieces = 1;
            ElementwiseAll(part);
          });
}
BENCHMARK(BM_Elementwise)
    ->Apply([](benchmark::internal::Benchmark* benchmark) {
      for (ElementwiseOp op : kAllElementwiseOps) {
        for (const auto& [first, others] :
             {std::pair(0, 0), std::pair(3, 3), std::pair(3, 0),
              std::pair(0, 3), std::pair(2, 0)}) {
          benchmark->Args({static_cast<int64_t>(op), first, others});
        }
      }
    })
    ->UseManualTime();

}  // namespace
}  // namespace parley

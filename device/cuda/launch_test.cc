// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Mean's bodies, run on the host for every thread of their launch, against the
// CPU's kernels, bit for bit: all dtypes, hard values, lengths around all
// vectors, pointers of any alignment, outputs in the place of inputs, grids of
// one thread up to more threads than elements.
#include "parley/device/cuda/launch.h"

#include <cstdint>
#include <iterator>
#include <numeric>
#include <set>
#include <string>
#include <typeinfo>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/device/cpu/kernel_ranges.h"
#include "parley/device/cuda/launch_bodies.h"
#include "parley/device/cuda/launch_testing.h"
#include "parley/device/tensor.h"
#include "parley/device/testing/values.h"

namespace parley {
namespace {

constexpr uint64_t kSeed = 20260502;
constexpr LaunchSettings kSettings;

std::vector<int64_t> Counts() {
  std::vector<int64_t> counts(71);
  std::iota(counts.begin(), counts.end(), 0);
  counts.insert(counts.end(), {255, 256, 257, 1000, 4097});
  return counts;
}

// How the blocks of one call lie: all aligned, all off by the same number of
// bytes, or each by one of its own.
class Alignment {
 public:
  explicit Alignment(Random& random)
      : random_(random),
        kind_(random.Uniform(4)),
        common_(Uniform(random, 16)) {}

  int64_t Next() {
    if (kind_ == 0) return 0;
    return kind_ < 3 ? common_ : Uniform(random_, 16);
  }

 private:
  Random& random_;
  uint64_t kind_;
  int64_t common_;
};

Block HardBlock(Random& random, DType dtype, int64_t count,
                int64_t misalignment) {
  Block block(count * SizeOf(dtype), misalignment);
  FillWithHardValues(random, dtype, count, block.data());
  return block;
}

std::vector<void*> Pointers(std::vector<Block>& blocks) {
  std::vector<void*> pointers;
  for (Block& block : blocks) pointers.push_back(block.data());
  return pointers;
}

// Calls check(random, dtype, count, launcher) `times` times for each dtype and
// count.
template <typename Check>
void ForEachCase(int times, const Check& check) {
  for (DType dtype : kAllDTypes) {
    for (int64_t count : Counts()) {
      const uint64_t seed = kSeed + 10'000 * static_cast<uint64_t>(dtype) +
                            static_cast<uint64_t>(count);
      Random random(seed);
      for (int i = 0; i < times; ++i) {
        const TestLauncher launcher = RandomLauncher(random);
        SCOPED_TRACE(absl::StrCat(Name(dtype), " x ", count, ", seed ", seed,
                                  ", draw ", i, ", ", launcher.ToString()));
        check(random, dtype, count, launcher);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

// `n` inputs, of which the first `in_place` are outputs as well, and one output
// of its own.
void CheckMean(Random& random, DType dtype, int64_t count,
               const TestLauncher& launcher, int n, int in_place,
               bool weighted) {
  Alignment alignment(random);
  std::vector<Block> actual;
  for (int r = 0; r < n + 1; ++r) {
    actual.push_back(HardBlock(random, dtype, count, alignment.Next()));
  }
  std::vector<double> weights;
  for (int r = 0; r < n; ++r) weights.push_back(1 + random.UniformDouble());
  std::vector<Block> expected = actual;

  MeanArgs args;
  args.dtype = dtype;
  args.num_inputs = n;
  args.num_outputs = in_place + 1;
  args.weights = weighted ? weights.data() : nullptr;
  args.count = count;
  const auto point_to = [&](std::vector<void*>& pointers,
                            std::vector<void*>& outputs) {
    outputs.assign(pointers.begin(), pointers.begin() + in_place);
    outputs.push_back(pointers[static_cast<size_t>(n)]);
    args.inputs = pointers.data();
    args.outputs = outputs.data();
  };
  std::vector<void*> outputs;
  std::vector<void*> pointers = Pointers(expected);
  point_to(pointers, outputs);
  MeanRange(args, 0, count);
  pointers = Pointers(actual);
  point_to(pointers, outputs);
  EXPECT_EQ(LaunchMean(args, kSettings, TestLauncher(launcher)), 0);
  EXPECT_TRUE(actual == expected) << n << " inputs, " << in_place << " in place"
                                  << (weighted ? ", weighted" : "");
}

TEST(LaunchTest, Mean) {
  constexpr int kInputs[] = {1, 2, 3, 4, 5, 8, 17, 63, 64};
  ForEachCase(6, [&](Random& random, DType dtype, int64_t count,
                     const TestLauncher& launcher) {
    if (dtype == DType::kBool) return;
    const int n = kInputs[random.Uniform(9)];
    const int in_place = random.Uniform(2) == 0 ? n : 0;
    const bool weighted = IsFloating(dtype) && random.Uniform(2) == 0;
    CheckMean(random, dtype, count, launcher, n, in_place, weighted);
  });
}

TEST(LaunchTest, MeanOfAsManyAsALaunchTakes) {
  for (DType dtype : kAllDTypes) {
    if (dtype == DType::kBool) continue;
    Random random(kSeed + static_cast<uint64_t>(dtype));
    SCOPED_TRACE(Name(dtype));
    CheckMean(random, dtype, 37, RandomLauncher(random), kMostMeanTensors - 1,
              0, IsFloating(dtype));
    CheckMean(random, dtype, 37, RandomLauncher(random),
              kMostMeanTensors / 2 - 1, kMostMeanTensors / 2 - 1, false);
  }
}

// The comparisons would hold if single elements were all that bodies knew.
TEST(LaunchTest, VectorsTakeWhatIsAlignedAlike) {
  const auto at = [](uintptr_t address) {
    return reinterpret_cast<const void*>(address);
  };
  const Split aligned = SplitFor(1000, 4, {{at(4096), 4}, {at(8192), 4}});
  EXPECT_EQ(aligned.head, 0);
  EXPECT_EQ(aligned.vectors, 250);
  const Split shifted = SplitFor(1000, 4, {{at(4100), 4}, {at(8196), 4}});
  EXPECT_EQ(shifted.head, 3);
  EXPECT_EQ(shifted.vectors, 249);
  EXPECT_TRUE(shifted.aligned);
  const Split mixed = SplitFor(1000, 4, {{at(4100), 4}, {at(8192), 4}});
  EXPECT_EQ(mixed.vectors, 0);
  EXPECT_TRUE(mixed.aligned);
  // Two elements before the first vector on both sides.
  const Split cast = SplitFor(1000, 4, {{at(4104), 4}, {at(8196), 2}});
  EXPECT_EQ(cast.head, 2);
  EXPECT_EQ(cast.vectors, 249);
  const Split odd = SplitFor(1000, 4, {{at(4097), 4}, {at(8193), 4}});
  EXPECT_EQ(odd.vectors, 0);
  EXPECT_FALSE(odd.aligned);
}

// Elements of tensors so long that their numbers need more than 32 bits. Of the
// tensors only the last elements exist: a vector, or, where the two tensors are
// not aligned alike, one element.
void CheckFar(int64_t misalignment) {
  constexpr DType kDType = DType::kFloat32;
  constexpr int64_t kBegin = int64_t{3} << 33;
  const int64_t units = misalignment == 0 ? 4 : 1;
  const int64_t count = kBegin + units;
  Random random(kSeed);
  const std::vector<Block> initial = {
      HardBlock(random, kDType, units, 0),
      HardBlock(random, kDType, units, misalignment),
      HardBlock(random, kDType, units, misalignment)};
  const OneThread launcher{kBegin / units};
  const auto check = [&](const char* kernel, const auto& run) {
    std::vector<Block> expected = initial;
    std::vector<Block> actual = initial;
    for (std::vector<Block>* blocks : {&expected, &actual}) {
      std::vector<void*> p = Pointers(*blocks);
      for (void*& pointer : p) pointer = Before(pointer, kBegin * 4);
      run(p.data(), blocks == &expected);
    }
    EXPECT_FALSE(actual == initial) << kernel;
    EXPECT_TRUE(actual == expected) << kernel << " at " << misalignment;
  };
  check("Mean", [&](void** p, bool cpu) {
    const MeanArgs args{kDType, 2, 1, p, p + 2, nullptr, count};
    if (cpu) return MeanRange(args, kBegin, count);
    LaunchMean(args, kSettings, OneThread(launcher));
  });
}

TEST(LaunchTest, IndicesBeyond32Bits) {
  CheckFar(/*misalignment=*/0);
  CheckFar(/*misalignment=*/4);
}

// Notes bodies and runs nothing.
struct Notes {
  using Error = int;
  template <typename Body>
  Error Launch(const typename Body::Params&, const Grid&) {
    Visit<Body>();
    return 0;
  }
  template <typename Body>
  void Visit() {
    names.insert(typeid(Body).name());
  }
  std::set<std::string> names;
};

// Whoever loads what launch_bodies.h lists has loaded what launches need.
TEST(LaunchTest, AllBodiesAreListed) {
  Notes listed;
  VisitMeanBodies(listed);
  VisitCopyBodies(listed);
  VisitElementwiseBodies(listed);
  VisitFingerprintBodies(listed);

  Notes launched;
  Block block(8, 0);
  const std::vector<void*> many(100, block.data());
  void* const p = block.data();
  for (DType dtype : kAllDTypes) {
    for (int n : {1, 100}) {
      const MeanArgs mean{dtype, n, 1, many.data(), many.data(), nullptr, 1};
      LaunchMean(mean, kSettings, launched);
    }
  }
  BlockCopyList blocks;
  ElementCopyList elements;
  for (int n : {1, kFewBlockCopies + 1}) {
    Clear(blocks);
    Clear(elements);
    blocks.num_entries = elements.num_entries = n;
    LaunchCopyBlocks(blocks, kSettings, launched);
    LaunchCopyElements(elements, kSettings, launched);
  }
  const std::vector<ElementwisePiece> elementwise(100, {{p, p, p, p}, 1});
  for (ElementwiseOp op : kAllElementwiseOps) {
    for (DType dtype : {DType::kFloat64, DType::kFloat32, DType::kBFloat16}) {
      for (int64_t n : {1, 100}) {
        LaunchElementwise(
            {op, {dtype, dtype, dtype, dtype}, {}, elementwise.data(), n},
            kSettings, launched);
      }
    }
  }
  uint64_t sum = 0;
  const std::vector<FingerprintPiece> pieces(100, {p, DType::kUInt8, 1, 0, 0});
  for (int64_t n : {1, 100}) {
    LaunchFingerprint({pieces.data(), n, &sum}, kSettings, launched);
  }
  EXPECT_EQ(launched.names, listed.names);
  EXPECT_EQ(listed.names.size(),
            14 + 4 + 6 * std::size(kAllElementwiseOps) + 3u);
}

TEST(LaunchTest, NothingToDoLaunchesNothing) {
  Notes notes;
  uint64_t sum = 0;
  const std::vector<FingerprintPiece> pieces(3);
  LaunchMean({}, kSettings, notes);
  LaunchElementwise({}, kSettings, notes);
  LaunchFingerprint({pieces.data(), 3, &sum}, kSettings, notes);
  EXPECT_TRUE(notes.names.empty());
}

}  // namespace
}  // namespace parley

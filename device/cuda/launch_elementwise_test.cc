// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The body of the element-wise kernels, run on the host for every thread of its
// launches, against the CPU's kernels, bit for bit: every operation, dtypes of
// each operand's own, lists of no entry up to more than a launch takes, pieces
// of any size and alignment, grids of one thread up to more threads than
// elements.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/device/cpu/kernel_ranges.h"
#include "parley/device/cuda/launch.h"
#include "parley/device/cuda/launch_testing.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/testing/elementwise_case.h"

namespace parley {
namespace {

constexpr uint64_t kSeed = 20260504;

Block Copy(const std::vector<uint8_t>& arena) {
  Block block(static_cast<int64_t>(arena.size()), 0);
  std::memcpy(block.data(), arena.data(), arena.size());
  return block;
}

// Returns the number of launches.
int Check(const ElementwiseCase& drawn, const TestLauncher& launcher) {
  SCOPED_TRACE(absl::StrCat(drawn.ToString(), ", ", launcher.ToString()));
  Block expected = Copy(drawn.arena());
  ElementwiseAll(drawn.Over(expected.data()).args());
  Block actual = Copy(drawn.arena());
  const ElementwiseCase::Launch launch = drawn.Over(actual.data());
  TestLauncher counting = launcher;
  EXPECT_EQ(LaunchElementwise(launch.args(), {}, counting), 0);
  EXPECT_TRUE(actual == expected);
  return counting.launches;
}

TEST(LaunchElementwiseTest, EveryLengthGivesTheCpusBits) {
  std::vector<int64_t> counts = {255, 256, 257, 1000, 4097};
  for (int64_t count = 0; count <= 70; ++count) counts.push_back(count);
  for (ElementwiseOp op : kAllElementwiseOps) {
    for (int64_t count : counts) {
      const uint64_t seed = kSeed + static_cast<uint64_t>(count);
      SCOPED_TRACE(absl::StrCat(count, " elements, seed ", seed));
      Random random(seed);
      for (int draw = 0; draw < 16; ++draw) {
        const TestLauncher launcher = RandomLauncher(random);
        Check(ElementwiseCase(random, op, {count}), launcher);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

// As few launches as the room for their parameters allows.
TEST(LaunchElementwiseTest, ListsAreSharedByThreadsEvenly) {
  for (ElementwiseOp op : kAllElementwiseOps) {
    const int most =
        MostElementwisePieces(kernels::SignatureOf(op).num_operands());
    EXPECT_GT(most, 400);
    for (int64_t size : {0, 1, 2, 24, 25, most, most + 1, 2300}) {
      const uint64_t seed = kSeed + 1000 * static_cast<uint64_t>(size);
      Random random(seed);
      for (int draw = 0; draw < (size > 100 ? 2 : 20); ++draw) {
        SCOPED_TRACE(absl::StrCat("seed ", seed, ", draw ", draw));
        // Mostly small, as in a model's list; now and then large.
        std::vector<int64_t> counts;
        for (int64_t i = 0; i < size; ++i) {
          counts.push_back(1 + Uniform(random, i % 16 == 0 ? 1000 : 30));
        }
        const TestLauncher launcher = RandomLauncher(random);
        EXPECT_EQ(Check(ElementwiseCase(random, op, counts), launcher),
                  (size + most - 1) / most);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(LaunchElementwiseTest, EmptyPiecesTakeNoRoom) {
  Random random(kSeed);
  for (ElementwiseOp op : kAllElementwiseOps) {
    EXPECT_EQ(Check(ElementwiseCase(random, op, std::vector<int64_t>(3000, 0)),
                    TestLauncher()),
              0);
    std::vector<int64_t> counts(3000, 0);
    counts[7] = counts[2990] = 9;
    EXPECT_LE(Check(ElementwiseCase(random, op, counts), TestLauncher()), 2);
  }
}

// Notes the elements of each launch's vectors, and runs nothing.
struct Widths {
  using Error = int;
  template <typename Body>
  Error Launch(const typename Body::Params& params, const Grid&) {
    elements.push_back(Body::kElements);
    vectors.push_back(params.entries[0].split.vectors);
    return 0;
  }
  std::vector<int> elements;
  std::vector<int64_t> vectors;
};

// The comparisons would hold if single elements were all that the body knew.
TEST(LaunchElementwiseTest, VectorsTakeWhatIsAlignedAlike) {
  alignas(64) static unsigned char memory[64];
  const auto vectors = [&](DType x, DType y, int64_t x_off, int64_t y_off) {
    const ElementwisePiece piece = {{memory + x_off, memory + y_off}, 1000};
    Widths widths;
    LaunchElementwise({ElementwiseOp::kLerp, {x, y}, {0.5}, &piece, 1}, {},
                      widths);
    return std::make_pair(widths.elements[0], widths.vectors[0]);
  };
  constexpr DType kFloat32 = DType::kFloat32, kBFloat16 = DType::kBFloat16;
  using Expected = std::pair<int, int64_t>;
  EXPECT_EQ(vectors(kBFloat16, kBFloat16, 0, 32), Expected(8, 125));
  EXPECT_EQ(vectors(kFloat32, kFloat32, 0, 32), Expected(4, 250));
  EXPECT_EQ(vectors(kFloat32, kFloat32, 4, 20), Expected(4, 249));
  EXPECT_EQ(vectors(kFloat32, kFloat32, 4, 32), Expected(4, 0));
  EXPECT_EQ(vectors(kBFloat16, kFloat32, 8, 32), Expected(4, 250));
  EXPECT_EQ(vectors(kBFloat16, kFloat32, 2, 20), Expected(4, 249));
  EXPECT_EQ(vectors(kBFloat16, kFloat32, 4, 20), Expected(4, 0));
  EXPECT_EQ(vectors(kBFloat16, DType::kFloat64, 4, 16), Expected(2, 500));
}

struct Fails {
  using Error = int;
  template <typename Body>
  Error Launch(const typename Body::Params&, const Grid&) {
    return ++launches == 2 ? 7 : 0;
  }
  int launches = 0;
};

TEST(LaunchElementwiseTest, TheFirstErrorEndsAListOfSeveralLaunches) {
  unsigned char memory[8];
  const std::vector<ElementwisePiece> pieces(3000, {{memory, memory}, 1});
  Fails fails;
  EXPECT_EQ(
      LaunchElementwise({ElementwiseOp::kLerp, {}, {0.5}, pieces.data(), 3000},
                        {}, fails),
      7);
  EXPECT_EQ(fails.launches, 2);
}

// As in launch_test.cc: of the tensors only the last elements exist.
TEST(LaunchElementwiseTest, IndicesBeyond32Bits) {
  constexpr int64_t kBegin = int64_t{3} << 33;
  for (const int64_t off : {0, 4}) {
    const int64_t units = off == 0 ? 4 : 1;
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    alignas(16) float y[8] = {};
    alignas(16) float from[8];
    std::copy(x, x + 8, from);
    const ElementwisePiece piece = {
        {Before(from, kBegin * 4), Before(y + off / 4, kBegin * 4)},
        kBegin + units};
    LaunchElementwise({ElementwiseOp::kLerp, {}, {0.5}, &piece, 1}, {},
                      OneThread{kBegin / units});
    for (int64_t i = 0; i < units; ++i) {
      EXPECT_EQ(y[off / 4 + i], x[i] / 2) << off;
    }
    EXPECT_EQ(y[off / 4 + units], 0);
  }
}

}  // namespace
}  // namespace parley

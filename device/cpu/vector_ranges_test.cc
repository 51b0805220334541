// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Every vectorised kernel against its scalar definition, bit for bit, on every
// instruction set that this processor has: all dtypes, hard values, lengths
// around the step of the widest vectors, and pointers of any alignment.
#include "parley/device/cpu/vector_ranges.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "parley/base/random.h"
#include "parley/base/rounding.h"
#include "parley/device/cpu/kernel_ranges.h"
#include "parley/device/cpu/scalar_ranges.h"
#include "parley/device/testing/elementwise_case.h"
#include "parley/device/testing/values.h"

namespace parley {
namespace {

// Beyond the longest step: 8 vectors of 8 numbers, or 64 single bytes.
constexpr int64_t kLongest = 67;
constexpr int64_t kGuard = 64;
constexpr DType kFloating[] = {DType::kFloat32, DType::kFloat64,
                               DType::kFloat16, DType::kBFloat16};

// A block of elements that starts `misalignment` bytes off, between guards.
class Block {
 public:
  Block(DType dtype, int64_t count, int64_t misalignment)
      : begin_(kGuard + misalignment),
        bytes_(static_cast<size_t>(begin_ + count * SizeOf(dtype) + kGuard),
               0xa5) {}

  void* data() { return bytes_.data() + begin_; }
  friend bool operator==(const Block& a, const Block& b) {
    return a.bytes_ == b.bytes_;
  }

 private:
  int64_t begin_;
  std::vector<uint8_t> bytes_;
};

std::vector<Block> HardBlocks(Random& random, int n, DType dtype,
                              int64_t count) {
  std::vector<Block> blocks;
  for (int r = 0; r < n; ++r) {
    blocks.emplace_back(dtype, count, random.Uniform(9));
    FillWithHardValues(random, dtype, count, blocks.back().data());
  }
  return blocks;
}

std::vector<void*> Pointers(std::vector<Block>& blocks) {
  std::vector<void*> pointers;
  for (Block& block : blocks) pointers.push_back(block.data());
  return pointers;
}

// Calls check(dtype, count) for every dtype and count of interest.
template <typename Check>
void ForEachCase(const Check& check) {
  for (DType dtype : kAllDTypes) {
    for (int64_t count = 0; count <= kLongest; ++count) {
      SCOPED_TRACE(absl::StrCat(Name(dtype), " x ", count));
      check(dtype, count);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

class VectorRangesTest : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }

  // Whether the vectors, and not the scalar loops, are under test.
  static bool HasVectors() {
    return GetParam() != HWY_SCALAR && GetParam() != HWY_EMU128;
  }

  Random random_{20260401};
};

// In place on `n` replicas, and on copies of them by the scalar definition.
void CheckMean(Random& random, int n, DType dtype, int64_t count, bool weighted,
               double divisor = 0) {
  std::vector<Block> actual = HardBlocks(random, n, dtype, count);
  std::vector<Block> expected = actual;
  const std::vector<void*> actual_data = Pointers(actual);
  const std::vector<void*> expected_data = Pointers(expected);
  std::vector<double> weights;
  for (int r = 0; r < n; ++r) weights.push_back(1 + random.UniformDouble());

  MeanArgs args;
  args.dtype = dtype;
  args.num_inputs = args.num_outputs = n;
  args.weights = weighted ? weights.data() : nullptr;
  args.count = count;
  args.divisor = divisor;
  args.inputs = args.outputs = actual_data.data();
  const auto begin = static_cast<int64_t>(
      random.Uniform(std::min<int64_t>(count, kLongest) + 1));
  MeanRange(args, begin, count);
  args.inputs = args.outputs = expected_data.data();
  scalar::MeanRange(args, begin, count);
  EXPECT_EQ(actual, expected) << n << " replicas from " << begin << " on";
}

TEST_P(VectorRangesTest, Mean) {
  ForEachCase([&](DType dtype, int64_t count) {
    if (dtype == DType::kBool) return;
    for (int n : {1, 2, 3, 4, 7, 8, 17}) {
      CheckMean(random_, n, dtype, count, /*weighted=*/false);
    }
  });
}

TEST_P(VectorRangesTest, WeightedMean) {
  ForEachCase([&](DType dtype, int64_t count) {
    if (!IsFloating(dtype)) return;
    for (int n : {1, 2, 3, 8}) {
      CheckMean(random_, n, dtype, count, /*weighted=*/true);
    }
  });
}

// Those that have an exact inverse are multiplied by it.
TEST_P(VectorRangesTest, MeanWithADivisor) {
  for (DType dtype : kFloating) {
    for (double divisor : {1.0, 3.0, 8.0, 0.7, 0x1p-3, 0x1.8p9, 0x1p999,
                           0x1p1023, 0x1p-1022, 0x1p-1074}) {
      SCOPED_TRACE(absl::StrCat(Name(dtype), " by ", divisor));
      for (int n : {1, 3}) {
        CheckMean(random_, n, dtype, 131, /*weighted=*/false, divisor);
        CheckMean(random_, n, dtype, 131, /*weighted=*/true, divisor);
      }
    }
  }
}

// More replicas than are summed in registers are summed by the tile, of 1,024
// elements.
TEST_P(VectorRangesTest, MeanOfManyReplicas) {
  for (DType dtype : kFloating) {
    for (int64_t count : {1023, 1024, 1025, 2 * 1024 + 67}) {
      SCOPED_TRACE(absl::StrCat(Name(dtype), " x ", count));
      for (int n : {5, 8, 9, 17}) {
        CheckMean(random_, n, dtype, count, /*weighted=*/false);
        CheckMean(random_, n, dtype, count, /*weighted=*/true);
      }
    }
  }
}

TEST_P(VectorRangesTest, Reduce) {
  for (ReduceOp op : {ReduceOp::kSum, ReduceOp::kMin, ReduceOp::kMax}) {
    ForEachCase([&](DType dtype, int64_t count) {
      if (dtype == DType::kBool && op == ReduceOp::kSum) return;
      std::vector<Block> inputs = HardBlocks(random_, 3, dtype, count);
      const std::vector<void*> data = Pointers(inputs);
      Block actual(dtype, count, 1);
      Block expected = actual;
      ReduceArgs args{dtype, op, 3, data.data(), actual.data(), count};
      ReduceRange(args, 0, count);
      args.output = expected.data();
      scalar::ReduceRange(args, 0, count);
      EXPECT_EQ(actual, expected) << static_cast<int>(op);
    });
  }
}

// A cast, by vectors as far as they go, against the definition.
void CheckCast(DType from, DType to, void* input, int64_t count) {
  Block actual(to, count, 0);
  Block expected = actual;
  const ElementwiseArgs args{ElementwiseOp::kCast, {from, to}};
  const ElementwisePiece piece{{input, actual.data()}, count};
  const int64_t done = vector::ElementwiseRange(args, piece, 0, count);
  scalar::ElementwiseRange(args, piece, done, count);
  scalar::ElementwiseRange(args, {{input, expected.data()}, count}, 0, count);
  EXPECT_EQ(actual, expected) << Name(from) << " to " << Name(to);
}

// All 65,536 numbers of each 16-bit format.
TEST_P(VectorRangesTest, CastOfEvery16BitNumber) {
  constexpr int64_t kCount = 65536;
  std::vector<uint16_t> input;
  for (int64_t i = 0; i < kCount; ++i)
    input.push_back(static_cast<uint16_t>(i));
  for (DType from : {DType::kFloat16, DType::kBFloat16}) {
    for (DType to : kFloating) {
      CheckCast(from, to, input.data(), kCount);
    }
  }
}

// Numbers on both sides of every place where rounding to 16 bits changes.
TEST_P(VectorRangesTest, RoundsAroundEveryTie) {
  for (DType to : {DType::kFloat16, DType::kBFloat16}) {
    std::vector<double> input;
    for (uint32_t bits = 0; bits < 0x7fff; ++bits) {
      const bool half = to == DType::kFloat16;
      const auto next = static_cast<uint16_t>(bits + 1);
      const auto here = static_cast<uint16_t>(bits);
      const double low = half ? WidenFloat16(here) : WidenBFloat16(here);
      const double high = half ? WidenFloat16(next) : WidenBFloat16(next);
      const double tie = low + (high - low) / 2;
      for (double x : {tie, std::nextafter(tie, low), std::nextafter(tie, high),
                       std::nextafter(high, low), tie + (high - tie) / 4096}) {
        input.push_back(x);
        input.push_back(-x);
      }
    }
    CheckCast(DType::kFloat64, to, input.data(),
              static_cast<int64_t>(input.size()));
  }
}

// Every operation, with dtypes of each operand's own, of lengths around a
// vector and around the tile that is widened at a time.
TEST_P(VectorRangesTest, Elementwise) {
  std::vector<int64_t> counts = {127, 128, 129, 255, 256, 300, 1000};
  for (int64_t count = 0; count <= kLongest; ++count) counts.push_back(count);
  for (ElementwiseOp op : kAllElementwiseOps) {
    for (int64_t count : counts) {
      for (int draw = 0; draw < 16; ++draw) {
        const ElementwiseCase drawn(random_, op, {count, 3, 0, count / 2});
        SCOPED_TRACE(absl::StrCat(drawn.ToString(), " of ", count));
        std::vector<uint8_t> actual = drawn.arena();
        std::vector<uint8_t> expected = drawn.arena();
        ElementwiseAll(drawn.Over(actual.data()).args());
        const ElementwiseCase::Launch launch = drawn.Over(expected.data());
        const ElementwiseArgs args = launch.args();
        for (int64_t i = 0; i < args.num_pieces; ++i) {
          const ElementwisePiece& piece = args.pieces[i];
          scalar::ElementwiseRange(args, piece, 0, piece.count);
        }
        ASSERT_TRUE(actual == expected);
      }
    }
  }
}

// Where a launch is cut does not matter.
TEST_P(VectorRangesTest, ElementwiseOfAnyRange) {
  for (ElementwiseOp op : kAllElementwiseOps) {
    for (int draw = 0; draw < 100; ++draw) {
      constexpr int64_t kCount = 500;
      const ElementwiseCase drawn(random_, op, {kCount});
      std::vector<uint8_t> whole = drawn.arena();
      std::vector<uint8_t> cut = drawn.arena();
      ElementwiseAll(drawn.Over(whole.data()).args());
      const ElementwiseCase::Launch launch = drawn.Over(cut.data());
      const ElementwiseArgs args = launch.args();
      const auto middle = static_cast<int64_t>(random_.Uniform(kCount + 1));
      for (const auto& [begin, end] : {std::make_pair(middle, kCount),
                                       std::make_pair(int64_t{0}, middle)}) {
        const int64_t done =
            vector::ElementwiseRange(args, args.pieces[0], begin, end);
        scalar::ElementwiseRange(args, args.pieces[0], done, end);
      }
      ASSERT_TRUE(whole == cut) << drawn.ToString() << " at " << middle;
    }
  }
}

TEST_P(VectorRangesTest, Fingerprint) {
  ForEachCase([&](DType dtype, int64_t count) {
    Block block = HardBlocks(random_, 1, dtype, count)[0];
    FingerprintPiece piece;
    piece.data = block.data();
    piece.dtype = dtype;
    piece.count = count;
    piece.tensor_id = random_.Next();
    piece.first_index = static_cast<int64_t>(random_.Next() >> 20);
    const auto begin = static_cast<int64_t>(random_.Uniform(count + 1));
    EXPECT_EQ(FingerprintRange(piece, begin, count),
              scalar::FingerprintRange(piece, begin, count));
  });
}

// Every length around one and two steps of the widest vectors, from and to any
// alignment, with nothing read or written around it.
TEST_P(VectorRangesTest, StreamBytes) {
  constexpr int64_t kVector = 64;
  constexpr int64_t kMost = 9 * kVector + 1;
  Block bytes(DType::kUInt8, kMost, 0);
  FillWithHardValues(random_, DType::kUInt8, kMost, bytes.data());
  const auto* content = static_cast<const uint8_t*>(bytes.data());
  for (int64_t misalignment = 0; misalignment < kVector; ++misalignment) {
    for (int64_t length = 0; length <= kMost; ++length) {
      // Ends where its memory does: AddressSanitizer sees what is read beyond.
      const auto before = static_cast<int64_t>(random_.Uniform(kVector) + 1);
      std::vector<uint8_t> source(static_cast<size_t>(before));
      source.insert(source.end(), content, content + length);
      Block actual(DType::kUInt8, length, misalignment);
      Block expected = actual;
      vector::StreamBytes(source.data() + before, actual.data(), length);
      std::copy(content, content + length,
                static_cast<uint8_t*>(expected.data()));
      ASSERT_EQ(actual, expected)
          << length << " bytes from " << before << " to " << misalignment;
    }
  }
}

// The comparisons above would hold if everything went to the scalar loops.
TEST_P(VectorRangesTest, VectorsTakeWhatTheyCan) {
  constexpr int64_t kCount = 1000;
  for (DType dtype : kFloating) {
    std::vector<Block> blocks = HardBlocks(random_, 2, dtype, kCount);
    const std::vector<void*> data = Pointers(blocks);
    void* x = data[0];
    const MeanArgs mean{dtype, 2, 2, data.data(), data.data(), nullptr, kCount};
    const ReduceArgs sum{dtype, ReduceOp::kSum, 2, data.data(), x, kCount};
    FingerprintPiece piece;
    piece.data = x;
    piece.dtype = dtype;
    uint64_t fingerprint = 0;
    for (ElementwiseOp op : kAllElementwiseOps) {
      const ElementwiseCase drawn(random_, op, {kCount});
      std::vector<uint8_t> arena = drawn.arena();
      const ElementwiseCase::Launch launch = drawn.Over(arena.data());
      const int64_t done = vector::ElementwiseRange(
          launch.args(), launch.args().pieces[0], 0, kCount);
      if (HasVectors()) {
        EXPECT_GT(done, kCount - kLongest) << drawn.ToString();
      } else {
        EXPECT_EQ(done, 0);
      }
    }
    for (int64_t done :
         {vector::MeanRange(mean, 0, kCount),
          vector::ReduceRange(sum, 0, kCount),
          vector::FingerprintRange(piece, 0, kCount, fingerprint)}) {
      if (HasVectors()) {
        EXPECT_GT(done, kCount - kLongest) << Name(dtype);
      } else {
        EXPECT_EQ(done, 0) << Name(dtype);
      }
    }
  }
}

std::vector<int64_t> Targets() {
  std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
  std::cout << "Instruction sets:";
  for (int64_t target : targets) std::cout << ' ' << hwy::TargetName(target);
  std::cout << std::endl;
  return targets;
}

INSTANTIATE_TEST_SUITE_P(
    AllTargets, VectorRangesTest, ::testing::ValuesIn(Targets()),
    [](const ::testing::TestParamInfo<int64_t>& info) -> std::string {
      return hwy::TargetName(info.param);
    });

}  // namespace
}  // namespace parley

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The bodies of the kernels that take lists, Copy and Fingerprint, run on the
// host for every thread of their launches, against the CPU's kernels, bit for
// bit: lists of no entry up to more than a launch takes, tensors of any size,
// layout and alignment, grids of one thread up to more threads than elements.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/device/cpu/kernel_ranges.h"
#include "parley/device/cuda/copy_list.h"
#include "parley/device/cuda/launch.h"
#include "parley/device/cuda/launch_testing.h"
#include "parley/device/tensor.h"

namespace parley {
namespace {

constexpr uint64_t kSeed = 20260503;
constexpr int64_t kListSizes[] = {0, 1, 2, 3, 33, 100, 2300};

using Numbers = std::vector<int64_t>;

struct Layout {
  Numbers shape;
  Numbers strides;
  int64_t extent = 0;  // elements from the first one to behind the last one
};

DType RandomDType(Random& random) { return kAllDTypes[random.Uniform(8)]; }

// Mostly small, as in a model's list; now and then large or empty.
int64_t RandomCount(Random& random) {
  switch (random.Uniform(16)) {
    case 0:
      return 0;
    case 1:
      return Uniform(random, 3000);
    default:
      return 1 + Uniform(random, 70);
  }
}

void Shuffle(Random& random, Numbers& numbers) {
  for (size_t i = numbers.size(); i > 1; --i) {
    std::swap(numbers[i - 1], numbers[random.Uniform(i)]);
  }
}

// The dimensions in any order in memory, with gaps if `padded`.
Layout RandomLayout(Random& random, const Numbers& shape, bool padded) {
  Layout layout{shape, Numbers(shape.size()), 1};
  Numbers order;
  for (size_t d = shape.size(); d-- > 0;) {
    order.push_back(static_cast<int64_t>(d));
  }
  if (random.Uniform(2) == 0) Shuffle(random, order);
  int64_t stride = padded ? 1 + Uniform(random, 2) : 1;
  for (int64_t d : order) {
    const auto i = static_cast<size_t>(d);
    layout.strides[i] = stride;
    layout.extent += stride * std::max<int64_t>(0, shape[i] - 1);
    stride = stride * shape[i] + (padded ? 2 * Uniform(random, 3) : 0);
  }
  return layout;
}

Numbers RandomShape(Random& random) {
  Numbers shape;
  for (int64_t d = 1 + Uniform(random, 4); d > 0; --d) {
    const int64_t size = 1 + Uniform(random, 8);
    shape.push_back(random.Uniform(40) == 0 ? 0 : size);
  }
  return shape;
}

// Where one copy reads and writes, in bytes from the arenas' beginnings.
struct Planned {
  DType dtype;
  Layout from;
  Layout to;
  int64_t from_offset;
  int64_t to_offset;
};

// Tensors one after the other in two arenas, with gaps.
class CopyCase {
 public:
  CopyCase(Random& random, int64_t size, bool blocks_only, bool aligned) {
    int64_t from_end = 0;
    int64_t to_end = 0;
    for (int64_t i = 0; i < size; ++i) {
      Planned copy = Plan(random, blocks_only);
      const int64_t element = SizeOf(copy.dtype);
      copy.from_offset = Place(random, aligned, from_end);
      copy.to_offset = Place(random, aligned, to_end);
      from_end = copy.from_offset + copy.from.extent * element;
      to_end = copy.to_offset + copy.to.extent * element;
      copies_.push_back(std::move(copy));
    }
    from_ = Block(from_end, 0);
    to_ = Block(to_end, 0);
    for (int64_t i = 0; i < from_end; ++i) {
      from_.data()[i] = static_cast<uint8_t>(random.Next());
    }
  }

  // Runs the list by the CPU and by launches, and compares the whole arenas,
  // gaps and guards included. Returns the number of launches.
  int Check(const TestLauncher& launcher) {
    const Block source = from_;
    Block expected = to_;
    const std::vector<TensorCopy> by_cpu = Views(expected);
    CopyAll({by_cpu.data(), static_cast<int64_t>(by_cpu.size()), false});

    const std::vector<TensorCopy> copies = Views(to_);
    TestLauncher counting = launcher;
    const LaunchSettings settings;
    const int error = ForEachCopyList<int>(
        {copies.data(), static_cast<int64_t>(copies.size()), false},
        [&](const BlockCopyList& list) {
          return LaunchCopyBlocks(list, settings, counting);
        },
        [&](const ElementCopyList& list) {
          return LaunchCopyElements(list, settings, counting);
        });
    EXPECT_EQ(error, 0);
    EXPECT_TRUE(to_ == expected);
    EXPECT_TRUE(from_ == source);
    return counting.launches;
  }

 private:
  static Planned Plan(Random& random, bool blocks_only) {
    Planned copy;
    copy.dtype = RandomDType(random);
    if (blocks_only) {
      const int64_t count = RandomCount(random);
      copy.from = copy.to = {{count}, {1}, count};
    } else {
      const Numbers shape = RandomShape(random);
      copy.from = RandomLayout(random, shape, random.Uniform(2) == 0);
      copy.to = RandomLayout(random, shape, random.Uniform(2) == 0);
    }
    return copy;
  }

  static int64_t Place(Random& random, bool aligned, int64_t end) {
    if (!aligned) return end + Uniform(random, 20);
    return (end + 15) / 16 * 16;
  }

  std::vector<TensorCopy> Views(Block& to) {
    std::vector<TensorCopy> views;
    for (const Planned& copy : copies_) {
      views.push_back(
          {TensorView::Strided(from_.data() + copy.from_offset, copy.dtype,
                               copy.from.shape, copy.from.strides)
               .value(),
           TensorView::Strided(to.data() + copy.to_offset, copy.dtype,
                               copy.to.shape, copy.to.strides)
               .value()});
    }
    return views;
  }

  std::vector<Planned> copies_;
  Block from_{0, 0};
  Block to_{0, 0};
};

void CheckCopies(bool blocks_only, int most_per_launch) {
  for (int64_t size : kListSizes) {
    for (uint64_t draw = 0; draw < (size > 100 ? 4u : 40u); ++draw) {
      const uint64_t seed = kSeed + 1000 * static_cast<uint64_t>(size) + draw;
      Random random(seed);
      const TestLauncher launcher = RandomLauncher(random);
      SCOPED_TRACE(absl::StrCat(size, " copies, seed ", seed, ", ",
                                launcher.ToString()));
      CopyCase copies(random, size, blocks_only, random.Uniform(2) == 0);
      const int launches = copies.Check(launcher);
      // Empty tensors are left out; elements and blocks are two lists.
      EXPECT_LE(launches, 2 + size / most_per_launch);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(LaunchListsTest, CopyBlocks) { CheckCopies(true, kMostBlockCopies); }

TEST(LaunchListsTest, CopyOfAnyLayout) {
  CheckCopies(false, kMostElementCopies);
}

TensorView Strided(uint8_t* data, DType dtype, const Numbers& shape,
                   const Numbers& strides) {
  return TensorView::Strided(data, dtype, shape, strides).value();
}

// Elements are moved by 16 bytes where both sides allow it, and by less where
// one does not.
TEST(LaunchListsTest, NeighbouringElementsAreMovedTogether) {
  Block from(4096, 0);
  Block to(4096, 0);
  const auto width = [&](int64_t size, int64_t stride, int64_t offset) {
    return ElementCopyOf(
               {Strided(from.data(), DType::kFloat32, {3, size}, {stride, 1}),
                Strided(to.data() + offset, DType::kFloat32, {3, size},
                        {size, 1})})
        .width;
  };
  EXPECT_EQ(width(8, 12, 0), 16);
  EXPECT_EQ(width(8, 12, 4), 4);
  EXPECT_EQ(width(8, 10, 0), 8);
  EXPECT_EQ(width(6, 8, 0), 8);
  EXPECT_EQ(width(7, 8, 0), 4);
  EXPECT_EQ(width(8, 9, 0), 4);
  const ElementCopy transposed =
      ElementCopyOf({Strided(from.data(), DType::kFloat32, {8, 8}, {1, 8}),
                     Strided(to.data(), DType::kFloat32, {8, 8}, {8, 1})});
  EXPECT_EQ(transposed.width, 4);
  EXPECT_EQ(transposed.count, 64);
}

TEST(LaunchListsTest, ACopyOntoItselfIsLeftOut) {
  Block block(64, 0);
  const TensorView view(block.data(), DType::kUInt8, 64);
  const TensorCopy copy{view, view};
  const auto fail = [](const auto&) { return 1; };
  EXPECT_EQ(ForEachCopyList<int>({&copy, 1, false}, fail, fail), 0);
}

// The error of a full list ends the walk and is what the caller gets.
TEST(LaunchListsTest, TheFirstErrorEndsAListOfSeveralLaunches) {
  Block from(64, 0);
  Block to(64, 0);
  const std::vector<TensorCopy> copies(
      3 * kMostBlockCopies, {TensorView(from.data(), DType::kUInt8, 64),
                             TensorView(to.data(), DType::kUInt8, 64)});
  int calls = 0;
  const int error = ForEachCopyList<int>(
      {copies.data(), 3 * kMostBlockCopies, false},
      [&](const BlockCopyList& list) {
        EXPECT_EQ(list.num_entries, kMostBlockCopies);
        return ++calls == 2 ? 7 : 0;
      },
      [](const ElementCopyList&) { return 1; });
  EXPECT_EQ(error, 7);
  EXPECT_EQ(calls, 2);
}

// Pieces of any dtype, size and alignment; what they hold matters to no hash
// more than random bits do.
class FingerprintCase {
 public:
  FingerprintCase(Random& random, int64_t size, int64_t bytes_of_each) {
    int64_t end = 0;
    Numbers offsets;
    for (int64_t i = 0; i < size; ++i) {
      FingerprintPiece piece;
      piece.dtype = RandomDType(random);
      piece.count = bytes_of_each > 0 ? bytes_of_each / SizeOf(piece.dtype)
                                      : RandomCount(random);
      piece.tensor_id = random.Next();
      piece.first_index = static_cast<int64_t>(random.Next() >> 20);
      const bool aligned = random.Uniform(2) == 0;
      offsets.push_back(aligned ? (end + 15) / 16 * 16
                                : end + Uniform(random, 20));
      end = offsets.back() + piece.count * SizeOf(piece.dtype);
      pieces_.push_back(piece);
    }
    memory_ = Block(end, 0);
    for (int64_t i = 0; i < end; ++i) {
      memory_.data()[i] = static_cast<uint8_t>(random.Next());
    }
    for (size_t i = 0; i < pieces_.size(); ++i) {
      pieces_[i].data = memory_.data() + offsets[i];
    }
  }

  void Check(const TestLauncher& launcher, int multiprocessors) {
    uint64_t expected = 99;
    for (const FingerprintPiece& piece : pieces_) {
      expected += FingerprintRange(piece, 0, piece.count);
    }
    Block scratch(kScratchWords * 8, 0);
    LaunchSettings settings;
    settings.multiprocessors = multiprocessors;
    settings.scratch = reinterpret_cast<uint64_t*>(scratch.data());
    uint64_t sum = 99;
    TestLauncher counting = launcher;
    EXPECT_EQ(LaunchFingerprint(
                  {pieces_.data(), static_cast<int64_t>(pieces_.size()), &sum},
                  settings, counting),
              0);
    EXPECT_EQ(sum, expected);
    launches_ = counting.launches;
    // The guard behind the scratch.
    const uint8_t* const behind = scratch.data() + kScratchWords * 8;
    EXPECT_TRUE(std::all_of(behind, behind + 64,
                            [](uint8_t byte) { return byte == 0xa5; }));
  }

  int launches() const { return launches_; }
  const std::vector<FingerprintPiece>& pieces() const { return pieces_; }

 private:
  std::vector<FingerprintPiece> pieces_;
  Block memory_{0, 0};
  int launches_ = 0;
};

TEST(LaunchListsTest, Fingerprint) {
  for (int64_t size : kListSizes) {
    for (uint64_t draw = 0; draw < (size > 100 ? 2u : 20u); ++draw) {
      const uint64_t seed = kSeed + 1000 * static_cast<uint64_t>(size) + draw;
      Random random(seed);
      const TestLauncher launcher = RandomLauncher(random);
      SCOPED_TRACE(absl::StrCat(size, " pieces, seed ", seed, ", ",
                                launcher.ToString()));
      FingerprintCase pieces(random, size, 0);
      pieces.Check(launcher, 1 + static_cast<int>(random.Uniform(3)));
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// 256, 2,048, 6,144 and as many partial sums as there can be, added by one, two
// and three more launches.
TEST(LaunchListsTest, FingerprintOfManyPartialSums) {
  Random random(kSeed);
  FingerprintCase small(random, 1, 512);
  small.Check(TestLauncher(), 1);
  EXPECT_EQ(small.launches(), 3);
  FingerprintCase large(random, 5, 100'000);
  large.Check(TestLauncher(), 1);
  EXPECT_EQ(large.launches(), 3);
  large.Check(TestLauncher(), 3);
  EXPECT_EQ(large.launches(), 4);
  FingerprintCase huge(random, 5, 1'500'000);
  huge.Check(TestLauncher(), 1000);
  EXPECT_EQ(huge.launches(), 4);
}

// The body alone, on grids that no launch has.
TEST(LaunchListsTest, PartialSumsOfAnyGrid) {
  for (uint64_t seed = kSeed; seed < kSeed + 20; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random random(seed);
    FingerprintCase pieces(random, kFewPieces, 0);
    FingerprintParams<kFewPieces> params;
    params.units = 0;
    params.num_entries = 0;
    uint64_t expected = 0;
    for (const FingerprintPiece& piece : pieces.pieces()) {
      expected += FingerprintRange(piece, 0, piece.count);
      if (piece.count == 0) continue;
      const HashedPiece hashed = HashedPieceOf(piece, params.units);
      params.entries[params.num_entries++] = hashed;
      params.units += UnitsOf(hashed);
    }
    for (int64_t threads : {1, 2, 31, 1000, 70'000}) {
      std::vector<uint64_t> sums(static_cast<size_t>(threads), 7);
      params.partial_sums = sums.data();
      uint64_t sum = 0;
      for (int64_t t = 0; t < threads; ++t) {
        FingerprintBody<kFewPieces>::Run({t, threads}, params);
        sum += sums[static_cast<size_t>(t)];
      }
      EXPECT_EQ(sum, expected) << threads << " threads";
    }
  }
}

// As in launch_test.cc: of the tensors only the last elements exist.
TEST(LaunchListsTest, BlocksBeyond32Bits) {
  constexpr int64_t kBegin = int64_t{3} << 35;
  Block from(16, 0);
  Block to(16, 0);
  Block expected = to;
  std::iota(from.data(), from.data() + 16, 1);
  std::memcpy(expected.data(), from.data(), 16);
  BlockCopyList list;
  Clear(list);
  AppendBlock(list, Before(from.data(), kBegin), Before(to.data(), kBegin),
              kBegin + 16);
  EXPECT_EQ(list.units, kBegin / 16 + 1);
  LaunchCopyBlocks(list, {}, OneThread{kBegin / 16});
  EXPECT_TRUE(to == expected);
}

TEST(LaunchListsTest, ElementsBeyond32Bits) {
  constexpr int64_t kRows = int64_t{1} << 33;
  constexpr int64_t kLast = 3 * kRows - 1;
  Block from(8, 0);
  Block to(8, 0);
  Block expected = to;
  std::iota(from.data(), from.data() + 8, 1);
  std::memcpy(expected.data(), from.data(), 8);
  // From a transposed matrix, whose last element is the last one as well.
  const ElementCopy copy = ElementCopyOf(
      {Strided(static_cast<uint8_t*>(Before(from.data(), kLast * 8)),
               DType::kFloat64, {kRows, 3}, {1, kRows}),
       Strided(static_cast<uint8_t*>(Before(to.data(), kLast * 8)),
               DType::kFloat64, {kRows, 3}, {3, 1})});
  ElementCopyList list;
  Clear(list);
  AppendElements(list, copy);
  EXPECT_EQ(list.units, kLast + 1);
  LaunchCopyElements(list, {}, OneThread{kLast});
  EXPECT_TRUE(to == expected);
}

TEST(LaunchListsTest, PiecesBeyond32Bits) {
  constexpr int64_t kBegin = int64_t{3} << 33;
  constexpr int64_t kThread = kBegin / 4;
  Block block(16, 0);
  std::iota(block.data(), block.data() + 16, 1);
  const FingerprintPiece piece = {Before(block.data(), kBegin * 4),
                                  DType::kFloat32, kBegin + 4, 5, 6};
  uint64_t sum = 0;
  FingerprintParams<kFewPieces> params;
  params.num_entries = 1;
  params.entries[0] = HashedPieceOf(piece, 0);
  params.units = UnitsOf(params.entries[0]);
  params.partial_sums = static_cast<uint64_t*>(Before(&sum, kThread * 8));
  EXPECT_EQ(params.units, kThread + 1);
  OneThread{kThread}.Launch<FingerprintBody<kFewPieces>>(params, Grid());
  EXPECT_EQ(sum, FingerprintRange(piece, kBegin, kBegin + 4));
}

}  // namespace
}  // namespace parley

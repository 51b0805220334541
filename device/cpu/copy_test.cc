// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CopyTensor against element-by-element indexing: shapes and strides of all
// kinds, all dtypes, memory of any alignment, and what lies between and around
// the elements.
#include "parley/device/cpu/copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/device/tensor.h"

namespace parley {
namespace {

constexpr uint64_t kSeed = 20260403;
constexpr int64_t kGuard = 64;

using Numbers = std::vector<int64_t>;

struct Layout {
  Numbers shape;
  Numbers strides;
};

int64_t Uniform(Random& random, int64_t bound) {
  return static_cast<int64_t>(random.Uniform(static_cast<uint64_t>(bound)));
}

int64_t Count(const Numbers& shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

// Where the elements are, counted in elements, in row-major order.
Numbers Offsets(const Layout& layout) {
  Numbers offsets;
  for (int64_t i = 0; i < Count(layout.shape); ++i) {
    int64_t rest = i;
    int64_t offset = 0;
    for (size_t d = layout.shape.size(); d-- > 0;) {
      offset += rest % layout.shape[d] * layout.strides[d];
      rest /= layout.shape[d];
    }
    offsets.push_back(offset);
  }
  return offsets;
}

// Whether the elements fill one block, without gaps or overlap.
bool IsBlock(Numbers offsets) {
  std::sort(offsets.begin(), offsets.end());
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

// A tensor in memory of random bytes, some of which lie around it.
class Tensor {
 public:
  Tensor(Random& random, DType dtype, Layout layout)
      : dtype_(dtype),
        layout_(std::move(layout)),
        begin_(kGuard + Uniform(random, 9)) {
    int64_t extent = 0;
    for (int64_t offset : Offsets(layout_)) {
      extent = std::max(extent, offset + 1);
    }
    bytes_.resize(
        static_cast<size_t>(begin_ + extent * SizeOf(dtype) + kGuard));
    for (uint8_t& byte : bytes_) byte = static_cast<uint8_t>(random.Next());
  }

  TensorView View() {
    return TensorView::Strided(bytes_.data() + begin_, dtype_, layout_.shape,
                               layout_.strides)
        .value();
  }
  uint8_t* Element(int64_t offset) {
    return bytes_.data() + begin_ + offset * SizeOf(dtype_);
  }
  const Layout& layout() const { return layout_; }
  DType dtype() const { return dtype_; }

  friend bool operator==(const Tensor& a, const Tensor& b) {
    return a.bytes_ == b.bytes_;
  }

 private:
  DType dtype_;
  Layout layout_;
  int64_t begin_;
  std::vector<uint8_t> bytes_;
};

// What Copy is defined to do.
void NaiveCopy(Tensor& from, Tensor& to) {
  Numbers sources = Offsets(from.layout());
  Numbers targets = Offsets(to.layout());
  const bool flat =
      from.layout().shape.size() <= 1 || to.layout().shape.size() <= 1;
  if (flat && IsBlock(sources) && IsBlock(targets)) {
    std::sort(sources.begin(), sources.end());
    std::sort(targets.begin(), targets.end());
  }
  for (size_t i = 0; i < targets.size(); ++i) {
    std::memcpy(to.Element(targets[i]), from.Element(sources[i]),
                static_cast<size_t>(SizeOf(from.dtype())));
  }
}

// Requires the whole memory of the target to become what NaiveCopy makes of it,
// gaps and guards included, and that of the source to stay what it is.
void CheckCopy(Tensor from, Tensor to, bool streaming) {
  const Tensor source = from;
  Tensor expected = to;
  NaiveCopy(from, expected);
  const TensorCopy copy{from.View(), to.View()};
  CopyTensor(copy, streaming);
  EXPECT_TRUE(to == expected)
      << copy.from.ToString() << " to " << copy.to.ToString();
  EXPECT_TRUE(from == source)
      << copy.from.ToString() << " to " << copy.to.ToString();
}

void Shuffle(Random& random, Numbers& numbers) {
  for (size_t i = numbers.size(); i > 1; --i) {
    std::swap(numbers[i - 1], numbers[random.Uniform(i)]);
  }
}

// Up to 5 dimensions, up to 3,125 elements; sometimes none, or one.
Numbers RandomShape(Random& random) {
  Numbers shape;
  for (int64_t d = Uniform(random, 6); d > 0; --d) {
    const bool none = random.Uniform(32) == 0;
    shape.push_back(none ? 0 : 1 + Uniform(random, 5));
  }
  return shape;
}

// Another shape of as many elements.
Numbers Reshape(Random& random, const Numbers& shape) {
  Numbers factors;
  for (int64_t size : shape) {
    if (size == 4) {
      factors.insert(factors.end(), {2, 2});
    } else {
      factors.push_back(size);
    }
  }
  Shuffle(random, factors);
  Numbers result;
  for (int64_t factor : factors) {
    const bool merge = result.size() == TensorView::kMaxDimensions ||
                       (!result.empty() && random.Uniform(2) == 0);
    if (merge) {
      result.back() *= factor;
    } else {
      result.push_back(factor);
    }
  }
  return result;
}

// The dimensions in any order in memory, with gaps if `padded`. No two elements
// share memory.
Layout RandomLayout(Random& random, const Numbers& shape, bool padded) {
  Layout layout{shape, Numbers(shape.size())};
  Numbers order;
  for (size_t d = 0; d < shape.size(); ++d) {
    order.push_back(static_cast<int64_t>(d));
  }
  if (random.Uniform(4) != 0) {
    Shuffle(random, order);
  } else {
    std::reverse(order.begin(), order.end());  // row-major
  }
  const auto gap = [&] { return padded ? Uniform(random, 3) : 0; };
  int64_t stride = 1 + gap();
  for (int64_t d : order) {
    const auto i = static_cast<size_t>(d);
    // The stride of a dimension of size 1 means nothing.
    layout.strides[i] = shape[i] == 1 ? Uniform(random, 100) : stride;
    stride = stride * shape[i] + gap();
  }
  return layout;
}

// As one expands a tensor: a dimension along which its elements repeat.
Layout Expanded(Random& random, Layout layout) {
  if (!layout.strides.empty()) {
    layout.strides[random.Uniform(layout.strides.size())] = 0;
  }
  return layout;
}

Layout Flat(int64_t count) { return {{count}, {1}}; }

// Calls check(random, dtype, shape) with many, each with a generator of its
// own.
template <typename Check>
void ForEachShape(const Check& check) {
  for (DType dtype : kAllDTypes) {
    const uint64_t first = kSeed + 1000 * static_cast<uint64_t>(dtype);
    for (uint64_t seed = first; seed < first + 75; ++seed) {
      SCOPED_TRACE(absl::StrCat("seed ", seed));
      Random random(seed);
      check(random, dtype, RandomShape(random));
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(CopyTest, Packs) {
  ForEachShape([](Random& random, DType dtype, const Numbers& shape) {
    for (bool padded : {false, true}) {
      CheckCopy(Tensor(random, dtype, RandomLayout(random, shape, padded)),
                Tensor(random, dtype, Flat(Count(shape))), !padded);
    }
  });
}

TEST(CopyTest, Unpacks) {
  ForEachShape([](Random& random, DType dtype, const Numbers& shape) {
    for (bool padded : {false, true}) {
      CheckCopy(Tensor(random, dtype, Flat(Count(shape))),
                Tensor(random, dtype, RandomLayout(random, shape, padded)),
                !padded);
    }
  });
}

TEST(CopyTest, BlocksOfTheSameLayout) {
  ForEachShape([](Random& random, DType dtype, const Numbers& shape) {
    const Layout layout = RandomLayout(random, shape, /*padded=*/false);
    for (bool streaming : {false, true}) {
      CheckCopy(Tensor(random, dtype, layout), Tensor(random, dtype, layout),
                streaming);
    }
  });
}

TEST(CopyTest, FromAnyLayoutToAnyOther) {
  ForEachShape([](Random& random, DType dtype, const Numbers& shape) {
    for (int padded = 0; padded < 4; ++padded) {
      CheckCopy(Tensor(random, dtype, RandomLayout(random, shape, padded & 1)),
                Tensor(random, dtype, RandomLayout(random, shape, padded & 2)),
                random.Uniform(2) == 0);
    }
  });
}

TEST(CopyTest, FromAnyShapeToAnyOther) {
  ForEachShape([](Random& random, DType dtype, const Numbers& shape) {
    for (int padded = 0; padded < 4; ++padded) {
      const Numbers other = Reshape(random, shape);
      CheckCopy(Tensor(random, dtype, RandomLayout(random, shape, padded & 1)),
                Tensor(random, dtype, RandomLayout(random, other, padded & 2)),
                random.Uniform(2) == 0);
    }
  });
}

TEST(CopyTest, FromElementsThatShareMemory) {
  ForEachShape([](Random& random, DType dtype, const Numbers& shape) {
    const Layout layout = RandomLayout(random, shape, /*padded=*/true);
    for (const Numbers& target : {Numbers{Count(shape)}, shape}) {
      CheckCopy(Tensor(random, dtype, Expanded(random, layout)),
                Tensor(random, dtype, RandomLayout(random, target, true)),
                random.Uniform(2) == 0);
    }
  });
}

// Blocks of every length and alignment around those from which on they are
// streamed, and of many steps.
TEST(CopyTest, StreamsBlocks) {
  for (int64_t bytes : {4095, 4096, 4097, 4224, 8191, 20000}) {
    for (uint64_t seed = kSeed; seed < kSeed + 12; ++seed) {
      Random random(seed);
      CheckCopy(Tensor(random, DType::kUInt8, Flat(bytes)),
                Tensor(random, DType::kUInt8, Flat(bytes)), true);
      ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
  }
}

// 64 x 65 of them in the same order of dimensions are one block, and in another
// are not.
TEST(CopyTest, StreamsOnlyBlocks) {
  Random random(kSeed);
  const Layout rows{{64, 65}, {65, 1}};
  const Layout columns{{64, 65}, {1, 64}};
  for (DType dtype : kAllDTypes) {
    for (const Layout& from : {rows, columns, Flat(64 * 65)}) {
      for (const Layout& to : {rows, columns, Flat(64 * 65)}) {
        CheckCopy(Tensor(random, dtype, from), Tensor(random, dtype, to), true);
      }
    }
  }
}

// Known values, by hand.
TEST(CopyTest, Transposes) {
  std::vector<int32_t> from = {1, 2, 3, 4, 5, 6};
  std::vector<int32_t> to(6);
  const auto strided = [](std::vector<int32_t>& data, Numbers shape,
                          Numbers strides) {
    return TensorView::Strided(data.data(), DType::kInt32, shape, strides)
        .value();
  };
  CopyTensor({strided(from, {2, 3}, {3, 1}), strided(to, {2, 3}, {1, 2})},
             /*streaming=*/false);
  EXPECT_EQ(to, std::vector<int32_t>({1, 4, 2, 5, 3, 6}));
  // Both are dense, and one has no layout: storage order.
  CopyTensor({strided(to, {2, 3}, {1, 2}), strided(from, {6}, {1})},
             /*streaming=*/false);
  EXPECT_EQ(from, std::vector<int32_t>({1, 4, 2, 5, 3, 6}));
  // With a gap after each column it is row-major order.
  std::vector<int32_t> padded = {1, 4, 0, 2, 5, 0, 3, 6, 0};
  CopyTensor({strided(padded, {2, 3}, {1, 3}), strided(to, {6}, {1})},
             /*streaming=*/false);
  EXPECT_EQ(to, std::vector<int32_t>({1, 2, 3, 4, 5, 6}));
}

// Both are dense and have the same strides, of which one means nothing; they
// are not in the same order.
TEST(CopyTest, EqualStridesOfDifferentShapes) {
  Random random(kSeed);
  const Layout column{{6, 1}, {1, 2}};
  const Layout columns{{2, 3}, {1, 2}};
  for (DType dtype : kAllDTypes) {
    CheckCopy(Tensor(random, dtype, column), Tensor(random, dtype, columns),
              false);
    CheckCopy(Tensor(random, dtype, columns), Tensor(random, dtype, column),
              false);
  }
}

TEST(CopyTest, AsManyDimensionsAsThereMayBe) {
  Random random(kSeed);
  const Numbers shape(TensorView::kMaxDimensions, 2);
  const Layout rows{shape, {128, 64, 32, 16, 8, 4, 2, 1}};
  const Layout reversed{shape, {1, 2, 4, 8, 16, 32, 64, 128}};
  const Layout padded{shape, {1, 3, 7, 15, 31, 63, 127, 255}};
  for (DType dtype : kAllDTypes) {
    for (const Layout& from : {rows, reversed, padded}) {
      for (const Layout& to : {rows, reversed, padded}) {
        CheckCopy(Tensor(random, dtype, from), Tensor(random, dtype, to),
                  false);
      }
    }
  }
}

TEST(CopyTest, Scalars) {
  Random random(kSeed);
  const Layout scalars[] = {{{}, {}},         {{1}, {1}},
                            {{1}, {7}},       {{1, 1}, {0, 9}},
                            {{1, 1}, {1, 1}}, {{1, 1, 1}, {4, 0, 4}}};
  for (DType dtype : kAllDTypes) {
    for (const Layout& from : scalars) {
      for (const Layout& to : scalars) {
        for (bool streaming : {false, true}) {
          CheckCopy(Tensor(random, dtype, from), Tensor(random, dtype, to),
                    streaming);
        }
      }
    }
  }
}

// Nothing has no memory either.
TEST(CopyTest, Nothing) {
  const Layout empty[] = {{{0}, {1}}, {{3, 0}, {1, 1}}, {{0, 2, 2}, {9, 0, 5}}};
  for (const Layout& from : empty) {
    for (const Layout& to : empty) {
      for (bool streaming : {false, true}) {
        const auto view = [](const Layout& layout) {
          return TensorView::Strided(nullptr, DType::kFloat32, layout.shape,
                                     layout.strides)
              .value();
        };
        CopyTensor({view(from), view(to)}, streaming);
      }
    }
  }
}

TEST(CopyTest, OntoItself) {
  Random random(kSeed);
  for (bool streaming : {false, true}) {
    Tensor tensor(random, DType::kFloat32, {{40, 50}, {1, 40}});
    const Tensor before = tensor;
    CopyTensor({tensor.View(), tensor.View()}, streaming);
    EXPECT_TRUE(tensor == before);
  }
}

}  // namespace
}  // namespace parley

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The fingerprint's scalar definition: its values, which are fixed for ever,
// what it does not depend on, and what always changes it.
#include "parley/device/kernels/fingerprint.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/device/testing/values.h"

namespace parley::kernels {
namespace {

constexpr uint64_t kSeed = 20260402;

// Keys in which a half has all bits, none or only its last one set.
constexpr uint64_t kHardKeys[] = {
    0,          1,           0xffffffff,         uint64_t{1} << 32,
    3ull << 32, ~0ull << 32, 0xfffffffe00000000, ~uint64_t{0},
    0x80000000, 1ull << 63,  0x9e3779b97f4a7c15, 0x123456789abcdef0};

// The definition once more, as the text in fingerprint.h has it, in 128-bit
// integers that are cut to 64 bits after each step.
__extension__ typedef unsigned __int128 Wide;

constexpr Wide kTwo32 = Wide{1} << 32;
constexpr Wide kTwo64 = Wide{1} << 64;

Wide ExpectedKey(uint64_t tensor_id, uint64_t index) {
  // The finaliser of SplitMix64.
  Wide mixed = tensor_id;
  mixed = (mixed ^ mixed / (Wide{1} << 30)) * 0xbf58476d1ce4e5b9 % kTwo64;
  mixed = (mixed ^ mixed / (Wide{1} << 27)) * 0x94d049bb133111eb % kTwo64;
  mixed = mixed ^ mixed / (Wide{1} << 31);
  return (mixed + Wide{index} * 0x9e3779b97f4a7c15) % kTwo64;
}

uint64_t ExpectedHash(Wide key, uint64_t bits, int bytes) {
  if (key / kTwo32 % 2 == 0) key += kTwo32;
  const Wide u = key ^ bits;
  Wide p = (u % kTwo32) * (key / kTwo32) + key;
  p %= kTwo64;
  if (bytes == 8) {
    p = (p + u / kTwo32 * kTwo32) % kTwo64;
    const Wide odd = key % 2 == 0 ? key % kTwo32 + 1 : key % kTwo32;
    p = (p / kTwo32 * odd + p % kTwo32 * kTwo32) % kTwo64;
  }
  return static_cast<uint64_t>(p ^ p / kTwo32);
}

uint64_t ExpectedElement(uint64_t tensor_id, uint64_t index, uint64_t bits,
                         int bytes) {
  return ExpectedHash(ExpectedKey(tensor_id, index), bits, bytes);
}

uint64_t Hash(uint64_t key, uint64_t bits, int bytes) {
  switch (bytes) {
    case 1:
      return ElementHash<1>(key, bits);
    case 2:
      return ElementHash<2>(key, bits);
    case 4:
      return ElementHash<4>(key, bits);
    default:
      return ElementHash<8>(key, bits);
  }
}

uint64_t FingerprintOf(const FingerprintPiece& piece) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < piece.count; ++i) {
    switch (SizeOf(piece.dtype)) {
      case 1:
        sum += FingerprintElement<1>(piece, i);
        break;
      case 2:
        sum += FingerprintElement<2>(piece, i);
        break;
      case 4:
        sum += FingerprintElement<4>(piece, i);
        break;
      default:
        sum += FingerprintElement<8>(piece, i);
    }
  }
  return sum;
}

// A named tensor with memory of its own.
struct Tensor {
  DType dtype;
  uint64_t id;
  std::vector<uint8_t> bytes;

  int64_t count() const {
    return static_cast<int64_t>(bytes.size()) / SizeOf(dtype);
  }
  FingerprintPiece Whole() const {
    return FingerprintPiece{bytes.data(), dtype, count(), id, 0};
  }
};

Tensor HardTensor(Random& random, DType dtype, int64_t count) {
  Tensor tensor{dtype, random.Next(), {}};
  tensor.bytes.resize(static_cast<size_t>(count * SizeOf(dtype)));
  FillWithHardValues(random, dtype, count, tensor.bytes.data());
  return tensor;
}

uint64_t FingerprintOf(const Tensor& tensor) {
  return FingerprintOf(tensor.Whole());
}

uint64_t FingerprintOf(const std::vector<Tensor>& tensors) {
  uint64_t sum = 0;
  for (const Tensor& tensor : tensors) sum += FingerprintOf(tensor);
  return sum;
}

std::vector<Tensor> HardModel(Random& random) {
  std::vector<Tensor> tensors;
  for (DType dtype : kAllDTypes) {
    const auto count = static_cast<int64_t>(random.Uniform(100));
    tensors.push_back(HardTensor(random, dtype, count));
  }
  return tensors;
}

// Never to be changed: fingerprints are written down and compared.
TEST(FingerprintTest, Golden) {
  EXPECT_EQ(Hash(ElementKey(1, 2), 0x3f800000, 4), 0xaf369b69338af0e7u);
  EXPECT_EQ(
      Hash(ElementKey(0x123456789abcdef0, 1000003), 0xbff0000000000001, 8),
      0x35d096734cb52a01u);
  EXPECT_EQ(Hash(ElementKey(0xdeadbeefcafef00d, 7), 0xfc01, 2),
            0xbc175b1b6fced682u);
  EXPECT_EQ(Hash(ElementKey(~uint64_t{0}, (int64_t{1} << 40) + 5), 0xff, 1),
            0x201bcef14f770682u);

  const float floats[] = {1, 2, 3};
  const double doubles[] = {-0.0, std::numeric_limits<double>::infinity()};
  FingerprintPiece piece{floats, DType::kFloat32, 3, 42, 0};
  uint64_t sum = FingerprintOf(piece);
  piece = {doubles, DType::kFloat64, 2, 43, 0};
  sum += FingerprintOf(piece);
  EXPECT_EQ(sum, 0x95532bdd3b3c1f9eu);
}

TEST(FingerprintTest, IsAsDefined) {
  Random random(kSeed);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t id = random.Next();
    const uint64_t index = random.Next() >> (1 + random.Uniform(63));
    ASSERT_EQ(ElementKey(id, static_cast<int64_t>(index)),
              static_cast<uint64_t>(ExpectedKey(id, index)));
    for (uint64_t key : {kHardKeys[random.Uniform(12)], random.Next()}) {
      for (int bytes : {1, 2, 4, 8}) {
        const uint64_t bits = random.Next() >> (64 - 8 * bytes);
        ASSERT_EQ(Hash(key, bits, bytes), ExpectedHash(key, bits, bytes))
            << std::hex << key << " " << bits << " of " << bytes << " bytes";
      }
    }
  }
}

// All bytes of an element count, and none of its neighbours'.
TEST(FingerprintTest, ReadsElements) {
  Random random(kSeed);
  for (DType dtype : kAllDTypes) {
    const Tensor tensor = HardTensor(random, dtype, 5);
    const int64_t size = SizeOf(dtype);
    uint64_t expected = 0;
    for (int64_t i = 0; i < 5; ++i) {
      uint64_t bits = 0;
      std::memcpy(&bits, tensor.bytes.data() + i * size,
                  static_cast<size_t>(size));
      expected += ExpectedElement(tensor.id, static_cast<uint64_t>(i), bits,
                                  static_cast<int>(size));
    }
    EXPECT_EQ(FingerprintOf(tensor), expected) << Name(dtype);
  }
}

TEST(FingerprintTest, OfNothingIsZero) {
  for (DType dtype : kAllDTypes) {
    EXPECT_EQ(FingerprintOf(FingerprintPiece{nullptr, dtype, 0, 5, 7}), 0u);
  }
}

// A piece of a tensor, at an address of its own.
struct Cut {
  std::vector<uint8_t> bytes;
  int64_t misalignment;
  FingerprintPiece piece;
};

Cut CutOut(Random& random, const Tensor& tensor, int64_t begin, int64_t end) {
  const int64_t size = SizeOf(tensor.dtype);
  Cut cut;
  cut.misalignment = static_cast<int64_t>(random.Uniform(9));
  cut.bytes.assign(static_cast<size_t>(cut.misalignment), 0xa5);
  cut.bytes.insert(cut.bytes.end(), tensor.bytes.begin() + begin * size,
                   tensor.bytes.begin() + end * size);
  cut.piece = {nullptr, tensor.dtype, end - begin, tensor.id, begin};
  return cut;
}

std::vector<Cut> CutUp(Random& random, const std::vector<Tensor>& tensors) {
  std::vector<Cut> cuts;
  for (const Tensor& tensor : tensors) {
    for (int64_t begin = 0; begin < tensor.count();) {
      const int64_t left = tensor.count() - begin;
      const auto count = static_cast<int64_t>(random.Uniform(left + 1));
      cuts.push_back(CutOut(random, tensor, begin, begin + count));
      begin += count;
    }
  }
  for (size_t i = cuts.size(); i > 1; --i) {
    std::swap(cuts[i - 1], cuts[random.Uniform(i)]);
  }
  for (Cut& cut : cuts) cut.piece.data = cut.bytes.data() + cut.misalignment;
  return cuts;
}

// Cut into any pieces, in any order, and summed up shard by shard.
TEST(FingerprintTest, DoesNotDependOnTheLayout) {
  for (uint64_t seed = kSeed; seed < kSeed + 100; ++seed) {
    Random random(seed);
    const std::vector<Tensor> tensors = HardModel(random);
    const uint64_t expected = FingerprintOf(tensors);
    std::vector<uint64_t> shards(1 + random.Uniform(4));
    for (const Cut& cut : CutUp(random, tensors)) {
      shards[random.Uniform(shards.size())] += FingerprintOf(cut.piece);
    }
    uint64_t sum = 0;
    for (uint64_t shard : shards) sum += shard;
    ASSERT_EQ(sum, expected) << "seed " << seed;
  }
}

TEST(FingerprintTest, EveryBitChangesIt) {
  Random random(kSeed);
  for (DType dtype : kAllDTypes) {
    Tensor tensor = HardTensor(random, dtype, 20);
    const uint64_t before = FingerprintOf(tensor);
    for (uint8_t& byte : tensor.bytes) {
      for (int bit = 0; bit < 8; ++bit) {
        byte ^= static_cast<uint8_t>(1 << bit);
        ASSERT_NE(FingerprintOf(tensor), before) << Name(dtype);
        byte ^= static_cast<uint8_t>(1 << bit);
      }
    }
    EXPECT_EQ(FingerprintOf(tensor), before);
  }
}

// Whatever the key, different bits have different hashes: all of up to 16 bits,
// and those that differ in up to two places of the longer ones.
TEST(FingerprintTest, HashesOfAnElementNeverCollide) {
  for (uint64_t key : kHardKeys) {
    SCOPED_TRACE(testing::Message() << "key 0x" << std::hex << key);
    for (int bytes : {1, 2}) {
      std::vector<uint64_t> hashes;
      for (uint64_t bits = 0; bits < uint64_t{1} << 8 * bytes; ++bits) {
        hashes.push_back(Hash(key, bits, bytes));
      }
      std::sort(hashes.begin(), hashes.end());
      ASSERT_EQ(std::adjacent_find(hashes.begin(), hashes.end()), hashes.end())
          << bytes << " bytes";
    }
    Random random(kSeed);
    for (int bytes : {4, 8}) {
      const uint64_t bits = random.Next() >> (64 - 8 * bytes);
      std::vector<uint64_t> hashes = {Hash(key, bits, bytes)};
      for (int a = 0; a < 8 * bytes; ++a) {
        for (int b = a; b < 8 * bytes; ++b) {
          const uint64_t change = uint64_t{1} << a | uint64_t{1} << b;
          hashes.push_back(Hash(key, bits ^ change, bytes));
        }
      }
      std::sort(hashes.begin(), hashes.end());
      ASSERT_EQ(std::adjacent_find(hashes.begin(), hashes.end()), hashes.end())
          << bytes << " bytes";
    }
  }
}

TEST(FingerprintTest, ExchangedElementsChangeIt) {
  Random random(kSeed);
  for (DType dtype : kAllDTypes) {
    const auto size = static_cast<size_t>(SizeOf(dtype));
    Tensor tensor = HardTensor(random, dtype, 40);
    const uint64_t before = FingerprintOf(tensor);
    for (size_t a = 0; a < 40; ++a) {
      for (size_t b = 0; b < a; ++b) {
        uint8_t* const p = tensor.bytes.data() + a * size;
        uint8_t* const q = tensor.bytes.data() + b * size;
        if (std::memcmp(p, q, size) == 0) continue;
        std::swap_ranges(p, p + size, q);
        ASSERT_NE(FingerprintOf(tensor), before)
            << Name(dtype) << " " << a << " and " << b;
        std::swap_ranges(p, p + size, q);
      }
    }
  }
}

TEST(FingerprintTest, TensorsAreToldApart) {
  Random random(kSeed);
  for (DType dtype : kAllDTypes) {
    Tensor a = HardTensor(random, dtype, 20);
    Tensor b = HardTensor(random, dtype, 20);
    // Names that differ in one bit.
    a.id = 4;
    b.id = 5;
    const uint64_t before = FingerprintOf({a, b});
    std::swap(a.bytes, b.bytes);
    EXPECT_NE(FingerprintOf({a, b}), before) << Name(dtype);
    // Equal tensors, zeros even, differ by their names.
    b.bytes = a.bytes;
    EXPECT_NE(FingerprintOf(a), FingerprintOf(b)) << Name(dtype);
    a.bytes.assign(a.bytes.size(), 0);
    b.bytes.assign(b.bytes.size(), 0);
    EXPECT_NE(FingerprintOf(a), FingerprintOf(b)) << Name(dtype);
  }
}

// Equal elements count as often as they are there, wherever they are.
TEST(FingerprintTest, EqualElementsCount) {
  for (DType dtype : kAllDTypes) {
    Tensor tensor{dtype, 1, {}};
    std::vector<uint64_t> seen;
    for (int count = 0; count < 40; ++count) {
      seen.push_back(FingerprintOf(tensor));
      tensor.bytes.resize(tensor.bytes.size() +
                          static_cast<size_t>(SizeOf(dtype)));
    }
    for (int64_t first_index = 1; first_index < 40; ++first_index) {
      FingerprintPiece piece = tensor.Whole();
      piece.first_index = first_index;
      seen.push_back(FingerprintOf(piece));
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end())
        << Name(dtype);
  }
}

}  // namespace
}  // namespace parley::kernels

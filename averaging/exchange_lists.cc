// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/exchange_lists.h"

namespace parley {
namespace {

size_t WordsPerPlace(const ExchangeDimensions& dimensions) {
  constexpr size_t kWord = sizeof(std::max_align_t);
  return (static_cast<size_t>(dimensions.argument_bytes) + kWord - 1) / kWord;
}

}  // namespace

ExchangeLists::ExchangeLists(const ExchangeDimensions& dimensions)
    : words_per_place_(WordsPerPlace(dimensions)) {
  const size_t buckets = static_cast<size_t>(dimensions.buckets);
  slot.resize(buckets);
  complete.resize(buckets);
  active.reserve(buckets);
  works.reserve(buckets);
  arguments_.resize(static_cast<size_t>(dimensions.places) * words_per_place_);
}

int64_t ExchangeLists::BytesOf(const ExchangeDimensions& dimensions) {
  constexpr int64_t kPerBucket =
      2 * sizeof(uint8_t) + sizeof(int) + sizeof(Work);
  return dimensions.buckets * kPerBucket +
         dimensions.places * static_cast<int64_t>(WordsPerPlace(dimensions) *
                                                  sizeof(std::max_align_t));
}

}  // namespace parley

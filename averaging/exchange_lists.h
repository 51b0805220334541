// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_EXCHANGE_LISTS_H_
#define PARLEY_AVERAGING_EXCHANGE_LISTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "parley/comm/work.h"

namespace parley {

// How large the lists of an exchange are.
struct ExchangeDimensions {
  int64_t pieces = 0;
  int64_t packs = 0;  // Bucket::num_packs() of all buckets
  int64_t buckets = 0;
  int64_t places = 0;          // for arguments: buckets that may be under way
  int64_t argument_bytes = 0;  // of each place
};

// The host memory that an exchange's pipeline keeps from one meeting to the
// next, all of it taken at once: a meeting allocates nothing. BytesOf() is what
// the plan counts against its budget.
//
// Thread-safety: thread-compatible.
struct ExchangeLists {
  explicit ExchangeLists(const ExchangeDimensions& dimensions);

  static int64_t BytesOf(const ExchangeDimensions& dimensions);

  // By bucket of the plan.
  std::vector<uint8_t> slot;      // neighbours have different ones
  std::vector<uint8_t> complete;  // in the last meeting, where that failed

  // By position among the buckets of which any piece takes part.
  std::vector<int> active;
  std::vector<Work> works;  // the last operation of each that was issued

  // What kernels read of their argument structs, for each place.
  void* ArgumentsOf(size_t place) {
    return arguments_.data() + place * words_per_place_;
  }

 private:
  std::vector<std::max_align_t> arguments_;
  size_t words_per_place_;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_EXCHANGE_LISTS_H_

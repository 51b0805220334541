// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// ElementwiseCase: arguments of an element-wise operation as tests draw them.
// Each operand has a dtype of its own and hard values; pieces are aligned, or
// off by as many elements in all operands, or in each by any number of bytes;
// now and then one that is written is one that is read. All lie in one arena,
// between guards, of which the caller makes copies and compares them:
//
//   const ElementwiseCase c(random, ElementwiseOp::kLerp, {5, 0, 1000});
//   std::vector<uint8_t> a = c.arena(), b = c.arena();
//   ElementwiseAll(c.Over(a.data()).args());
//   ...
//
// Thread-safety: thread-compatible, a value.
#ifndef PARLEY_DEVICE_TESTING_ELEMENTWISE_CASE_H_
#define PARLEY_DEVICE_TESTING_ELEMENTWISE_CASE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "parley/base/random.h"
#include "parley/device/kernels/elementwise_ops.h"

namespace parley {

class ElementwiseCase {
 public:
  // What `args()` points to lives as long as this does.
  class Launch {
   public:
    ElementwiseArgs args() const {
      ElementwiseArgs args = args_;
      args.pieces = pieces_.data();
      args.num_pieces = static_cast<int64_t>(pieces_.size());
      return args;
    }

   private:
    friend class ElementwiseCase;
    ElementwiseArgs args_;
    std::vector<ElementwisePiece> pieces_;
  };

  // A piece for each count.
  ElementwiseCase(Random& random, ElementwiseOp op,
                  absl::Span<const int64_t> counts);

  // What the arena holds before the operation. Copies that begin at a multiple
  // of 64 have the alignments that were drawn.
  const std::vector<uint8_t>& arena() const { return arena_; }

  // The operation on the copy at `arena`.
  Launch Over(void* arena) const;

  // "Lerp of bfloat16, float32 with 0.1, 3 pieces".
  std::string ToString() const;

 private:
  ElementwiseArgs args_;
  int operands_;
  std::vector<uint8_t> arena_;
  std::vector<std::vector<int64_t>> offsets_;  // by piece and operand
  std::vector<int64_t> counts_;
};

}  // namespace parley

#endif  // PARLEY_DEVICE_TESTING_ELEMENTWISE_CASE_H_

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Exp and Log whose results have the same bits on every machine. The C
// library's differ in the last bit between versions, and between processors
// with and without fused multiply-add; a training run that used them would have
// another fingerprint on each. Here every operation is an IEEE 754 addition,
// multiplication or division in a fixed order.
//
// Guarantees: an error below 2 units in the last place for normal results, and
// the special values of std::exp and std::log. Requires round-to-nearest.
// Thread-safety: pure functions.
#ifndef PARLEY_EXAMPLES_DIGITS_MATH_H_
#define PARLEY_EXAMPLES_DIGITS_MATH_H_

namespace parley::digits {

double Exp(double x);

double Log(double x);

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_MATH_H_

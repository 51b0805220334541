// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_ROUTE_NATIVE_SUM_H_
#define PARLEY_AVERAGING_ROUTE_NATIVE_SUM_H_

#include "parley/averaging/route/route.h"

namespace parley {

// Reduction::kNative: the backend forms the sum of what is averaged, in place
// in staging memory, and the division is a part of the kernel on one of its
// sides:
//
//   tensor, or pieces packed into `exchange`
//     | Mean of one: copied, or multiplied by the rank's weight and divided
//   `exchange`
//     | AllReduce in place
//   `exchange`: the sum
//     | Mean of one: divided, or copied
//   the tensor, or `exchange`
//
// Floating point only. Thread-safety: thread-safe; the route lives for ever.
const Route& NativeSum();

}  // namespace parley

#endif  // PARLEY_AVERAGING_ROUTE_NATIVE_SUM_H_

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The four operations of the kernels, each rounded to nearest even and never
// contracted into a fused multiply-add, on the host and on the device.
//
// Requires, on the host, compilation with -ffp-contract=off and without
// -ffast-math: the repository's build macros see to the former.
#ifndef PARLEY_DEVICE_KERNELS_ARITHMETIC_H_
#define PARLEY_DEVICE_KERNELS_ARITHMETIC_H_

#include "parley/base/host_device.h"

#if defined(__FAST_MATH__)
#error "Parley's results are defined bit for bit: do not use -ffast-math."
#endif

namespace parley::kernels {

#if defined(__CUDA_ARCH__)
PARLEY_HD inline double Add(double a, double b) { return __dadd_rn(a, b); }
PARLEY_HD inline double Sub(double a, double b) { return __dsub_rn(a, b); }
PARLEY_HD inline double Mul(double a, double b) { return __dmul_rn(a, b); }
PARLEY_HD inline double Div(double a, double b) { return __ddiv_rn(a, b); }
#else
PARLEY_HD inline double Add(double a, double b) { return a + b; }
PARLEY_HD inline double Sub(double a, double b) { return a - b; }
PARLEY_HD inline double Mul(double a, double b) { return a * b; }
PARLEY_HD inline double Div(double a, double b) { return a / b; }
#endif

}  // namespace parley::kernels

#endif  // PARLEY_DEVICE_KERNELS_ARITHMETIC_H_

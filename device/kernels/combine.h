// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The definitions of the kernels that combine two tensors, Axpby, Lerp and
// Delta (see flat_arguments.h), one element at a time.
#ifndef PARLEY_DEVICE_KERNELS_COMBINE_H_
#define PARLEY_DEVICE_KERNELS_COMBINE_H_

#include <cstdint>

#include "parley/device/kernels/arithmetic.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/flat_arguments.h"

namespace parley::kernels {

template <DType kDType>
PARLEY_HD void AxpbyElement(const AxpbyArgs& args, int64_t i) {
  using E = Element<kDType>;
  E::Store(
      args.y, i,
      Add(Mul(args.a, E::Load(args.x, i)), Mul(args.b, E::Load(args.y, i))));
}

// The ends are exact whatever the other tensor holds: the formula alone would
// turn -0 into +0 at t = 0, lose small x at t = 1, and spread infinities.
PARLEY_HD inline double Lerp(double t, double x, double y) {
  if (t == 0) return y;
  if (t == 1) return x;
  return Add(y, Mul(t, Sub(x, y)));
}

template <DType kDType>
PARLEY_HD void LerpElement(const LerpArgs& args, int64_t i) {
  using E = Element<kDType>;
  E::Store(args.y, i, Lerp(args.t, E::Load(args.x, i), E::Load(args.y, i)));
}

template <DType kDType>
PARLEY_HD void DeltaElement(const DeltaArgs& args, int64_t i) {
  using E = Element<kDType>;
  E::Store(args.output, i, Sub(E::Load(args.a, i), E::Load(args.b, i)));
}

}  // namespace parley::kernels

#endif  // PARLEY_DEVICE_KERNELS_COMBINE_H_

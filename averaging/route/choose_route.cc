// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/route/choose_route.h"

#include "parley/averaging/route/broadcast.h"
#include "parley/averaging/route/native_sum.h"
#include "parley/averaging/route/reproducible_mean.h"

namespace parley {

const Route& ChooseRoute(Policy policy, Reduction reduction) {
  if (policy == Policy::kBroadcast) return Broadcast();
  return policy == Policy::kAverage && reduction == Reduction::kNative
             ? NativeSum()
             : ReproducibleMean();
}

}  // namespace parley

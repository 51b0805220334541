// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_ROUTE_CHOOSE_ROUTE_H_
#define PARLEY_AVERAGING_ROUTE_CHOOSE_ROUTE_H_

#include "parley/averaging/parameters.h"
#include "parley/averaging/reduction.h"
#include "parley/averaging/route/route.h"

namespace parley {

// The route of what has `policy`, which is not kLeave: the one place that says
// which there are.
//
// Thread-safety: thread-safe; routes live for ever.
const Route& ChooseRoute(Policy policy, Reduction reduction);

}  // namespace parley

#endif  // PARLEY_AVERAGING_ROUTE_CHOOSE_ROUTE_H_

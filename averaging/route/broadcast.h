// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef PARLEY_AVERAGING_ROUTE_BROADCAST_H_
#define PARLEY_AVERAGING_ROUTE_BROADCAST_H_

#include "parley/averaging/route/route.h"

namespace parley {

// Policy::kBroadcast: rank 0's values, bit for bit, packed into `exchange`,
// broadcast there, and copied back. Never in place, which would leave a mixture
// behind if it failed.
//
// Thread-safety: thread-safe; the route lives for ever.
const Route& Broadcast();

}  // namespace parley

#endif  // PARLEY_AVERAGING_ROUTE_BROADCAST_H_

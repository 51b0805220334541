// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/communicator.h"

#include "absl/strings/str_cat.h"

namespace parley {

absl::StatusOr<Work> Communicator::FusedMean(TensorList,
                                             absl::Span<const double>, Stream&,
                                             const CallOptions&) {
  return absl::UnimplementedError(
      absl::StrCat("FusedMean: ", ToString(), " has none"));
}

}  // namespace parley

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/options.h"

#include "absl/strings/str_cat.h"

namespace parley::sim {
namespace {

absl::Status Bad(absl::string_view field, int64_t value,
                 absl::string_view requirement) {
  return absl::InvalidArgumentError(absl::StrCat(
      "WorldOptions.", field, ": ", value, ", must be ", requirement));
}

absl::Status ValidateLink(absl::string_view name, const Link& link) {
  if (link.latency < absl::ZeroDuration() || link.latency > absl::Hours(1)) {
    return Bad(absl::StrCat(name, ".latency"),
               absl::ToInt64Nanoseconds(link.latency),
               "from 0 to an hour, in nanoseconds");
  }
  if (link.bytes_per_second < 1) {
    return Bad(absl::StrCat(name, ".bytes_per_second"), link.bytes_per_second,
               "at least 1");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const WorldOptions& options) {
  if (options.ranks < 1 || options.ranks > 65536) {
    return Bad("ranks", options.ranks, "from 1 to 65536");
  }
  if (options.hosts < 1 || options.hosts > options.ranks) {
    return Bad("hosts", options.hosts, "from 1 to the number of ranks");
  }
  if (absl::Status status = ValidateLink("intra_host", options.intra_host);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = ValidateLink("inter_host", options.inter_host);
      !status.ok()) {
    return status;
  }
  if (options.kernel_bytes_per_second < 1) {
    return Bad("kernel_bytes_per_second", options.kernel_bytes_per_second,
               "at least 1");
  }
  if (options.max_parallel < 0) {
    return Bad("max_parallel", options.max_parallel, "at least 0");
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return Bad("timeout", absl::ToInt64Nanoseconds(options.timeout),
               "positive, in nanoseconds");
  }
  for (const Straggler& straggler : options.stragglers) {
    if (straggler.rank < 0 || straggler.rank >= options.ranks) {
      return Bad("stragglers.rank", straggler.rank, "a rank of the world");
    }
    if (straggler.percent < 0) {
      return Bad("stragglers.percent", straggler.percent, "at least 0");
    }
  }
  for (const Fault& fault : options.faults) {
    if (fault.rank < 0 || fault.rank >= options.ranks) {
      return Bad("faults.rank", fault.rank, "a rank of the world");
    }
    if (fault.at < absl::ZeroDuration()) {
      return Bad("faults.at", absl::ToInt64Nanoseconds(fault.at),
                 "at least 0, in nanoseconds");
    }
  }
  return absl::OkStatus();
}

}  // namespace parley::sim

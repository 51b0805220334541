// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/sim/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace parley::sim {

std::string Report::ToString() const {
  std::string text = absl::StrFormat(
      "%s; %d ranks, %.3f ms of virtual time, trace hash 0x%016x\n",
      status.ToString(), ranks.size(), virtual_ns / 1e6, trace_hash);
  if (never_computed) {
    absl::StrAppend(&text,
                    "note: the ranks met but never called Compute(), so "
                    "virtual times hold communication alone\n");
  }
  absl::StrAppendFormat(&text, "%6s %12s %12s %12s %12s %12s %12s  %s\n",
                        "rank", "finished ms", "compute ms", "wait ms",
                        "transfer ms", "sent", "received", "status");
  for (size_t i = 0; i < ranks.size(); ++i) {
    const RankReport& rank = ranks[i];
    absl::StrAppendFormat(
        &text, "%6d %12.3f %12.3f %12.3f %12.3f %12d %12d  %s\n", i,
        rank.finished_ns / 1e6, rank.compute_ns / 1e6, rank.wait_ns / 1e6,
        rank.transfer_ns / 1e6, rank.bytes_sent, rank.bytes_received,
        rank.status.ToString());
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const Report& report) {
  return out << report.ToString();
}

}  // namespace parley::sim

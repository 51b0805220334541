// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/lost_ranks.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace parley {
namespace {

// Of the payload, which is the ranks in decimal: "1,3".
constexpr char kTypeUrl[] = "parley/lost_ranks";

}  // namespace

absl::Status WithLostRanks(absl::Status status, absl::Span<const int> ranks) {
  std::vector<int> list(ranks.begin(), ranks.end());
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  if (list.empty()) {
    status.ErasePayload(kTypeUrl);
  } else {
    status.SetPayload(kTypeUrl, absl::Cord(absl::StrJoin(list, ",")));
  }
  return status;
}

std::vector<int> LostRanks(const absl::Status& status) {
  const auto payload = status.GetPayload(kTypeUrl);
  std::vector<int> ranks;
  if (!payload.has_value()) return ranks;
  const std::string text(*payload);
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    int rank = 0;
    // What nobody here wrote is no list.
    if (!absl::SimpleAtoi(part, &rank)) return {};
    ranks.push_back(rank);
  }
  return ranks;
}

std::vector<int> PlacesAmong(absl::Span<const int> members,
                             absl::Span<const int> ranks) {
  std::vector<int> places;
  for (const int rank : ranks) {
    const auto at = std::find(members.begin(), members.end(), rank);
    if (at != members.end()) {
      places.push_back(static_cast<int>(at - members.begin()));
    }
  }
  return places;
}

std::vector<int> RanksAt(absl::Span<const int> members,
                         absl::Span<const int> places) {
  std::vector<int> ranks;
  for (const int place : places) {
    ranks.push_back(members[static_cast<size_t>(place)]);
  }
  return ranks;
}

}  // namespace parley

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/peer_notices.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace parley::nccl {
namespace {

// "1,3", and "-" for none; false for anything else.
bool ParseRanks(absl::string_view text, int size, std::vector<int>& ranks) {
  if (text == "-") return true;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    int rank = 0;
    if (!absl::SimpleAtoi(part, &rank) || rank < 0 || rank >= size) {
      return false;
    }
    ranks.push_back(rank);
  }
  return true;
}

}  // namespace

std::string RankNames(const std::vector<int>& ranks) {
  if (ranks.size() == 1) return absl::StrCat("rank ", ranks[0]);
  const std::vector<int> front(ranks.begin(), ranks.end() - 1);
  return absl::StrCat("ranks ", absl::StrJoin(front, ", "), " and ",
                      ranks.back());
}

std::string PeerNotice::ToString() const {
  switch (kind) {
    case kLeft:
      return absl::StrCat("rank ", rank, " has left after ", operations,
                          " operations");
    case kAborted:
      return absl::StrCat("rank ", rank, " aborted: ", text);
    case kGaveUp:
      return absl::StrCat("rank ", rank, " gave up waiting: ", text);
    case kFailed:
      return absl::StrCat("rank ", rank, " failed: ", text);
    case kLostPeer:
      return absl::StrCat("rank ", rank, " lost a peer: ", text);
  }
  return "";
}

void PeerNotices::PostProgress(int64_t operations) {
  if (store_ == nullptr || told_ == operations) return;
  told_ = operations;
  store_
      ->Set(absl::StrCat(name_, "/progress/", rank_), absl::StrCat(operations))
      .IgnoreError();
}

void PeerNotices::Post(PeerNotice::Kind kind, int64_t operations,
                       absl::string_view text, absl::Span<const int> lost) {
  if (store_ == nullptr) return;
  store_
      ->Set(absl::StrCat(name_, "/notice"),
            absl::StrCat(static_cast<int>(kind), " ", rank_, " ", operations,
                         " ", lost.empty() ? "-" : absl::StrJoin(lost, ","),
                         " ", text))
      .IgnoreError();
}

std::optional<PeerNotice> PeerNotices::Look() {
  if (store_ == nullptr) return std::nullopt;
  const absl::StatusOr<std::string> value =
      store_->Get(absl::StrCat(name_, "/notice"), absl::ZeroDuration());
  if (!value.ok()) return std::nullopt;
  const std::vector<std::string> parts =
      absl::StrSplit(*value, absl::MaxSplits(' ', 4));
  PeerNotice notice;
  int kind = 0;
  if (parts.size() != 5 || !absl::SimpleAtoi(parts[0], &kind) ||
      !absl::SimpleAtoi(parts[1], &notice.rank) ||
      !absl::SimpleAtoi(parts[2], &notice.operations) || notice.rank == rank_ ||
      kind < 0 || kind > PeerNotice::kLostPeer ||
      !ParseRanks(parts[3], size_, notice.lost)) {
    return std::nullopt;
  }
  notice.kind = static_cast<PeerNotice::Kind>(kind);
  notice.text = parts[4];
  return notice;
}

std::vector<int> PeerNotices::Absent(int64_t sequence,
                                     const std::vector<int>& ranks) {
  std::vector<int> absent;
  if (store_ == nullptr) return absent;
  for (int rank : ranks) {
    const absl::StatusOr<std::string> value = store_->Get(
        absl::StrCat(name_, "/progress/", rank), absl::ZeroDuration());
    int64_t operations = 0;
    if (!value.ok() || !absl::SimpleAtoi(*value, &operations) ||
        operations <= sequence) {
      absent.push_back(rank);
    }
  }
  return absent;
}

std::vector<int> PeerNotices::Others() const {
  std::vector<int> others;
  for (int rank = 0; rank < size_; ++rank) {
    if (rank != rank_) others.push_back(rank);
  }
  return others;
}

}  // namespace parley::nccl

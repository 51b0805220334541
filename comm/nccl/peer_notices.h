// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// PeerNotices: what the members of a communicator tell each other through the
// store when operations take long or fail. NCCL itself cannot say who is
// missing, and a peer's abort is often not seen at all.
//
// Two kinds of keys below the communicator's name: "progress/R", how many
// operations rank R has called, written by whoever waits for long; and
// "notice", written by whoever leaves, aborts or fails, the last one counting.
// Nothing is written or read while operations are fast.
//
// Thread-safety: Look() and Post*() are for one thread at a time; Absent() may
// be called from any thread.
#ifndef PARLEY_COMM_NCCL_PEER_NOTICES_H_
#define PARLEY_COMM_NCCL_PEER_NOTICES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parley/comm/store/store.h"

namespace parley::nccl {

struct PeerNotice {
  enum Kind {
    kLeft = 0,
    kAborted = 1,
    kGaveUp = 2,
    kFailed = 3,
    kLostPeer = 4,
  };

  Kind kind = kLeft;
  int rank = 0;
  int64_t operations = 0;  // that the rank had called
  std::vector<int> lost;   // whom its failure is about (comm/lost_ranks.h)
  std::string text;        // why

  // "rank 2 has left after 17 operations", "rank 0 aborted: stop".
  std::string ToString() const;
};

class PeerNotices {
 public:
  // A null `store` makes all of it do nothing.
  PeerNotices(Store* store, absl::string_view name, int rank, int size)
      : store_(store), name_(name), rank_(rank), size_(size) {}

  // Failures to write are not reported: what is told here only makes other
  // ranks' messages better, and them faster than their timeouts.
  void PostProgress(int64_t operations);
  void Post(PeerNotice::Kind kind, int64_t operations, absl::string_view text,
            absl::Span<const int> lost = {});

  // The last notice of another rank.
  std::optional<PeerNotice> Look();

  // Those of `ranks` that are not known to have called operation `sequence`.
  std::vector<int> Absent(int64_t sequence, const std::vector<int>& ranks);

  // All ranks but this one.
  std::vector<int> Others() const;

 private:
  Store* const store_;
  const std::string name_;
  const int rank_;
  const int size_;
  int64_t told_ = -1;
};

// "rank 3", "ranks 1, 2 and 5", for messages.
std::string RankNames(const std::vector<int>& ranks);

}  // namespace parley::nccl

#endif  // PARLEY_COMM_NCCL_PEER_NOTICES_H_

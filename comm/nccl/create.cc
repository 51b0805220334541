// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// NcclCommunicator's Create and Split. They block, on the caller's thread,
// which does the talking with the store; NCCL is the owner's.
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"
#include "parley/comm/arguments.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/nccl/abort.h"
#include "parley/comm/nccl/make.h"
#include "parley/comm/nccl/nccl_communicator.h"
#include "parley/comm/nccl/nccl_status.h"
#include "parley/comm/nccl/rendezvous.h"
#include "parley/device/cuda/cuda_status.h"
#include "parley/device/cuda/scoped_device.h"

namespace parley {

using nccl::Family;
using nccl::Group;
using nccl::OpKind;

namespace {

absl::Status CheckOptions(const NcclOptions& options) {
  const auto bad = [](const auto&... parts) {
    return absl::InvalidArgumentError(
        absl::StrCat("NcclCommunicator: ", parts...));
  };
  if (options.nccl == nullptr) return bad("nccl is null");
  if (options.device == nullptr) return bad("device is null");
  if (options.clock == nullptr) return bad("clock is null");
  if (options.size < 1) return bad("size is ", options.size);
  if (options.rank < 0 || options.rank >= options.size) {
    return bad("rank is ", options.rank, " of ", options.size);
  }
  if (options.store == nullptr && options.size > 1) {
    return bad("store is null, with ", options.size, " ranks");
  }
  for (const auto& [name, duration] :
       {std::pair<const char*, absl::Duration>("timeout", options.timeout),
        {"abort_timeout", options.abort_timeout},
        {"progress_interval", options.progress_interval}}) {
    if (duration <= absl::ZeroDuration()) {
      return bad(name, " is ", absl::FormatDuration(duration));
    }
  }
  return absl::OkStatus();
}

// The unique id that the first of `meeting.ranks` makes.
absl::StatusOr<std::string> AgreeOnId(const std::shared_ptr<Family>& family,
                                      const nccl::Meeting& meeting) {
  return nccl::Meet(meeting, "", [&family](const std::vector<std::string>&) {
    return nccl::NewUniqueId(family);
  });
}

std::shared_ptr<Family> StartFamily(const NcclOptions& options, int version) {
  nccl::Settings settings;
  settings.nccl = options.nccl;
  settings.device = options.device;
  settings.clock = options.clock;
  settings.store = options.size > 1 ? options.store : nullptr;
  settings.version = version;
  settings.timeout = options.timeout;
  settings.abort_timeout = options.abort_timeout;
  settings.progress_interval = options.progress_interval;
  settings.flight_recorder_path = options.flight_recorder_path;
  auto family =
      std::make_shared<Family>(std::move(settings), options.rank, options.size,
                               options.recorded_operations);
  Family* const raw = family.get();
  family->owner.Start(
      [raw] {
        BecomeBackgroundThread(raw->cuda(), raw->settings.device->index());
      },
      [raw] { return raw->watchdog.Poll(); });
  return family;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NcclCommunicator>> NcclCommunicator::Create(
    const NcclOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckOptions(options));
  int version = 0;
  PARLEY_RETURN_IF_ERROR(NcclStatus(*options.nccl,
                                    options.nccl->GetVersion(&version), nullptr,
                                    "ncclGetVersion"));
  const std::string name = absl::StrCat(options.name, "/", options.incarnation);
  const std::shared_ptr<Family> family = StartFamily(options, version);
  std::vector<int> ranks(static_cast<size_t>(options.size));
  std::iota(ranks.begin(), ranks.end(), 0);
  absl::StatusOr<std::shared_ptr<Group>> group =
      Group::Create(family, name, options.rank, ranks);
  if (!group.ok()) {
    if (!family->owner.Stop()) {
      nccl::Quarantine(family, [family] { family->owner.Join(); });
    }
    return group.status();
  }
  std::unique_ptr<NcclCommunicator> made(new NcclCommunicator(*group));
  const int64_t deadline_ns = made->DeadlineOf({});
  std::string id;
  if (options.size == 1) {
    PARLEY_ASSIGN_OR_RETURN(id, nccl::NewUniqueId(family));
  } else {
    PARLEY_ASSIGN_OR_RETURN(
        id, AgreeOnId(family, {.store = *options.store,
                               .clock = *options.clock,
                               .name = absl::StrCat(name, "/create"),
                               .ranks = std::move(ranks),
                               .rank = options.rank,
                               .attempt = 1,
                               .deadline_ns = deadline_ns}));
  }
  PARLEY_RETURN_IF_ERROR(family->owner.Call([group = *group, id, deadline_ns] {
    return nccl::InitComm(group, id, deadline_ns);
  }));
  PARLEY_RETURN_IF_ERROR(made->Connect({}));
  return made;
}

absl::Status NcclCommunicator::Connect(const CallOptions& options) {
  const CudaApi& cuda = family().cuda();
  ScopedDevice scope(cuda, cuda_device().index());
  PARLEY_RETURN_IF_ERROR(CudaStatus(cuda, scope.error(), "SetDevice"));
  // Values do not matter, but checkers want them to be there.
  PARLEY_RETURN_IF_ERROR(
      CudaStatus(cuda,
                 cuda.MemsetAsync(group_->scratch.data(), 0,
                                  static_cast<size_t>(group_->scratch.bytes()),
                                  group_->control->handle()),
                 "MemsetAsync for Connect"));
  PARLEY_ASSIGN_OR_RETURN(nccl::Operation * operation,
                          NewOperation(OpKind::kConnect, options));
  return Post(operation, *group_->control).WaitHost();  // [10]
}

absl::Status NcclCommunicator::ConnectForParent(const CallOptions& options) {
  const absl::Status status = Connect(options);
  return WithLostRanks(status, RanksAt(group_->members, LostRanks(status)));
}

absl::StatusOr<std::vector<int64_t>> NcclCommunicator::Exchange(
    int64_t word, const CallOptions& options) {
  auto* const words = static_cast<int64_t*>(group_->words.data());
  words[rank()] = word;
  PARLEY_ASSIGN_OR_RETURN(nccl::Operation * operation,
                          NewOperation(OpKind::kSplit, options));
  operation->pieces.push_back({words + rank(), words, size(), DType::kInt64});
  PARLEY_RETURN_IF_ERROR(Post(operation, *group_->control).WaitHost());
  return std::vector<int64_t>(words, words + size());
}

// Every member must have passed this list, and every other rank another one:
// then all lists are groups. Ranks that find this not to be so tell the others,
// so that nobody makes a communicator while somebody refuses.
absl::Status NcclCommunicator::AgreeOnMembers(absl::Span<const int> members,
                                              const CallOptions& options) {
  uint64_t hash = members.size();
  for (int member : members) {
    hash = HashCombine(hash, static_cast<uint64_t>(member));
  }
  const auto mine = static_cast<int64_t>(hash);
  PARLEY_ASSIGN_OR_RETURN(const std::vector<int64_t> hashes,
                          Exchange(mine, options));
  bool agree = true;
  for (int i = 0; i < size() && !members.empty(); ++i) {
    const bool member =
        std::find(members.begin(), members.end(), i) != members.end();
    agree &= member == (hashes[static_cast<size_t>(i)] == mine);
  }
  PARLEY_ASSIGN_OR_RETURN(const std::vector<int64_t> verdicts,
                          Exchange(agree ? 1 : 0, options));
  const auto bad = std::find(verdicts.begin(), verdicts.end(), 0);
  if (bad == verdicts.end()) return absl::OkStatus();
  return absl::Status(
      CodeOf(NcclFault::kMembersDiffer),
      absl::StrCat("Split: rank ", bad - verdicts.begin(),
                   " passed a list of members that is not the list of each of "
                   "them"));
}

absl::StatusOr<std::unique_ptr<Communicator>> NcclCommunicator::Split(
    absl::Span<const int> members, const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckUsable(OpKind::kSplit));
  PARLEY_RETURN_IF_ERROR(CheckRankList(*this, "Split", members));
  const auto place = std::find(members.begin(), members.end(), rank());
  if (!members.empty() && place == members.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Split: the caller, rank ", rank(),
                     ", is not in its own list of members"));
  }
  const int64_t deadline_ns = DeadlineOf(options);
  PARLEY_RETURN_IF_ERROR(AgreeOnMembers(members, options));
  // Groups are disjoint by now, so their first members tell them apart.
  const int color = members.empty() ? NCCL_SPLIT_NOCOLOR : members.front();
  std::shared_ptr<Group> group;
  if (!members.empty()) {
    PARLEY_ASSIGN_OR_RETURN(
        group, Group::Create(group_->family,
                             absl::StrCat(group_->name, "/split",
                                          group_->called.load(), ".", color),
                             static_cast<int>(place - members.begin()),
                             {members.begin(), members.end()}));
  }
  PARLEY_RETURN_IF_ERROR(
      family().owner.Call([parent = group_, group, color, deadline_ns] {
        return nccl::SplitComm(parent, group, color, deadline_ns);
      }));
  if (group == nullptr) return std::unique_ptr<Communicator>();
  std::unique_ptr<NcclCommunicator> made(
      new NcclCommunicator(std::move(group)));
  PARLEY_RETURN_IF_ERROR(made->ConnectForParent(options));
  return std::unique_ptr<Communicator>(std::move(made));
}

}  // namespace parley

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// NcclCommunicator::Shrink. Survivors meet at the store first: who has failed
// has no ncclComm_t left that could be shrunk, so all must know what the others
// can do before any of them starts.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"
#include "parley/comm/arguments.h"
#include "parley/comm/nccl/make.h"
#include "parley/comm/nccl/nccl_communicator.h"
#include "parley/comm/nccl/nccl_status.h"
#include "parley/comm/nccl/rendezvous.h"

namespace parley {

using nccl::Family;
using nccl::Group;

namespace {

// What a survivor can do, and what all do: the least that one of them can.
constexpr char kRebuild[] = "rebuild";  // its communicator has failed, or
                                        // graphs contain operations of it
constexpr char kAbort[] = "abort";      // operations are under way
constexpr char kDefault[] = "default";  // nothing is under way

struct Decision {
  std::string incarnation;  // of the new communicator's name
  std::string how;          // kAbort, kDefault, or a unique id
};

// Behind an abort that is under way, which may find the communicator wedged.
absl::StatusOr<std::string> FindAbility(const std::shared_ptr<Group>& group) {
  auto ability = std::make_shared<std::string>(kRebuild);
  PARLEY_RETURN_IF_ERROR(group->family->owner.Call([group, ability] {
    group->family->watchdog.Poll();
    if (!group->failing) group->family->watchdog.Advance(*group);
    // NCCL's own would take launches of graphs, which nobody watches, for
    // nothing, or end them before what is queued behind them.
    if (!group->failing && group->captured_gates.empty() &&
        group->family->nccl().CommShrink != nullptr) {
      *ability = group->outstanding.empty() ? kDefault : kAbort;
    }
    return absl::OkStatus();
  }));
  return *ability;
}

absl::StatusOr<Decision> Decide(const std::shared_ptr<Group>& group,
                                const std::string& name,
                                const std::vector<int>& survivors,
                                const std::string& ability,
                                int64_t deadline_ns) {
  const std::shared_ptr<Family>& family = group->family;
  const int64_t attempt = ++group->shrinks;
  const auto decide = [&](const std::vector<std::string>& values)
      -> absl::StatusOr<std::string> {
    const auto any = [&values](const char* value) {
      return std::find(values.begin(), values.end(), value) != values.end();
    };
    std::string how = any(kAbort) ? kAbort : kDefault;
    if (any(kRebuild)) {
      PARLEY_ASSIGN_OR_RETURN(how, nccl::NewUniqueId(family));
    }
    // The leader's own count, which it never uses twice.
    return absl::StrCat(attempt, " ", how);
  };
  std::string decision;
  if (survivors.size() == 1) {
    PARLEY_ASSIGN_OR_RETURN(decision, decide({ability}));
  } else {
    PARLEY_ASSIGN_OR_RETURN(decision,
                            nccl::Meet({.store = *family->settings.store,
                                        .clock = family->clock(),
                                        .name = name,
                                        .ranks = survivors,
                                        .rank = group->rank,
                                        .attempt = attempt,
                                        .deadline_ns = deadline_ns},
                                       ability, decide));
  }
  // The id is bytes, blanks among them.
  const size_t blank = decision.find(' ');
  return Decision{decision.substr(0, blank), decision.substr(blank + 1)};
}

// On the owner's thread.
absl::Status MakeShrunk(const std::shared_ptr<Group>& parent,
                        const std::shared_ptr<Group>& group,
                        const std::string& how,
                        const std::vector<int>& excluded, int64_t deadline_ns) {
  if (how == kAbort || how == kDefault) {
    return nccl::ShrinkComm(
        parent, group, excluded,
        how == kAbort ? NCCL_SHRINK_ABORT : NCCL_SHRINK_DEFAULT, deadline_ns);
  }
  nccl::Watchdog& watchdog = parent->family->watchdog;
  watchdog.Poll();
  // It cannot be used without those who have aborted theirs.
  watchdog.Fail(*parent, absl::Status(CodeOf(NcclFault::kPeerGone),
                                      "a survivor's communicator has failed"));
  if (parent->wedged) return parent->failure();
  return nccl::InitComm(group, how, deadline_ns);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Communicator>> NcclCommunicator::Shrink(
    absl::Span<const int> excluded, const CallOptions& options) {
  PARLEY_RETURN_IF_ERROR(CheckRankList(*this, "Shrink", excluded));
  std::vector<int> survivors;
  uint64_t hash = excluded.size();
  for (int each : excluded) {
    hash = HashCombine(hash, static_cast<uint64_t>(each));
  }
  for (int i = 0; i < size(); ++i) {
    if (std::find(excluded.begin(), excluded.end(), i) == excluded.end()) {
      survivors.push_back(i);
    }
  }
  const auto place = std::find(survivors.begin(), survivors.end(), rank());
  if (place == survivors.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Shrink: the caller, rank ", rank(), ", is among the excluded"));
  }
  const int64_t deadline_ns = DeadlineOf(options);
  PARLEY_ASSIGN_OR_RETURN(const std::string ability, FindAbility(group_));
  if (wedged()) {  // [7]
    return absl::Status(CodeOf(NcclFault::kNotUsable),
                        absl::StrCat("Shrink: ", group_->failure().message()));
  }
  const std::string name =
      absl::StrCat(group_->name, "/shrink", absl::Hex(hash));
  PARLEY_ASSIGN_OR_RETURN(
      const Decision decision,
      Decide(group_, name, survivors, ability, deadline_ns));
  PARLEY_ASSIGN_OR_RETURN(
      std::shared_ptr<Group> group,
      Group::Create(group_->family,
                    absl::StrCat(name, ".", decision.incarnation),
                    static_cast<int>(place - survivors.begin()), survivors));
  PARLEY_RETURN_IF_ERROR(family().owner.Call(
      [parent = group_, group, how = decision.how, deadline_ns,
       list = std::vector<int>(excluded.begin(), excluded.end())] {
        return MakeShrunk(parent, group, how, list, deadline_ns);
      }));
  std::unique_ptr<NcclCommunicator> made(
      new NcclCommunicator(std::move(group)));
  PARLEY_RETURN_IF_ERROR(made->ConnectForParent(options));
  return std::unique_ptr<Communicator>(std::move(made));
}

}  // namespace parley

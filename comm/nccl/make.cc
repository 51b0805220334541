// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/make.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "parley/base/status_macros.h"
#include "parley/base/with_message.h"
#include "parley/comm/nccl/abort.h"
#include "parley/comm/nccl/nccl_status.h"

namespace parley::nccl {
namespace {

ncclConfig_t NonBlocking() {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return config;
}

// Adds what a hanging abort means to the failure that led to it.
absl::Status AbortFor(Watchdog& watchdog, ncclComm_t comm,
                      const absl::Status& status) {
  if (comm == nullptr || watchdog.Abort({comm})) return status;
  return WithMessage(
      status, absl::StrCat(status.message(),
                           "; ncclCommAbort hangs: the process must exit"));
}

absl::Status CheckCount(const NcclApi& nccl, ncclComm_t comm, int expected) {
  int count = 0;
  PARLEY_RETURN_IF_ERROR(
      NcclStatus(nccl, nccl.CommCount(comm, &count), comm, "ncclCommCount"));
  if (count == expected) return absl::OkStatus();
  return absl::Status(CodeOf(NcclFault::kMembersDiffer),
                      absl::StrCat("NCCL made a communicator of ", count,
                                   " members, expected ", expected));
}

// Where NCCL writes a new communicator. Its thread may do so late, after this
// one gave up: then the place must remain.
using Place = std::shared_ptr<ncclComm_t>;

absl::Status Adopt(const std::shared_ptr<Group>& parent,
                   const std::shared_ptr<Group>& group, const Place& made,
                   ncclResult_t result, const char* what, int64_t deadline_ns) {
  Family& family = *parent->family;
  Watchdog& watchdog = family.watchdog;
  absl::Status status =
      watchdog.AwaitComm(parent.get(), parent->comm, result, what, deadline_ns);
  if (!status.ok()) {
    watchdog.Fail(*parent, status);
    status = AbortFor(watchdog, *made, status);
    Quarantine(made);
    return status;
  }
  if (group == nullptr) return absl::OkStatus();
  status = watchdog.AwaitComm(nullptr, *made, ncclSuccess, what, deadline_ns);
  if (status.ok()) status = CheckCount(family.nccl(), *made, group->size);
  if (!status.ok()) return AbortFor(watchdog, *made, status);
  group->comm = *made;
  watchdog.Add(group);
  return absl::OkStatus();
}

// Those who make the same communicator tell each other through the store when
// it fails: NCCL does not, and they would wait for the whole timeout.
absl::Status AwaitInit(const std::shared_ptr<Group>& group, ncclComm_t comm,
                       ncclResult_t result, const std::string& what,
                       int64_t deadline_ns) {
  Family& family = *group->family;
  const int64_t interval_ns =
      absl::ToInt64Nanoseconds(family.settings.progress_interval);
  while (true) {
    const int64_t until_ns = std::min(
        deadline_ns, DeadlineAfter(family.clock().NowNs(), interval_ns));
    const absl::Status status =
        family.watchdog.AwaitComm(nullptr, comm, result, what, until_ns);
    if (status.ok()) return status;
    if (!absl::IsDeadlineExceeded(status) || until_ns == deadline_ns) {
      group->notices.Post(PeerNotice::kFailed, 0, status.message());
      return status;
    }
    const std::optional<PeerNotice> notice = group->notices.Look();
    if (notice.has_value()) {
      return absl::Status(CodeOf(NcclFault::kPeerGone),
                          absl::StrCat(what, ": ", notice->ToString()));
    }
    result = ncclInProgress;
  }
}

}  // namespace

absl::StatusOr<std::string> NewUniqueId(const std::shared_ptr<Family>& family) {
  auto id = std::make_shared<ncclUniqueId>();
  PARLEY_RETURN_IF_ERROR(family->owner.Call([family, id] {
    return NcclStatus(family->nccl(), family->nccl().GetUniqueId(id.get()),
                      nullptr, "ncclGetUniqueId");
  }));
  return std::string(id->internal, sizeof(id->internal));
}

absl::Status InitComm(const std::shared_ptr<Group>& group,
                      const std::string& id, int64_t deadline_ns) {
  const NcclApi& nccl = group->family->nccl();
  Watchdog& watchdog = group->family->watchdog;
  ncclUniqueId unique_id;
  if (id.size() != sizeof(unique_id.internal)) {
    return absl::InternalError(absl::StrCat(
        "a unique id of ", id.size(), " bytes, expected ",
        sizeof(unique_id.internal), ": do all ranks use this library?"));
  }
  std::memcpy(unique_id.internal, id.data(), id.size());
  ncclConfig_t config = NonBlocking();
  ncclComm_t comm = nullptr;
  const ncclResult_t result = nccl.CommInitRankConfig(
      &comm, group->size, unique_id, group->rank, &config);
  const absl::Status status =
      AwaitInit(group, comm, result,
                absl::StrCat("ncclCommInitRankConfig of ", group->name,
                             ", rank ", group->rank),
                deadline_ns);
  if (!status.ok()) return AbortFor(watchdog, comm, status);
  group->comm = comm;
  watchdog.Add(group);
  return absl::OkStatus();
}

absl::Status SplitComm(const std::shared_ptr<Group>& parent,
                       const std::shared_ptr<Group>& group, int color,
                       int64_t deadline_ns) {
  Family& family = *parent->family;
  family.watchdog.Poll();
  if (parent->failing) return parent->failure();
  ncclConfig_t config = NonBlocking();
  const Place made = std::make_shared<ncclComm_t>(nullptr);
  const ncclResult_t result = family.nccl().CommSplit(
      parent->comm, color, parent->rank, made.get(), &config);
  PARLEY_RETURN_IF_ERROR(
      Adopt(parent, group, made, result, "ncclCommSplit", deadline_ns));
  if (group != nullptr) {
    auto& children = parent->children;
    children.erase(std::remove_if(children.begin(), children.end(),
                                  [](const std::weak_ptr<Group>& child) {
                                    return child.expired();
                                  }),
                   children.end());
    children.push_back(group);
  }
  return absl::OkStatus();
}

absl::Status ShrinkComm(const std::shared_ptr<Group>& parent,
                        const std::shared_ptr<Group>& group,
                        std::vector<int> excluded, int flags,
                        int64_t deadline_ns) {
  Family& family = *parent->family;
  family.watchdog.Poll();
  if (parent->failing) return parent->failure();
  const absl::Status ended(
      CodeOf(NcclFault::kOwnAbort),
      "the communicator was shrunk while operations were under way");
  if (flags == NCCL_SHRINK_ABORT) {
    for (Operation* operation : parent->outstanding) {
      operation->SetFailing(ended);
    }
  }
  ncclConfig_t config = NonBlocking();
  const Place made = std::make_shared<ncclComm_t>(nullptr);
  const ncclResult_t result = family.nccl().CommShrink(
      parent->comm, excluded.data(), static_cast<int>(excluded.size()),
      made.get(), &config, flags);
  const absl::Status status =
      Adopt(parent, group, made, result, "ncclCommShrink", deadline_ns);
  if (status.ok() && flags == NCCL_SHRINK_ABORT) {
    family.watchdog.Fail(*parent, ended);
  }
  return status;
}

}  // namespace parley::nccl

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/agreement.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "parley/averaging/difference.h"
#include "parley/averaging/fixed_text.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

// Travels as bytes.
struct Refusal {
  int32_t code;  // absl::StatusCode
  FixedText<164> message;
};

// Whether two ranks are in the same meeting, as far as headers tell.
bool Match(const Header& a, const Header& b) {
  if (a.kind == CallKind::kRebind && b.kind == CallKind::kRebind) return true;
  if (a.meetings != b.meetings) return false;
  if (a.kind == CallKind::kFinish || b.kind == CallKind::kFinish) {
    return a.kind >= CallKind::kStep && b.kind >= CallKind::kStep;
  }
  return a.kind == b.kind && a.step == b.step;
}

// What makes Match() fail.
std::string DescribeMismatch(int rank, const Header& a, int other,
                             const Header& b) {
  if (a.kind != b.kind) {
    return DescribeDifference(rank, "the call", Name(a.kind), other,
                              Name(b.kind));
  }
  if (a.step != b.step) {
    return DescribeDifference(rank, "the step", absl::StrCat(a.step), other,
                              absl::StrCat(b.step));
  }
  return DescribeDifference(rank, "meetings", absl::StrCat(a.meetings), other,
                            absl::StrCat(b.meetings));
}

// The rank to compare others with: the lowest that is still training, if any.
int Reference(absl::Span<const Header> headers) {
  for (size_t r = 0; r < headers.size(); ++r) {
    if (headers[r].kind != CallKind::kFinish) return static_cast<int>(r);
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Agreement>> Agreement::Create(
    Communicator& communicator) {
  auto agreement = std::unique_ptr<Agreement>(new Agreement());
  PARLEY_ASSIGN_OR_RETURN(agreement->hosts_,
                          HostCollectives::Create(communicator));
  PARLEY_ASSIGN_OR_RETURN(
      agreement->headers_,
      agreement->hosts_->Allocate(communicator.size() *
                                  static_cast<int64_t>(sizeof(Header))));
  return agreement;
}

absl::Span<const Header> Agreement::headers() const {
  return {static_cast<const Header*>(headers_.data()),
          static_cast<size_t>(hosts_->size())};
}

absl::Status Agreement::Reach(Header mine, const Description& description,
                              const absl::Status& local,
                              absl::FunctionRef<std::string()> note,
                              const Deadline& deadline) {
  mine.description = description.Hash();
  mine.refuses = !local.ok();
  auto* all = static_cast<Header*>(headers_.data());
  all[hosts_->rank()] = mine;
  if (hosts_->size() == 1) return local;
  PARLEY_RETURN_IF_ERROR(hosts_->AllGather(all, sizeof(Header), deadline));

  for (int r = 0; r < hosts_->size(); ++r) {
    if (all[r].refuses) return QuoteRefusal(r, local, deadline);
  }
  const int other = Reference(headers());
  for (int r = 0; r < hosts_->size(); ++r) {
    if (!Match(all[r], all[other])) {
      return absl::InvalidArgumentError(
          DescribeMismatch(r, all[r], other, all[other]));
    }
    if (all[r].description != all[other].description) {
      PARLEY_ASSIGN_OR_RETURN(
          const std::string difference,
          FindDifference(*hosts_, r, other, description, note(), deadline));
      return absl::InvalidArgumentError(difference);
    }
  }
  return absl::OkStatus();
}

absl::Status Agreement::QuoteRefusal(int rank, const absl::Status& local,
                                     const Deadline& deadline) {
  Refusal refusal = {};
  refusal.code = static_cast<int32_t>(local.code());
  refusal.message.Set(local.message());
  PARLEY_RETURN_IF_ERROR(
      hosts_->Broadcast(&refusal, sizeof(refusal), rank, deadline));
  return absl::Status(
      static_cast<absl::StatusCode>(refusal.code),
      absl::StrCat("rank ", rank, ": ", refusal.message.view()));
}

}  // namespace parley

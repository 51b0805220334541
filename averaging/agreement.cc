// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/agreement.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "parley/averaging/difference.h"
#include "parley/averaging/fixed_text.h"
#include "parley/averaging/verdict.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

// Travels as bytes.
struct Refusal {
  int32_t code;  // absl::StatusCode
  FixedText<164> message;
};

// In what `rank` is in another call.
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

  const Dispute dispute = FindDispute(headers());
  switch (dispute.cause) {
    case Dispute::Cause::kNone:
      break;
    case Dispute::Cause::kRefusal:
      return QuoteRefusal(dispute.rank, local, deadline);
    case Dispute::Cause::kCall:
      return absl::InvalidArgumentError(DescribeMismatch(
          dispute.rank, all[dispute.rank], dispute.other, all[dispute.other]));
    case Dispute::Cause::kDescription: {
      PARLEY_ASSIGN_OR_RETURN(
          const std::string difference,
          FindDifference(*hosts_, dispute.rank, dispute.other, description,
                         note(), deadline));
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
  // So that a communicator that brings something else is no agreement.
  if (refusal.code <= 0 ||
      refusal.code > static_cast<int32_t>(absl::StatusCode::kUnauthenticated)) {
    return absl::InternalError(
        absl::StrCat("rank ", rank, " refuses, but what came from it is code ",
                     refusal.code, ", which is no error"));
  }
  return absl::Status(
      static_cast<absl::StatusCode>(refusal.code),
      absl::StrCat("rank ", rank, ": ", refusal.message.view()));
}

}  // namespace parley

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/verdict.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/strings/str_cat.h"

namespace parley {
namespace {

// The lowest rank that is still training, if any.
int Reference(absl::Span<const Header> headers) {
  for (size_t r = 0; r < headers.size(); ++r) {
    if (headers[r].kind != CallKind::kFinish) return static_cast<int>(r);
  }
  return 0;
}

// Whether two ranks are in the same meeting.
bool Match(const Header& a, const Header& b) {
  if (a.kind == CallKind::kRebind && b.kind == CallKind::kRebind) return true;
  if (a.meetings != b.meetings) return false;
  if (a.kind == CallKind::kFinish || b.kind == CallKind::kFinish) {
    return a.kind >= CallKind::kStep && b.kind >= CallKind::kStep;
  }
  return a.kind == b.kind && a.step == b.step;
}

Signals SignalsOf(absl::Span<const Header> headers) {
  const Header& reference = headers[static_cast<size_t>(Reference(headers))];
  if (reference.kind == CallKind::kFinish) return {};
  if (reference.kind == CallKind::kRebind) {
    return {headers[0].learning_rate, headers[0].loss};
  }
  double loss_sum = 0;
  int losses = 0;
  for (const Header& header : headers) {
    if (header.kind == CallKind::kFinish || std::isnan(header.loss)) continue;
    loss_sum += header.loss;
    ++losses;
  }
  return {reference.learning_rate,
          losses == 0 ? std::numeric_limits<double>::quiet_NaN()
                      : loss_sum / losses};
}

void SetWeights(absl::Span<const Header> headers, Verdict& verdict) {
  bool any_moved = false;
  for (const Header& header : headers) any_moved |= header.moved;
  verdict.any_moved = any_moved;
  verdict.weights.clear();
  for (const Header& header : headers) {
    double weight = header.kind == CallKind::kFinish ? 0 : header.weight;
    if (verdict.all_finished()) weight = header.moved || !any_moved ? 1 : 0;
    verdict.weights.push_back(weight);
  }
}

absl::Status CheckSum(absl::Span<const double> weights) {
  double sum = 0;
  for (double weight : weights) sum += weight;
  if (sum > 0 && std::isfinite(sum)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("weights of all ranks: their sum is ", sum,
                   ", must be finite and more than 0"));
}

}  // namespace

Dispute FindDispute(absl::Span<const Header> headers) {
  const int ranks = static_cast<int>(headers.size());
  const int other = Reference(headers);
  for (int r = 0; r < ranks; ++r) {
    if (headers[static_cast<size_t>(r)].refuses) {
      return {Dispute::Cause::kRefusal, r, other};
    }
  }
  const Header& reference = headers[static_cast<size_t>(other)];
  for (int r = 0; r < ranks; ++r) {
    const Header& header = headers[static_cast<size_t>(r)];
    if (!Match(header, reference)) return {Dispute::Cause::kCall, r, other};
    if (header.description != reference.description) {
      return {Dispute::Cause::kDescription, r, other};
    }
  }
  return {};
}

absl::Status Judge(absl::Span<const Header> headers, int rank,
                   Verdict& verdict) {
  const Header& reference = headers[static_cast<size_t>(Reference(headers))];
  verdict.kind = reference.kind;
  // Ranks in Finish() have stopped at steps of their own.
  verdict.step = verdict.all_finished()
                     ? headers[static_cast<size_t>(rank)].step
                     : reference.step;
  verdict.meetings = reference.meetings;
  if (verdict.kind == CallKind::kRebind) {
    for (const Header& header : headers) {
      verdict.step = std::max(verdict.step, header.step);
      verdict.meetings = std::max(verdict.meetings, header.meetings);
    }
  }
  verdict.signals = SignalsOf(headers);
  SetWeights(headers, verdict);
  return CheckSum(verdict.weights);
}

}  // namespace parley

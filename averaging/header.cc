// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/header.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "parley/averaging/annotate.h"
#include "parley/averaging/reduction.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

std::string Number(uint64_t value) { return absl::StrCat(value); }

std::string Hash(uint64_t value) {
  return absl::StrCat("0x", absl::Hex(value, absl::kZeroPad16));
}

std::string ReductionName(uint64_t value) {
  const auto reduction = static_cast<Reduction>(value);
  return value == static_cast<uint64_t>(Reduction::kReproducible) ||
                 value == static_cast<uint64_t>(Reduction::kNative)
             ? std::string(Name(reduction))
             : Number(value);
}

struct TermText {
  const char* name;
  std::string (*value)(uint64_t value);
};

constexpr std::array<TermText, kNumTerms> kTermTexts = {{
    {"protocol version", Number},
    {"elements", Number},
    {"parameters", Hash},
    {"reduction", ReductionName},
    {"bucket_bytes", Number},
    {"plan", Hash},
    {"schedule", Hash},
    {"fingerprint", Number},
    {"parameters taking part", Number},
    {"participation", Hash},
    {"model after the last meeting", Hash},
}};

uint64_t HashTerms(const Terms& terms) {
  uint64_t hash = 0;
  for (uint64_t term : terms) hash = HashCombine(hash, term);
  return hash;
}

absl::string_view Name(CallKind kind) {
  switch (kind) {
    case CallKind::kCreate:
      return "Create()";
    case CallKind::kRebind:
      return "Rebind()";
    case CallKind::kStep:
      return "Step()";
    case CallKind::kAverageNow:
      return "AverageNow()";
    case CallKind::kFinish:
      return "Finish()";
  }
  return "an unknown call";
}

// Whether two ranks are in the same meeting, as far as headers tell.
bool Match(const Header& a, const Header& b) {
  if (a.kind == CallKind::kRebind && b.kind == CallKind::kRebind) return true;
  if (a.meetings != b.meetings) return false;
  if (a.kind == CallKind::kFinish || b.kind == CallKind::kFinish) {
    return a.kind >= CallKind::kStep && b.kind >= CallKind::kStep;
  }
  return a.kind == b.kind && a.step == b.step;
}

std::string Differ(int rank, absl::string_view what, absl::string_view value,
                   int other_rank, absl::string_view other_value) {
  return absl::StrCat("rank ", rank, " differs from rank ", other_rank, " in ",
                      what, ": ", value, " against ", other_value);
}

// What makes Match() fail.
std::string DescribeMismatch(int rank, const Header& a, int other_rank,
                             const Header& b) {
  if (a.kind != b.kind) {
    return Differ(rank, "the call", Name(a.kind), other_rank, Name(b.kind));
  }
  if (a.step != b.step) {
    return Differ(rank, "the step", absl::StrCat(a.step), other_rank,
                  absl::StrCat(b.step));
  }
  return Differ(rank, "meetings", absl::StrCat(a.meetings), other_rank,
                absl::StrCat(b.meetings));
}

// The rank to compare others with: the lowest that is still training, if any.
size_t Reference(absl::Span<const Header> headers) {
  for (size_t r = 0; r < headers.size(); ++r) {
    if (headers[r].kind != CallKind::kFinish) return r;
  }
  return 0;
}

}  // namespace

// Travels as bytes.
struct Agreement::Details {
  Terms terms;
  int32_t code;    // absl::StatusCode of the local check
  char text[164];  // its message, or the note; ends with 0

  void SetText(absl::string_view from) {
    const size_t size = std::min(from.size(), sizeof(text) - 1);
    std::memcpy(text, from.data(), size);
    if (size < from.size()) std::memcpy(text + size - 3, "...", 3);
    text[size] = 0;
  }
};

absl::StatusOr<std::unique_ptr<Agreement>> Agreement::Create(
    Communicator& communicator) {
  auto agreement = std::unique_ptr<Agreement>(new Agreement(communicator));
  Device& device = communicator.device();
  PARLEY_ASSIGN_OR_RETURN(agreement->stream_, device.CreateStream());
  PARLEY_ASSIGN_OR_RETURN(
      agreement->memory_,
      Allocation::Create(
          device.host_visible_allocator(),
          communicator.size() * static_cast<int64_t>(sizeof(Header))));
  return agreement;
}

absl::Span<const Header> Agreement::headers() const {
  return {static_cast<const Header*>(memory_.data()),
          static_cast<size_t>(communicator_.size())};
}

absl::Status Agreement::Reach(Header mine, const Terms& terms,
                              const absl::Status& local,
                              absl::FunctionRef<std::string()> note,
                              const Deadline& deadline) {
  mine.agreement = HashTerms(terms);
  mine.refuses = !local.ok();
  auto* all = static_cast<Header*>(memory_.data());
  all[communicator_.rank()] = mine;
  if (communicator_.size() == 1) return local;
  PARLEY_RETURN_IF_ERROR(Gather(all, sizeof(Header), deadline));
  if (IsReached()) return absl::OkStatus();
  return Explain(terms, local, note, deadline);
}

absl::Status Agreement::Gather(void* all, int64_t bytes_each,
                               const Deadline& deadline) {
  const DeviceId device = communicator_.device().id();
  const TensorView recv(all, DType::kUInt8, bytes_each * communicator_.size(),
                        device);
  const TensorView send =
      recv.Slice(bytes_each * communicator_.rank(), bytes_each);
  absl::StatusOr<Work> work = communicator_.AllGather(
      {&send, 1}, {&recv, 1}, *stream_, deadline.ForCall());
  absl::Status status = work.status();
  if (status.ok()) status = work->WaitHost(deadline.Remaining());
  if (!status.ok()) {
    communicator_.Abort(status);
    // Told by the work; the buffers are ours again behind this.
    stream_->WaitHost(absl::InfiniteDuration()).IgnoreError();
  }
  return Annotate(status, "exchange of headers");
}

bool Agreement::IsReached() const {
  const absl::Span<const Header> all = headers();
  const Header& reference = all[Reference(all)];
  bool reached = true;
  for (const Header& header : all) {
    reached &= header.agreement == reference.agreement && !header.refuses &&
               Match(header, reference);
  }
  return reached;
}

absl::Status Agreement::Explain(const Terms& terms, const absl::Status& local,
                                absl::FunctionRef<std::string()> note,
                                const Deadline& deadline) {
  const size_t size = static_cast<size_t>(communicator_.size());
  PARLEY_ASSIGN_OR_RETURN(
      const Allocation memory,
      Allocation::Create(communicator_.device().host_visible_allocator(),
                         static_cast<int64_t>(size * sizeof(Details))));
  auto* all = static_cast<Details*>(memory.data());
  Details& mine = all[communicator_.rank()];
  mine = {};
  mine.terms = terms;
  mine.code = static_cast<int32_t>(local.code());
  mine.SetText(local.ok() ? note() : std::string(local.message()));
  PARLEY_RETURN_IF_ERROR(Gather(all, sizeof(Details), deadline));

  for (size_t r = 0; r < size; ++r) {
    if (all[r].code == 0) continue;
    return absl::Status(static_cast<absl::StatusCode>(all[r].code),
                        absl::StrCat("rank ", r, ": ", all[r].text));
  }
  const int reference = static_cast<int>(Reference(headers()));
  const Details& other = all[reference];
  for (int r = 0; r < static_cast<int>(size); ++r) {
    if (!Match(headers()[r], headers()[reference])) {
      return absl::InvalidArgumentError(
          DescribeMismatch(r, headers()[r], reference, headers()[reference]));
    }
    for (int t = 0; t < kNumTerms; ++t) {
      if (all[r].terms[t] == other.terms[t]) continue;
      const TermText& text = kTermTexts[t];
      std::string message = Differ(r, text.name, text.value(all[r].terms[t]),
                                   reference, text.value(other.terms[t]));
      if (absl::string_view(all[r].text) != other.text) {
        absl::StrAppend(&message, " (", all[r].text, "; against: ", other.text,
                        ")");
      }
      return absl::InvalidArgumentError(message);
    }
  }
  return absl::InternalError("headers differ, but their contents do not");
}

}  // namespace parley

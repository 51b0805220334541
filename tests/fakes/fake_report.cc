// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_report.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace parley::fakes {

void Diagnoses::Add(int64_t time_ns, int rank, std::string text) {
  entries_.push_back({time_ns, rank, std::move(text)});
}

std::vector<std::string> Diagnoses::Sorted() const {
  std::vector<Entry> entries = entries_;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.time_ns, a.rank, a.text) <
           std::tie(b.time_ns, b.rank, b.text);
  });
  std::vector<std::string> texts;
  for (const Entry& entry : entries) {
    texts.push_back(absl::StrFormat("%.3f us, rank %d: %s",
                                    static_cast<double>(entry.time_ns) / 1e3,
                                    entry.rank, entry.text));
  }
  return texts;
}

bool FakeReport::Mentions(absl::string_view text) const {
  return std::any_of(diagnoses.begin(), diagnoses.end(),
                     [text](const std::string& diagnosis) {
                       return absl::StrContains(diagnosis, text);
                     });
}

std::string FakeReport::ToString() const {
  std::string text =
      absl::StrFormat("%d items, trace hash %016x, %d diagnoses\n", items,
                      trace_hash, static_cast<int>(diagnoses.size()));
  for (const std::string& diagnosis : diagnoses) {
    absl::StrAppend(&text, "  ", diagnosis, "\n");
  }
  absl::StrAppend(&text, world.ToString());
  return text;
}

std::ostream& operator<<(std::ostream& out, const FakeReport& report) {
  return out << report.ToString();
}

}  // namespace parley::fakes

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// FakeReport: what the fakes saw in one run. A *diagnosis* is a use of CUDA or
// NCCL that the real libraries forbid, punish or leave undefined; a correct
// program gives none.
//
// The same options give the same report, for any number of threads at once.
#ifndef PARLEY_TESTS_FAKES_FAKE_REPORT_H_
#define PARLEY_TESTS_FAKES_FAKE_REPORT_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "parley/sim/report.h"

namespace parley::fakes {

// Collects diagnoses. Guarded by the machine's lock.
class Diagnoses {
 public:
  void Add(int64_t time_ns, int rank, std::string text);

  // In the order of time, rank and text: "12.500 us, rank 2: ...". The order of
  // the calls depends on which thread was faster.
  std::vector<std::string> Sorted() const;

 private:
  struct Entry {
    int64_t time_ns;
    int rank;
    std::string text;
  };
  std::vector<Entry> entries_;
};

struct FakeReport {
  sim::Report world;
  std::vector<std::string> diagnoses;
  uint64_t trace_hash = 0;  // of all that the devices did, and when
  int64_t items = 0;        // kernels, copies and operations that were done

  // Whether a diagnosis contains `text`.
  bool Mentions(absl::string_view text) const;

  // No diagnosis, and all ranks returned OK.
  bool clean() const { return world.status.ok() && diagnoses.empty(); }

  std::string ToString() const;
};

std::ostream& operator<<(std::ostream& out, const FakeReport& report);

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_REPORT_H_

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Compares the flight recorders' dumps of several ranks and says who is missing
// where.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "parley/base/status_macros.h"
#include "parley/comm/nccl/flight_difference.h"
#include "parley/comm/nccl/flight_dump.h"
#include "parley/tools/command_line.h"

namespace parley {
namespace {

constexpr char kUsage[] =
    "flight_recorder: says which rank of a job is missing at which operation.\n"
    "\n"
    "  flight_recorder DUMP.json...\n\n"
    "Each rank of a job that fails writes down its last operations, as JSON.\n"
    "Give this program the files of all ranks, in any order. It prints why "
    "each\nwas written, and then what differs between them, for each "
    "communicator:\nranks without a file, the first operation on which ranks "
    "disagree, and the\nfirst that some rank has not completed, with who never "
    "reached it.\n\n"
    "Example: flight_recorder /shared/job-1234/flight-*.json\n";

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  std::string text;
  int error = errno;
  if (file != nullptr) {
    char bytes[4096];
    size_t got = 0;
    while ((got = std::fread(bytes, 1, sizeof(bytes), file)) > 0) {
      text.append(bytes, got);
    }
    error = std::ferror(file) != 0 ? errno : 0;
    std::fclose(file);
  }
  if (error == 0) return text;
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": cannot read"));
}

absl::StatusOr<FlightDump> ReadDump(const std::string& path) {
  PARLEY_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  absl::StatusOr<FlightDump> dump = ParseFlightDump(text);
  if (dump.ok()) return dump;
  return absl::Status(dump.status().code(),
                      absl::StrCat(path, ": ", dump.status().message()));
}

absl::Status Main(const std::vector<std::string>& paths) {
  if (paths.empty()) {
    return absl::InvalidArgumentError("no files to read; see --help");
  }
  std::vector<FlightDump> dumps;
  for (const std::string& path : paths) {
    PARLEY_ASSIGN_OR_RETURN(FlightDump dump, ReadDump(path));
    dumps.push_back(std::move(dump));
  }
  for (const FlightDump& dump : dumps) {
    std::printf("rank %d of %d: %s\n", dump.rank, dump.size,
                dump.reason.c_str());
  }
  const std::vector<std::string> findings = DescribeDifference(dumps);
  std::printf("\n");
  for (const std::string& finding : findings) {
    std::printf("%s\n", finding.c_str());
  }
  if (findings.empty()) {
    std::printf("all operations are complete, and the ranks agree on them\n");
  }
  return absl::OkStatus();
}

bool IsFlag(absl::string_view word) {
  return word.size() > 1 && word[0] == '-';
}

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
  int first = 1;
  for (; first < argc && parley::IsFlag(argv[first]); ++first) {
    const absl::string_view flag = argv[first];
    if (flag == "--help" || flag == "-help" || flag == "-h") {
      std::fputs(parley::kUsage, stdout);
      return 0;
    }
  }
  parley::tools::ParseCommandLine(first, argv, parley::kUsage, {});
  const absl::Status status = parley::Main({argv + first, argv + argc});
  if (!status.ok()) parley::tools::Fail(status);
  return 0;
}

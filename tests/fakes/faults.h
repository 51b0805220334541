// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// FakeOptions: which libraries the fakes stand for, and what goes wrong with
// them and when. All times are virtual.
//
//   FakeOptions options;
//   options.faults = {{.kind = FaultKind::kDeath, .rank = 2, .operation = 7}};
#ifndef PARLEY_TESTS_FAKES_FAULTS_H_
#define PARLEY_TESTS_FAKES_FAULTS_H_

#include <nccl.h>

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace parley::fakes {

enum class FaultKind {
  kDeath,           // the device stops, and every call on it fails
  kAsyncError,      // communicators of the rank report `error`
  kNeverCompletes,  // operations of the rank do not end, and nothing tells why
  kInitFails,       // making a communicator ends in `error`
  kInitHangs,       // the rank never arrives where a communicator is made
  kAbortHangs,      // CommAbort does not return before the end of the run
  kSlowDevice,      // all that the device does takes `percent` of its time
};

// Strikes at the `operation`th event of its kind, counted from 0 over the
// communicators of the rank: launches for the first three kinds, calls of
// CommInitRankConfig and CommAbort for the others. If `operation` is negative
// it strikes when `at` has come, and stays.
struct FakeFault {
  FaultKind kind = FaultKind::kDeath;
  int rank = 0;
  int64_t operation = -1;
  absl::Duration at = absl::ZeroDuration();

  ncclResult_t error = ncclRemoteError;

  // How long after a death the communicators of the others report it. NVLink
  // never does, a network may.
  absl::Duration notice = absl::InfiniteDuration();

  int percent = 1000;
};

// What happens when ranks call different operations, or the same with
// different arguments. A diagnosis is recorded in any case.
enum class Mismatch {
  kReport,  // their communicators get ncclInvalidUsage, and the operation hangs
  kHang,    // the operation hangs, as with the real library
};

struct FakeOptions {
  int nccl_version = 22809;  // as ncclGetVersion tells it; 21800 is the oldest
  Mismatch mismatch = Mismatch::kReport;

  // So many queries in a row that a rank is answered with "not ready", without
  // anything happening on its device, are a hang: its calls fail from then on,
  // and a diagnosis says what its streams wait for.
  int64_t max_futile_queries = 1'000'000;

  std::vector<FakeFault> faults = {};
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAULTS_H_

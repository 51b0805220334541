// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// StoreConformanceTest: what store.h promises, as tests that every store must
// pass. For a store of one's own:
//
//   INSTANTIATE_TEST_SUITE_P(
//       MyStore, StoreConformanceTest,
//       ::testing::Values(StoreBackend{
//           .name = "mine", .new_job = [] { return std::make_unique<...>();
//           }}),
//       StoreBackendName);
//
// Thread-safety: as GoogleTest.
#ifndef PARLEY_COMM_STORE_TESTING_STORE_CONFORMANCE_H_
#define PARLEY_COMM_STORE_TESTING_STORE_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "parley/base/clock.h"
#include "parley/comm/store/store.h"

namespace parley::testing {

// Processes that share what they store, and nobody else does.
class StoreJob {
 public:
  // What a process does; `clock` is the one that the store waits on.
  using Body = std::function<void(int rank, Store& store, Clock& clock)>;

  virtual ~StoreJob() = default;

  // Runs `body` for each rank at the same time, once in the life of the job.
  virtual void Run(int ranks, const Body& body) = 0;
};

// A StoreJob on threads and the steady clock, each with a Store of its own.
class ThreadsStoreJob : public StoreJob {
 public:
  explicit ThreadsStoreJob(std::function<std::unique_ptr<Store>()> open)
      : open_(std::move(open)) {}
  void Run(int ranks, const Body& body) override;

 private:
  const std::function<std::unique_ptr<Store>()> open_;
};

struct StoreBackend {
  std::string name;  // letters and digits
  std::function<std::unique_ptr<StoreJob>()> new_job;

  friend std::ostream& operator<<(std::ostream& out, const StoreBackend& me) {
    return out << me.name;
  }
};

inline std::string StoreBackendName(
    const ::testing::TestParamInfo<StoreBackend>& info) {
  return info.param.name;
}

class StoreConformanceTest : public ::testing::TestWithParam<StoreBackend> {
 protected:
  void Run(int ranks, const StoreJob::Body& body) {
    GetParam().new_job()->Run(ranks, body);
  }
};

}  // namespace parley::testing

#endif  // PARLEY_COMM_STORE_TESTING_STORE_CONFORMANCE_H_

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What store.h promises, of every store: in a folder, in a Redis server, and
// that of the simulated world on which NCCL's fakes stand.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/base/clock.h"
#include "parley/comm/store/environment.h"
#include "parley/comm/store/file_store.h"
#include "parley/comm/store/open_store.h"
#include "parley/comm/store/testing/redis_server.h"
#include "parley/comm/store/testing/store_conformance.h"
#include "parley/sim/world.h"
#include "parley/tests/fakes/memory_store.h"

namespace parley::testing {
namespace {

class FileStoreJob final : public StoreJob {
 public:
  ~FileStoreJob() override { std::filesystem::remove_all(folder_); }
  void Run(int ranks, const Body& body) override {
    ThreadsStoreJob([this] {
      return std::make_unique<FileStore>(folder_, SteadyClock());
    }).Run(ranks, body);
  }

 private:
  const std::string folder_ = absl::StrCat(std::getenv("TEST_TMPDIR"), "/job");
};

class RedisStoreJob final : public StoreJob {
 public:
  void Run(int ranks, const Body& body) override {
    ThreadsStoreJob([this]() -> std::unique_ptr<Store> {
      LaunchEnvironment environment;
      environment.store = server_.Url("job");
      auto store = OpenStore(environment);
      EXPECT_TRUE(store.ok()) << store.status();
      return *std::move(store);
    }).Run(ranks, body);
  }

 private:
  RedisServer server_;
};

class MemoryStoreJob final : public StoreJob {
 public:
  void Run(int ranks, const Body& body) override {
    const sim::Report report =
        sim::World({.ranks = ranks}).Run([&](sim::RankContext& rank) {
          body(rank.rank(), store_, rank.communicator().clock());
          return absl::OkStatus();
        });
    EXPECT_TRUE(report.status.ok()) << report;
  }

 private:
  fakes::MemoryStore store_;
};

template <class Job>
StoreBackend Backend(const std::string& name) {
  return {.name = name, .new_job = [] { return std::make_unique<Job>(); }};
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformanceTest,
                         ::testing::Values(Backend<FileStoreJob>("File"),
                                           Backend<RedisStoreJob>("Redis"),
                                           Backend<MemoryStoreJob>("Memory")),
                         StoreBackendName);

}  // namespace
}  // namespace parley::testing

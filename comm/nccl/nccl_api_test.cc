// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The real libnccl, without a GPU: it loads, has all symbols, gives unique ids,
// and where it fails its own words are in our message. And libraries that are
// not NCCL, or too old.
#include "parley/comm/nccl/nccl_api.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/comm/nccl/nccl_status.h"

// LeakSanitizer: NCCL 2.28.9 does not give back all that a group took in which
// making a communicator failed.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libnccl.so\nleak:ncclGroupEndInternal\n";
}

namespace parley {
namespace {

using ::testing::HasSubstr;

std::string Stub(const std::string& name) {
  return absl::StrCat(std::getenv("TEST_SRCDIR"), "/",
                      std::getenv("TEST_WORKSPACE"), "/comm/nccl/libnccl_",
                      name, ".so");
}

// The installed library, or null and why.
absl::StatusOr<const NcclApi*> RealNccl() {
  std::vector<std::string> places = {""};
  for (const char* variable : {"NCCL_HOME", "CUDA_HOME", "CUDA_PATH"}) {
    if (const char* home = std::getenv(variable)) {
      places.push_back(absl::StrCat(home, "/lib64/libnccl.so.2"));
      places.push_back(absl::StrCat(home, "/lib/libnccl.so.2"));
    }
  }
  places.push_back("/usr/local/cuda/lib64/libnccl.so.2");
  absl::StatusOr<const NcclApi*> api = absl::NotFoundError("");
  for (const std::string& place : places) {
    api = LoadNcclApi(place);
    if (api.ok()) break;
  }
  return api;
}

TEST(LoadNcclApiTest, MissingLibraryIsToldInTheLinkersWords) {
  const absl::Status status = LoadNcclApi("/no/such/libnccl.so.2").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cannot load /no/such/libnccl.so.2: "));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("No such file or directory"));
}

TEST(LoadNcclApiTest, OldLibraryIsRefusedWithItsVersion) {
  const absl::Status status = LoadNcclApi(Stub("too_old")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("is NCCL 2.17.5 (21705), the oldest supported is "
                        "2.18.0"));
}

TEST(LoadNcclApiTest, OldestLibraryLacksShrinkAlone) {
  const auto api = LoadNcclApi(Stub("without_shrink"));
  ASSERT_TRUE(api.ok()) << api.status();
  int version = 0;
  EXPECT_EQ((*api)->GetVersion(&version), ncclSuccess);
  EXPECT_EQ(version, 21800);
  EXPECT_EQ((*api)->CommShrink, nullptr);
  EXPECT_NE((*api)->CommSplit, nullptr);
}

TEST(LoadNcclApiTest, OneLibraryByTwoNamesIsOneTable) {
  const auto api = LoadNcclApi(Stub("without_shrink"));
  ASSERT_TRUE(api.ok()) << api.status();
  const auto again = LoadNcclApi(absl::StrCat("/.", Stub("without_shrink")));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *api);
}

TEST(LoadNcclApiTest, LibraryThatIsNotNccl) {
  const absl::Status status = LoadNcclApi("libm.so.6").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is it NCCL?"));
}

class RealNcclTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto api = RealNccl();
    if (!api.ok()) GTEST_SKIP() << "no NCCL here: " << api.status();
    api_ = *api;
  }

  const NcclApi* api_ = nullptr;
};

TEST_F(RealNcclTest, IsLoadedOnce) { EXPECT_EQ(*RealNccl(), api_); }

TEST_F(RealNcclTest, HasAVersionAndAllSymbols) {
  int version = 0;
  ASSERT_EQ(api_->GetVersion(&version), ncclSuccess);
  EXPECT_GE(version, NCCL_VERSION(2, 18, 0));
  std::cout << "NCCL " << version << ", headers " << NCCL_VERSION_CODE << '\n';
  // A table is pointers and nothing else; one of them may be null in old
  // versions.
  constexpr size_t kEntries = sizeof(NcclApi) / sizeof(void*);
  void* entries[kEntries];
  std::memcpy(entries, api_, sizeof(entries));
  size_t null = 0;
  for (void* entry : entries) null += entry == nullptr;
  EXPECT_EQ(null, version >= NCCL_VERSION(2, 27, 0) ? 0u : 1u);
}

TEST_F(RealNcclTest, GivesUniqueIds) {
  ncclUniqueId a, b;
  ASSERT_EQ(api_->GetUniqueId(&a), ncclSuccess) << api_->GetLastError(nullptr);
  ASSERT_EQ(api_->GetUniqueId(&b), ncclSuccess);
  EXPECT_NE(std::memcmp(&a, &b, sizeof(a)), 0);
}

TEST_F(RealNcclTest, EmptyGroupsSucceed) {
  EXPECT_EQ(api_->GroupStart(), ncclSuccess);
  EXPECT_EQ(api_->GroupEnd(), ncclSuccess);
}

// Rank 5 of 2: refused with or without a GPU.
TEST_F(RealNcclTest, InitsErrorHasNcclsOwnWords) {
  ncclUniqueId id;
  ASSERT_EQ(api_->GetUniqueId(&id), ncclSuccess);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  ncclComm_t comm = nullptr;
  const ncclResult_t result =
      api_->CommInitRankConfig(&comm, 2, id, 5, &config);
  ASSERT_NE(result, ncclSuccess);
  ASSERT_NE(result, ncclInProgress);
  const absl::Status status =
      NcclStatus(*api_, result, comm, "ncclCommInitRankConfig");
  std::cout << status << '\n';
  EXPECT_EQ(status.code(), CodeOf(result));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(api_->GetErrorString(result)));
  ASSERT_STRNE(api_->GetLastError(comm), "");
  EXPECT_THAT(std::string(status.message()), HasSubstr("; NCCL says: "));
}

}  // namespace
}  // namespace parley

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/store/testing/store_conformance.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"

namespace parley::testing {

using ::testing::HasSubstr;

void ThreadsStoreJob::Run(int ranks, const Body& body) {
  std::vector<std::unique_ptr<ClockThread>> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.push_back(SteadyClock().StartThread("rank", [this, rank, &body] {
      const std::unique_ptr<Store> store = open_();
      body(rank, *store, SteadyClock());
    }));
  }
  for (auto& thread : threads) thread->Join();
}

namespace {

constexpr int64_t kMs = 1'000'000;

// The value, or the error's text where there is none.
std::string Text(const absl::StatusOr<std::string>& value) {
  return value.ok() ? *value : value.status().ToString();
}

std::string Look(Store& store, absl::string_view key) {
  return Text(store.Get(key, absl::ZeroDuration()));
}

std::string Await(Store& store, absl::string_view key) {
  return Text(store.Get(key, absl::Minutes(5)));
}

void ExpectSet(Store& store, absl::string_view key, absl::string_view value) {
  const absl::Status status = store.Set(key, value);
  EXPECT_TRUE(status.ok()) << status;
}

// All 256 bytes, none of which may end a value or begin something else.
std::string AllBytes() {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes.push_back(static_cast<char>(c));
  return bytes;
}

TEST_P(StoreConformanceTest, GivesWhatWasSetAtLast) {
  Run(1, [](int, Store& store, Clock&) {
    for (const std::string& value :
         {std::string("x"), std::string(), AllBytes(), std::string("\r\n"),
          std::string("\0", 1), std::string(100'000, '\r'),
          std::string("last")}) {
      ExpectSet(store, "key", value);
      EXPECT_EQ(Look(store, "key"), value);
    }
  });
}

TEST_P(StoreConformanceTest, EveryKeyHasItsOwnValue) {
  Run(1, [](int, Store& store, Clock&) {
    std::vector<std::string> keys = {"", "key", "KEY", " key", "k:ey"};
    for (int c = 0; c < 256; ++c) {
      keys.push_back(std::string(1, static_cast<char>(c)));
      keys.push_back(absl::StrCat("key", keys.back()));
    }
    for (const char* key : {"//", "../key", "key//", "key**", "%00", "{key}"}) {
      keys.push_back(key);
    }
    for (size_t size = kMaxStoreKeyBytes - 3; size <= kMaxStoreKeyBytes;
         ++size) {
      keys.push_back(std::string(size, 'k'));
      keys.push_back(std::string(size - 1, 'k') + "/");
      keys.push_back(std::string(size, '\xff'));
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      ExpectSet(store, keys[i], absl::StrCat(i));
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      EXPECT_EQ(Look(store, keys[i]), absl::StrCat(i)) << "key " << i;
    }
  });
}

TEST_P(StoreConformanceTest, TakesWhatTheLimitsAllow) {
  Run(1, [](int, Store& store, Clock&) {
    const std::string key(kMaxStoreKeyBytes + 1, 'k');
    for (const absl::Status& status :
         {store.Set(key, "v"), store.Get(key, absl::Minutes(5)).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("a key of 513 bytes; at most 512"));
    }
    std::string value(kMaxStoreValueBytes + 1, 'v');
    value[kMaxStoreValueBytes / 2] = '\0';
    const absl::Status status = store.Set("key", value);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("67108865 bytes"));
    EXPECT_FALSE(store.Get("key", absl::ZeroDuration()).ok());

    value.pop_back();
    ExpectSet(store, "key", value);
    // Not by a look, for which a store over a network bounds the transfer.
    EXPECT_TRUE(Await(store, "key") == value);  // not printed
  });
}

// Rank 0 sets a value and then tells so; who has heard of it must see it.
TEST_P(StoreConformanceTest, AValueIsThereForAllWhenSetHasReturned) {
  constexpr int kRounds = 30;
  Run(3, [](int rank, Store& store, Clock&) {
    for (int round = 1; round <= kRounds; ++round) {
      if (rank == 0) {
        ExpectSet(store, "value", absl::StrCat(round));
        ExpectSet(store, absl::StrCat("told/", round), "");
        for (const int reader : {1, 2}) {
          const std::string heard = absl::StrCat("heard/", reader, "/", round);
          EXPECT_EQ(Await(store, heard), "");
        }
      } else {
        EXPECT_EQ(Await(store, absl::StrCat("told/", round)), "");
        EXPECT_EQ(Look(store, "value"), absl::StrCat(round));
        ExpectSet(store, absl::StrCat("heard/", rank, "/", round), "");
      }
    }
  });
}

// A value is the first or the second writer's, whole, and never goes back to an
// older one.
TEST_P(StoreConformanceTest, NoReaderSeesHalfAValueOrAnOlderOne) {
  constexpr int kWrites = 60;
  const auto value_of = [](int writer, int number) {
    return std::string(static_cast<size_t>(1000 * number),
                       static_cast<char>('a' + writer));
  };
  Run(4, [&](int rank, Store& store, Clock&) {
    if (rank < 2) {
      for (int i = 1; i <= kWrites; ++i) {
        ExpectSet(store, "shared", value_of(rank, i));
        ExpectSet(store, absl::StrCat("own/", rank), value_of(rank, i));
      }
      return;
    }
    const std::string own = absl::StrCat("own/", rank - 2);
    for (size_t last = 0, i = 0; i < kWrites; ++i) {
      for (const std::string& key : {std::string("shared"), own}) {
        const std::string value = Await(store, key);
        ASSERT_GE(value.size(), 1000u) << value;
        EXPECT_EQ(value.size() % 1000, 0u);
        EXPECT_EQ(value.find_first_not_of(value[0]), std::string::npos);
        if (key != own) continue;
        EXPECT_GE(value.size(), last);
        last = value.size();
      }
    }
  });
}

TEST_P(StoreConformanceTest, GetWaitsForTheValue) {
  for (const absl::Duration timeout :
       {absl::Minutes(5), absl::InfiniteDuration()}) {
    Run(2, [&](int rank, Store& store, Clock& clock) {
      if (rank == 0) {
        EXPECT_EQ(Await(store, "rank 1 is about to wait"), "");
        clock.WaitUntil([] { return false; }, clock.NowNs() + 30 * kMs);
        ExpectSet(store, "key", "came");
        return;
      }
      ExpectSet(store, "rank 1 is about to wait", "");
      const int64_t start_ns = clock.NowNs();
      EXPECT_EQ(Text(store.Get("key", timeout)), "came");
      EXPECT_LT(clock.NowNs() - start_ns, 60'000 * kMs);
    });
  }
}

TEST_P(StoreConformanceTest, GetGivesUpAtItsTimeout) {
  Run(1, [](int, Store& store, Clock& clock) {
    ExpectSet(store, "another key", "v");
    const int64_t start_ns = clock.NowNs();
    const absl::Status status =
        store.Get("no/such key", absl::Milliseconds(200)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no/such key"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("after 200ms"));
    EXPECT_GE(clock.NowNs() - start_ns, 200 * kMs);
    EXPECT_LT(clock.NowNs() - start_ns, 60'000 * kMs);
  });
}

TEST_P(StoreConformanceTest, GetWithoutATimeoutLooksOnce) {
  Run(1, [](int, Store& store, Clock&) {
    for (const absl::Duration timeout :
         {absl::ZeroDuration(), -absl::Seconds(1), -absl::InfiniteDuration()}) {
      const std::string key =
          absl::StrCat("key", absl::FormatDuration(timeout));
      EXPECT_EQ(store.Get(key, timeout).status().code(),
                absl::StatusCode::kDeadlineExceeded);
      ExpectSet(store, key, "v");
      EXPECT_EQ(Text(store.Get(key, timeout)), "v");
    }
  });
}

// Threads of one process, some of which wait while others set.
TEST_P(StoreConformanceTest, ThreadsUseOneStore) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  Run(1, [](int, Store& store, Clock& clock) {
    std::vector<std::unique_ptr<ClockThread>> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.push_back(clock.StartThread("user", [&store, thread] {
        for (int round = 0; round < kRounds; ++round) {
          ExpectSet(store, absl::StrCat(thread, "/", round),
                    absl::StrCat(thread, " in ", round));
          // What the next one sets in this round, perhaps later.
          const int next = (thread + 1) % kThreads;
          EXPECT_EQ(Await(store, absl::StrCat(next, "/", round)),
                    absl::StrCat(next, " in ", round));
        }
      }));
    }
    for (auto& thread : threads) thread->Join();
  });
}

}  // namespace
}  // namespace parley::testing

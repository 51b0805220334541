// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// FileStore on a clock that jumps to the end of each wait, so that what a Get()
// does over minutes is seen exactly and at once; and on threads, for what only
// happens when several use one folder.
#include "parley/comm/store/file_store.h"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/clock.h"

namespace parley {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kMs = 1'000'000;

class JumpingClock : public Clock {
 public:
  int64_t NowNs() override { return now_ns_; }

  bool WaitUntil(const std::function<bool()>& condition,
                 int64_t deadline_ns) override {
    if (condition()) return true;
    waits_ms_.push_back((deadline_ns - now_ns_) / kMs);
    now_ns_ = deadline_ns;
    on_wait_(now_ns_);
    return condition();
  }

  void Wake() override {}

  std::unique_ptr<ClockThread> StartThread(std::string,
                                           std::function<void()>) override {
    return nullptr;
  }

  // Called with the time at the end of each wait.
  void OnWait(std::function<void(int64_t)> on_wait) {
    on_wait_ = std::move(on_wait);
  }

  const std::vector<int64_t>& waits_ms() const { return waits_ms_; }

 private:
  int64_t now_ns_ = 1000 * kMs;
  std::vector<int64_t> waits_ms_;
  std::function<void(int64_t)> on_wait_ = [](int64_t) {};
};

class FileStoreTest : public ::testing::Test {
 protected:
  FileStoreTest()
      : parent_(absl::StrCat(
            std::getenv("TEST_TMPDIR"), "/",
            ::testing::UnitTest::GetInstance()->current_test_info()->name())),
        directory_(absl::StrCat(parent_, "/store")),
        store_(directory_, clock_) {
    std::filesystem::create_directories(parent_);
  }
  ~FileStoreTest() override { std::filesystem::remove_all(parent_); }

  // The value, or the error's text where there is none.
  std::string Get(absl::string_view key) {
    const auto value = store_.Get(key, absl::ZeroDuration());
    return value.ok() ? *value : value.status().ToString();
  }

  static std::vector<std::string> List(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  const std::string parent_;
  const std::string directory_;
  JumpingClock clock_;
  FileStore store_;
};

void ExpectError(const absl::Status& status, absl::StatusCode code,
                 const std::vector<std::string>& parts) {
  EXPECT_EQ(status.code(), code) << status;
  for (const std::string& part : parts) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

TEST_F(FileStoreTest, GivesWhatWasSet) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes.push_back(static_cast<char>(i));
  for (const std::string& value : {std::string(), std::string("x"), bytes}) {
    ASSERT_TRUE(store_.Set("key", value).ok());
    EXPECT_EQ(Get("key"), value);
    EXPECT_EQ(*FileStore(directory_, clock_).Get("key", absl::ZeroDuration()),
              value);
  }
  // Temporary files are gone.
  EXPECT_THAT(List(directory_), ElementsAre("key.value"));
}

// Every key has a value of its own, whatever its bytes, and stays inside the
// folder.
TEST_F(FileStoreTest, KeysAreAnyBytes) {
  std::vector<std::string> keys = {""};
  const std::string letters("/.%aA2e\0", 8);
  for (size_t first = 0, length = 0; length < 2; ++length) {
    const size_t last = keys.size();
    for (; first < last; ++first) {
      for (const char letter : letters) keys.push_back(keys[first] + letter);
    }
  }
  // What others become in a file's or a folder's name.
  for (const char* key : {"%2f", "%41", "a.value"}) keys.push_back(key);
  keys.push_back(std::string(194, 'a'));
  keys.push_back(std::string(194, 'a') + ".value/");
  for (int c = 0; c < 256; ++c) {
    const std::string key = absl::StrCat("byte", std::string(1, char(c)));
    keys.push_back(key);
  }
  // Around the longest name of a file, where folders begin.
  for (size_t length = 195; length <= 205; ++length) {
    keys.push_back(std::string(length, 'a'));
    keys.push_back(std::string(2 * length, 'a'));
  }
  for (const char c : {'a', '/', '.', '\xff'}) {
    keys.push_back(std::string(kMaxStoreKeyBytes, c));
    keys.push_back(std::string(kMaxStoreKeyBytes - 1, c) + "b");
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const absl::Status status = store_.Set(keys[i], absl::StrCat(i));
    ASSERT_TRUE(status.ok()) << status;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(Get(keys[i]), absl::StrCat(i)) << "key " << i;
  }
  EXPECT_THAT(List(parent_), ElementsAre("store"));
  // No two are one on a file system that ignores case.
  for (const std::string& name : List(directory_)) {
    EXPECT_TRUE(std::none_of(name.begin(), name.end(), [](char c) {
      return c >= 'A' && c <= 'Z';
    })) << name;
  }
}

TEST_F(FileStoreTest, RefusesWhatIsTooLong) {
  const std::string key(kMaxStoreKeyBytes + 1, 'k');
  ExpectError(store_.Set(key, "v"), absl::StatusCode::kInvalidArgument,
              {"513 bytes", "at most 512"});
  ExpectError(store_.Get(key, absl::Seconds(1)).status(),
              absl::StatusCode::kInvalidArgument, {"513 bytes", "at most 512"});

  const std::string value(kMaxStoreValueBytes + 1, 'v');
  ExpectError(store_.Set("key", value), absl::StatusCode::kInvalidArgument,
              {"67108865 bytes", "'key'", "at most 67108864"});
  EXPECT_THAT(Get("key"), HasSubstr("no value"));
  const absl::string_view longest(value.data(), kMaxStoreValueBytes);
  ASSERT_TRUE(store_.Set("key", longest).ok());
  EXPECT_EQ(Get("key").size(), kMaxStoreValueBytes);
}

TEST_F(FileStoreTest, GetWaitsForTheValueLessAndLessOften) {
  FileStore other(directory_, SteadyClock());
  const int64_t start_ns = clock_.NowNs();
  clock_.OnWait([&](int64_t now_ns) {
    if (now_ns - start_ns > 500 * kMs) {
      EXPECT_TRUE(other.Set("late/key", "came").ok());
    }
  });
  const auto value = store_.Get("late/key", absl::Minutes(5));
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(*value, "came");
  EXPECT_THAT(clock_.waits_ms(),
              ElementsAre(1, 2, 4, 8, 16, 32, 64, 128, 128, 128));
}

TEST_F(FileStoreTest, GetWaitsForeverIfAsked) {
  int waits = 0;
  clock_.OnWait([&](int64_t) {
    if (++waits == 10'000) {
      EXPECT_TRUE(store_.Set("key", "came").ok());
    }
  });
  EXPECT_EQ(*store_.Get("key", absl::InfiniteDuration()), "came");
}

TEST_F(FileStoreTest, GetEndsAtTheTimeout) {
  const int64_t start_ns = clock_.NowNs();
  ExpectError(store_.Get(absl::string_view("a\0z", 3), absl::Milliseconds(300))
                  .status(),
              absl::StatusCode::kDeadlineExceeded,
              {"'a\\x00z'", directory_, "after 300ms"});
  EXPECT_EQ(clock_.NowNs() - start_ns, 300 * kMs);
}

// What came during the last wait counts.
TEST_F(FileStoreTest, GetLooksOnceMoreAtTheTimeout) {
  const int64_t start_ns = clock_.NowNs();
  clock_.OnWait([&](int64_t now_ns) {
    if (now_ns - start_ns == 300 * kMs) {
      EXPECT_TRUE(store_.Set("key", "came").ok());
    }
  });
  EXPECT_EQ(*store_.Get("key", absl::Milliseconds(300)), "came");
}

TEST_F(FileStoreTest, GetWithoutATimeoutLooksOnce) {
  for (const absl::Duration timeout :
       {absl::ZeroDuration(), -absl::Seconds(1), -absl::InfiniteDuration()}) {
    EXPECT_EQ(store_.Get("key", timeout).status().code(),
              absl::StatusCode::kDeadlineExceeded);
  }
  EXPECT_THAT(clock_.waits_ms(), ElementsAre());
}

// What waiting cannot mend is told at once.
TEST_F(FileStoreTest, ErrorsNameThePathAndTheReason) {
  const std::string file = absl::StrCat(parent_, "/file");
  std::ofstream(file) << "not a folder";
  FileStore store(file, clock_);
  const std::string reason = "Not a directory";
  const absl::Status set = store.Set("key", "v");
  EXPECT_THAT(std::string(set.message()),
              AllOf(HasSubstr(file), HasSubstr(reason)));
  const absl::Status get = store.Get("key", absl::Minutes(5)).status();
  EXPECT_THAT(std::string(get.message()),
              AllOf(HasSubstr(file + "/key.value"), HasSubstr(reason)));
  EXPECT_THAT(clock_.waits_ms(), ElementsAre());

  std::filesystem::create_directories(directory_ + "/key.value/in the way");
  EXPECT_THAT(
      std::string(store_.Set("key", "v").message()),
      AllOf(HasSubstr(directory_ + "/key.value"), HasSubstr("Is a directory")));
  EXPECT_THAT(Get("key"), AllOf(HasSubstr(directory_ + "/key.value"),
                                HasSubstr("Is a directory")));
  EXPECT_THAT(List(directory_), ElementsAre("key.value"));
}

// A disk that is full, played by a limit on the size of files.
TEST_F(FileStoreTest, AFailedWriteLeavesTheOldValue) {
  ASSERT_TRUE(store_.Set("key", "old").ok());
  struct rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const struct rlimit before = limit;
  limit.rlim_cur = 4096;
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::Status status = store_.Set("key", std::string(100'000, 'n'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("cannot write " + directory_),
                    HasSubstr("File too large")));
  EXPECT_EQ(Get("key"), "old");
  EXPECT_THAT(List(directory_), ElementsAre("key.value"));
}

// Readers that come while writers replace the value see a whole one.
TEST_F(FileStoreTest, NoReaderSeesHalfAValue) {
  constexpr int kWrites = 100;
  const auto write = [&](char letter) {
    FileStore store(directory_, SteadyClock());
    for (int i = 1; i <= kWrites; ++i) {
      const std::string value(static_cast<size_t>(1000 * i), letter);
      EXPECT_TRUE(store.Set("key", value).ok());
    }
  };
  const auto read = [&] {
    FileStore store(directory_, SteadyClock());
    for (int i = 0; i < kWrites; ++i) {
      const auto value = store.Get("key", absl::Minutes(5));
      ASSERT_TRUE(value.ok()) << value.status();
      EXPECT_EQ(value->size() % 1000, 0u);
      ASSERT_GE(value->size(), 1000u);
      EXPECT_EQ(value->find_first_not_of((*value)[0]), std::string::npos);
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(read);
  threads.emplace_back(read);
  threads.emplace_back(write, 'a');
  threads.emplace_back(write, 'b');
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get("key").size(), 1000u * kWrites);
  EXPECT_THAT(List(directory_), ElementsAre("key.value"));
}

}  // namespace
}  // namespace parley

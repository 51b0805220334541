// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/base/file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace parley {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
 protected:
  FileTest()
      : folder_(absl::StrCat(
            ::testing::TempDir(), "/",
            ::testing::UnitTest::GetInstance()->current_test_info()->name())),
        path_(folder_ + "/file") {
    std::filesystem::create_directories(folder_);
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  static std::string Content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status Replace(absl::string_view bytes) const {
    auto file = FileReplacement::Create(path_);
    if (!file.ok()) return file.status();
    const absl::Status status = file->Write(bytes);
    return status.ok() ? file->Commit() : status;
  }

  const std::string folder_;
  const std::string path_;
};

TEST_F(FileTest, WhatIsWrittenIsRead) {
  ASSERT_TRUE(Replace("old").ok());
  ASSERT_TRUE(Replace("0123456789").ok());
  EXPECT_THAT(Names(), ElementsAre("file"));
  const auto file = InputFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size(), 10u);
  std::string bytes(4, ' ');
  ASSERT_TRUE(file->Read(3, absl::MakeSpan(bytes)).ok());
  EXPECT_EQ(bytes, "3456");
  EXPECT_EQ(file->Read(8, absl::MakeSpan(bytes)),
            absl::DataLossError(path_ + ": ends at byte 10, 2 too early"));
}

// A reader that has the file open keeps it as it was.
TEST_F(FileTest, AReplacedFileIsReadToItsEnd) {
  ASSERT_TRUE(Replace("old").ok());
  const auto file = InputFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(Replace("new and longer").ok());
  std::string bytes(3, ' ');
  ASSERT_TRUE(file->Read(0, absl::MakeSpan(bytes)).ok());
  EXPECT_EQ(bytes, "old");
}

TEST_F(FileTest, NothingHappensWithoutACommit) {
  ASSERT_TRUE(Replace("old").ok());
  {
    auto file = FileReplacement::Create(path_);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE(file->Write("new").ok());
    EXPECT_EQ(Content(path_), "old");
    EXPECT_EQ(Names().size(), 2u);
  }
  EXPECT_EQ(Content(path_), "old");
  EXPECT_THAT(Names(), ElementsAre("file"));
}

// Whoever writes at the same time, or died while writing, has another file.
TEST_F(FileTest, TwoWritersOfOnePathDoNotMix) {
  auto first = FileReplacement::Create(path_);
  auto second = FileReplacement::Create(path_);
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE(first->Write("the first").ok());
  ASSERT_TRUE(second->Write("the second").ok());
  EXPECT_EQ(Names().size(), 2u);
  ASSERT_TRUE(first->Commit().ok());
  EXPECT_EQ(Content(path_), "the first");
  ASSERT_TRUE(second->Commit().ok());
  EXPECT_EQ(Content(path_), "the second");
  EXPECT_THAT(Names(), ElementsAre("file"));
}

// Others may read it, as far as the umask allows.
TEST_F(FileTest, ModeIsThatOfAnOrdinaryFile) {
  const mode_t before = umask(027);
  const absl::Status status = Replace("new");
  umask(before);
  ASSERT_TRUE(status.ok()) << status;
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

// A disk that is full, played by a limit on the size of files.
TEST_F(FileTest, AFailedWriteLeavesTheOldFile) {
  ASSERT_TRUE(Replace("old").ok());
  struct rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const struct rlimit before = limit;
  limit.rlim_cur = 4096;
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::Status status = Replace(std::string(100'000, 'n'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(path_), HasSubstr("File too large")));
  EXPECT_EQ(Content(path_), "old");
  EXPECT_THAT(Names(), ElementsAre("file"));
}

TEST_F(FileTest, WhatIsMissingIsNotFound) {
  EXPECT_EQ(InputFile::Open(path_).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(FileReplacement::Create(path_ + "/in/it").status().code(),
            absl::StatusCode::kNotFound);
}

// At once, although nobody writes the pipe.
TEST_F(FileTest, FoldersPipesAndDevicesAreRefused) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  for (const auto& [path, kind] :
       {std::pair(path_, "pipe"), std::pair(folder_, "folder"),
        std::pair(std::string("/proc"), "folder"),
        std::pair(std::string("/dev/null"), "device or socket")}) {
    const absl::Status expected = absl::InvalidArgumentError(
        absl::StrCat(path, ": is a ", kind, ", must be an ordinary file"));
    EXPECT_EQ(InputFile::Open(path).status(), expected);
    EXPECT_EQ(FileReplacement::Create(path).status(), expected);
  }
  EXPECT_THAT(Names(), ElementsAre("file"));
}

}  // namespace
}  // namespace parley

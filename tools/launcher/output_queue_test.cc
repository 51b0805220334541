// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/output_queue.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <string>

#include "gtest/gtest.h"

namespace parley::tools {
namespace {

class OutputQueueTest : public ::testing::Test {
 protected:
  OutputQueueTest() {
    EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0);
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~OutputQueueTest() override {
    close(ends_[1]);
    if (ends_[0] >= 0) close(ends_[0]);
  }

  bool Ready() const {
    pollfd entry = {ends_[1], POLLOUT, 0};
    return poll(&entry, 1, 0) == 1;
  }

  // What there is to read, up to `most` bytes.
  std::string Read(size_t most = size_t{1} << 20) {
    std::string all;
    char buffer[1000];
    pollfd entry = {ends_[0], POLLIN, 0};
    while (all.size() < most && poll(&entry, 1, 0) == 1) {
      const ssize_t got = read(ends_[0], buffer, sizeof(buffer));
      if (got <= 0) break;
      all.append(buffer, static_cast<size_t>(got));
    }
    return all;
  }

  void CloseReader() {
    close(ends_[0]);
    ends_[0] = -1;
  }

  int ends_[2];
};

TEST_F(OutputQueueTest, WritesInOrder) {
  OutputQueue queue(ends_[1]);
  queue.WriteSome();
  queue.Append("one\ntwo\n");
  EXPECT_EQ(queue.size(), 8u);
  queue.WriteSome();
  queue.Append("three\n");
  queue.WriteSome();
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_FALSE(queue.closed());
  EXPECT_EQ(Read(), "one\ntwo\nthree\n");
}

TEST_F(OutputQueueTest, WritesWholeLinesIfTheyFit) {
  const std::string first(PIPE_BUF - 10, 'a');
  const std::string second(PIPE_BUF - 10, 'b');
  OutputQueue queue(ends_[1]);
  queue.Append(first + "\n" + second + "\n");
  queue.WriteSome();
  EXPECT_FALSE(queue.inside_line());
  EXPECT_EQ(Read(), first + "\n");
  queue.WriteSome();
  EXPECT_EQ(Read(), second + "\n");
}

TEST_F(OutputQueueTest, KnowsThatALineIsUnfinished) {
  const std::string line(2 * PIPE_BUF, 'a');
  OutputQueue queue(ends_[1]);
  queue.Append(line + "\n");
  queue.WriteSome();
  EXPECT_TRUE(queue.inside_line());
  queue.WriteSome();
  EXPECT_TRUE(queue.inside_line());
  queue.WriteSome();
  EXPECT_FALSE(queue.inside_line());
  EXPECT_EQ(Read(), line + "\n");
}

// The pipe blocks: a write that waited for a reader would hang here.
TEST_F(OutputQueueTest, NeverBlocksWhileTheReaderIsSlow) {
  OutputQueue queue(ends_[1]);
  std::string all, read;
  for (int i = 0; i < 1000; ++i) {
    const std::string line(static_cast<size_t>(i), 'a' + char(i % 26));
    all += line + "\n";
    queue.Append(line + "\n");
    if (Ready()) queue.WriteSome();
    if (i % 50 == 49) read += Read(1000);
  }
  EXPECT_GT(queue.size(), 0u);
  while (queue.size() > 0) {
    read += Read();
    ASSERT_TRUE(Ready());
    queue.WriteSome();
  }
  EXPECT_TRUE(read + Read() == all);
}

TEST_F(OutputQueueTest, DropsWhatNobodyReads) {
  OutputQueue queue(ends_[1]);
  const std::string line(2 * PIPE_BUF, 'a');
  queue.Append(line + "\n");
  queue.WriteSome();
  CloseReader();
  EXPECT_FALSE(queue.closed());
  queue.WriteSome();
  EXPECT_TRUE(queue.closed());
  EXPECT_EQ(queue.error(), EPIPE);
  EXPECT_FALSE(queue.inside_line());
  queue.Append("more\n");
  EXPECT_EQ(queue.size(), 0u);
  queue.WriteSome();
}

}  // namespace
}  // namespace parley::tools

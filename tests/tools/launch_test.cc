// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// tools/launch as a user meets it, with small shell scripts for ranks. Ranks
// that must be at the same point wait for one another's files in the folder
// that the launcher gives them, so no outcome depends on how fast anything is.
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/clock.h"
#include "parley/tests/tools/run_program.h"

namespace parley::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Shell functions for ranks: `here NAME` leaves a file for the others, `await
// NAME` waits for it, `forever` ends by a signal only: in short sleeps, since a
// shell that is about to start one notices a signal only after it.
constexpr char kPrelude[] =
    "here() { : >\"$PARLEY_STORE/$1\"; }; "
    "await() { while [ ! -e \"$PARLEY_STORE/$1\" ]; do sleep 0.01; done; }; "
    "forever() { while :; do sleep 0.05; done; }; ";

ProgramResult Launch(const std::string& arguments,
                     const std::string& prefix = "") {
  return RunProgram("tools/launch", arguments, prefix);
}

// Each rank runs `script`, which may not contain a single quote.
ProgramResult LaunchScript(int ranks, const std::string& script,
                           const std::string& flags = "",
                           const std::string& prefix = "") {
  return Launch(absl::StrCat("--ranks=", ranks, " ", flags, " sh -c '",
                             kPrelude, script, "'"),
                prefix);
}

// A prefix by which the launcher is run as "$@" of a piece of shell.
std::string Wrapped(const std::string& shell) {
  return absl::StrCat("bash -c 'set -o pipefail; ", shell, "' wrapped ");
}

// Lines of `text`, sorted: those of different ranks come in any order.
std::vector<std::string> SortedLines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::sort(lines.begin(), lines.end());
  return lines;
}

// What follows each `key` in the text, up to the end of the line.
std::vector<std::string> After(const std::string& text,
                               const std::string& key) {
  std::vector<std::string> values;
  for (const std::string& line : SortedLines(text)) {
    const size_t at = line.find(key);
    if (at != std::string::npos) values.push_back(line.substr(at + key.size()));
  }
  return values;
}

// Whether a process has ended, reaped or not.
bool HasEnded(const std::string& id) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", id, "/stat"));
  const size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || stat.substr(name_end + 2, 1) == "Z";
}

bool Exists(const std::string& path) { return std::ifstream(path).good(); }

class LaunchTest : public ::testing::Test {
 protected:
  // Whoever runs this test may ignore some, and a shell cannot trap those.
  LaunchTest() {
    for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
      signal(each, SIG_DFL);
    }
  }
};

TEST_F(LaunchTest, TellsEachRankWhoItIs) {
  const ProgramResult result = LaunchScript(
      3,
      "echo $RANK/$WORLD_SIZE $LOCAL_RANK/$LOCAL_WORLD_SIZE $MASTER_ADDR $KEEP;"
      "[ -d \"$PARLEY_STORE\" ] && here $RANK;"
      "echo store=$PARLEY_STORE >&2; echo port=$MASTER_PORT >&2",
      "", "env RANK=9 WORLD_SIZE=9 PARLEY_STORE=/old KEEP=kept");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(
      SortedLines(result.output),
      ElementsAre("[0] 0/3 0/3 127.0.0.1 kept", "[1] 1/3 1/3 127.0.0.1 kept",
                  "[2] 2/3 2/3 127.0.0.1 kept"));
  const std::vector<std::string> stores = After(result.errors, " store=");
  ASSERT_EQ(stores.size(), 3u);
  EXPECT_EQ(std::set<std::string>(stores.begin(), stores.end()).size(), 1u);
  EXPECT_NE(stores[0], "/old");
  EXPECT_FALSE(Exists(stores[0])) << "the store is deleted at the end";
  const std::vector<std::string> ports = After(result.errors, " port=");
  ASSERT_EQ(ports.size(), 3u);
  EXPECT_EQ(std::set<std::string>(ports.begin(), ports.end()).size(), 1u);
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(ports[0], &port));
  EXPECT_GT(port, 0);
}

TEST_F(LaunchTest, TakesTheMasterPortGiven) {
  EXPECT_EQ(Launch("--ranks=1 --master_port=1234 printenv MASTER_PORT").output,
            "[0] 1234\n");
}

TEST_F(LaunchTest, LeavesTheCommandsFlagsAlone) {
  const std::string expected = "[0] --help --ranks=9 -- -x\n";
  EXPECT_EQ(Launch("--ranks=1 echo --help --ranks=9 -- -x").output, expected);
  EXPECT_EQ(Launch("--ranks 1 echo --help --ranks=9 -- -x").output, expected);
  EXPECT_EQ(Launch("--ranks=1 -- echo --help --ranks=9 -- -x").output,
            expected);
  EXPECT_EQ(Launch("--ranks=1 printf %s:%s: \"a b\" \"\"").output,
            "[0] a b::\n");
}

TEST_F(LaunchTest, RanksHaveNoInput) {
  const ProgramResult result =
      Launch("--ranks=2 cat", Wrapped("echo text | \"$@\""));
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.output, "");
}

// All 32 must run at once for any to end.
TEST_F(LaunchTest, RunsThirtyTwoRanksAtOnce) {
  const ProgramResult result = LaunchScript(
      32,
      "here $RANK; i=0; while [ $i -lt $WORLD_SIZE ]; do await $i; "
      "i=$((i + 1)); done; echo met");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  std::vector<std::string> expected;
  for (int i = 0; i < 32; ++i)
    expected.push_back(absl::StrCat("[", i, "] met"));
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(SortedLines(result.output), expected);
}

TEST_F(LaunchTest, AFailureEndsTheOthersAndIsTheExitCode) {
  const ProgramResult result = LaunchScript(
      4,
      "trap \"exit 9\" TERM; here $RANK;"
      "if [ $RANK = 2 ]; then await 0; await 1; await 3; exit 7; fi; forever",
      "--grace=10m");
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(After(result.errors, "launch: "),
              ElementsAre(AllOf(StartsWith("rank 2 (process "),
                                HasSubstr(") exited with 7"))));
}

TEST_F(LaunchTest, AKilledRankGives128AndTheSignal) {
  for (const auto& [signal, code, text] :
       std::vector<std::tuple<std::string, int, std::string>>{
           {"KILL", 137, "signal 9"}, {"SEGV", 139, "signal 11"}}) {
    const ProgramResult result = LaunchScript(
        3, absl::StrCat("ulimit -c 0; if [ $RANK = 1 ]; then kill -", signal,
                        " $$; fi; forever"));
    EXPECT_EQ(result.exit_code, code);
    EXPECT_THAT(result.errors,
                AllOf(HasSubstr("rank 1 "), HasSubstr("killed by " + text)));
  }
}

// What a rank does on SIGTERM, such as to write a checkpoint, is waited for and
// seen.
TEST_F(LaunchTest, RanksThatAreEndedMayFinishTheirWork) {
  const ProgramResult result = LaunchScript(
      2,
      "if [ $RANK = 1 ]; then await ready; exit 5; fi;"
      "save() { sleep 0.3; echo saved; exit 0; }; trap save TERM; here ready;"
      "forever",
      "--grace=10m");
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_EQ(result.output, "[0] saved\n");
}

TEST_F(LaunchTest, WhoIgnoresSigtermIsKilledAfterTheGracePeriod) {
  const ProgramResult result =
      LaunchScript(3,
                   "if [ $RANK = 1 ]; then await 0; await 2; exit 3; fi;"
                   "trap \"\" TERM; sleep 1000 & echo id=$!; echo id=$$; here "
                   "$RANK; forever",
                   "--grace=100ms");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(
      result.errors,
      AllOf(HasSubstr("rank 1 (process "), HasSubstr("rank 0 (process "),
            HasSubstr("rank 2 (process "),
            HasSubstr("did not end within 100ms of SIGTERM")));
  const std::vector<std::string> ids = After(result.output, "id=");
  ASSERT_EQ(ids.size(), 4u);
  for (const std::string& id : ids) EXPECT_TRUE(HasEnded(id)) << id;
}

// A process that a rank left behind, deaf to SIGTERM, holds its output open.
TEST_F(LaunchTest, EndsWhatRanksLeaveRunning) {
  const ProgramResult result = LaunchScript(
      2,
      "trap \"\" TERM; sleep 1000 & echo id=$!; sleep 1000 >/dev/null 2>&1 & "
      "echo id=$!; exit 0",
      "--grace=100ms");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.errors, "");
  const std::vector<std::string> ids = After(result.output, "id=");
  ASSERT_EQ(ids.size(), 4u);
  for (const std::string& id : ids) EXPECT_TRUE(HasEnded(id)) << id;
}

// Who leaves its rank's session, as daemons do, is nobody's to wait for, even
// if it holds the rank's output.
TEST_F(LaunchTest, DoesNotWaitForDaemons) {
  const std::string path = TempPath("daemon");
  const ProgramResult result = LaunchScript(
      1, absl::StrCat("setsid sh -c \"echo \\$\\$ >", path,
                      "; echo daemon; : >$PARLEY_STORE/d; exec sleep 1000\" & "
                      "await d"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, "[0] daemon\n");
  const std::vector<std::string> ids = SortedLines(ReadFile(path));
  ASSERT_EQ(ids.size(), 1u);
  EXPECT_FALSE(HasEnded(ids[0]));
  int id = 0;
  ASSERT_TRUE(absl::SimpleAtoi(ids[0], &id) && id > 1);
  kill(id, SIGKILL);
}

TEST_F(LaunchTest, NoRankOutlivesALauncherThatIsKilled) {
  const std::string path = TempPath("ids");
  const ProgramResult result = LaunchScript(
      2, absl::StrCat("echo $$ >>\"", path,
                      "\"; here $RANK; await 0; await 1;"
                      "if [ $RANK = 0 ]; then kill -KILL $PPID; fi; forever"));
  EXPECT_NE(result.exit_code, 0);
  const std::vector<std::string> ids = SortedLines(ReadFile(path));
  ASSERT_EQ(ids.size(), 2u);
  Clock& clock = SteadyClock();
  EXPECT_TRUE(clock.WaitUntil(
      [&] { return std::all_of(ids.begin(), ids.end(), HasEnded); },
      DeadlineAfter(clock.NowNs(), int64_t{60'000'000'000})));
}

TEST_F(LaunchTest, PassesSignalsOn) {
  for (const std::string name : {"INT", "TERM", "HUP"}) {
    const ProgramResult result = LaunchScript(
        3, absl::StrCat("trap \"echo got; exit 0\" ", name,
                        "; here $RANK; if [ $RANK = 0 ]; then await 1; await 2;"
                        "kill -",
                        name, " $PPID; fi; forever"));
    EXPECT_EQ(result.exit_code, 0) << name << result.errors;
    EXPECT_THAT(After(result.errors, "launch: "), ElementsAre()) << name;
    EXPECT_THAT(SortedLines(result.output),
                ElementsAre("[0] got", "[1] got", "[2] got"))
        << name;
  }
}

TEST_F(LaunchTest, ASignalThatRanksDoNotHandleIsTheExitCode) {
  const ProgramResult result = LaunchScript(
      2,
      "here $RANK; if [ $RANK = 0 ]; then await 1; kill -TERM $PPID; fi;"
      "forever");
  EXPECT_EQ(result.exit_code, 143);
}

// Line `i` of a rank has a length of its own, up to several times what a pipe
// takes at once.
constexpr char kManyLines[] =
    "exec awk -v r=$RANK \"BEGIN {"
    "  x = sprintf(\\\"%05000d\\\", 0); gsub(0, r, x);"
    "  for (i = 0; i < 2000; ++i) {"
    "    line = i \\\" \\\" substr(x, 1, (i * 37) % 5000) \\\" end\\\";"
    "    if (i % 3) print line; else print line > \\\"/dev/stderr\\\""
    "  } }\"";

// The lines of each rank, in order, that `text` has of those above.
void ExpectManyLines(const std::string& text, bool output, bool errors) {
  std::map<std::string, int> next;
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  ASSERT_EQ(lines.back(), "");
  lines.pop_back();
  std::map<std::string, std::set<int>> seen;
  for (const std::string& line : lines) {
    ASSERT_EQ(line.substr(0, 1), "[") << line.substr(0, 50);
    const std::string rank = line.substr(1, line.find(']') - 1);
    int i = -1;
    ASSERT_TRUE(absl::SimpleAtoi(line.substr(4, line.find(' ', 4) - 4), &i))
        << line.substr(0, 50);
    const std::string expected = absl::StrCat(
        "[", rank, "] ", i, " ",
        std::string(static_cast<size_t>(i * 37 % 5000), rank[0]), " end");
    ASSERT_TRUE(line == expected) << line.substr(0, 50);
    if (output != errors) {
      // One stream keeps a rank's order.
      EXPECT_GE(i, next[rank]);
      next[rank] = i;
    }
    seen[rank].insert(i);
  }
  ASSERT_EQ(seen.size(), 4u);
  size_t expected = 0;
  for (int i = 0; i < 2000; ++i) expected += i % 3 ? output : errors;
  for (const auto& [rank, numbers] : seen) EXPECT_EQ(numbers.size(), expected);
  EXPECT_EQ(lines.size(), 4 * expected);
}

TEST_F(LaunchTest, OutputKeepsItsLinesAndItsStream) {
  const ProgramResult result = LaunchScript(4, kManyLines);
  EXPECT_EQ(result.exit_code, 0);
  ExpectManyLines(result.output, true, false);
  ExpectManyLines(result.errors, false, true);
}

// stdout and stderr in one pipe.
TEST_F(LaunchTest, LinesStayWholeWhereBothStreamsAreOne) {
  const ProgramResult result =
      LaunchScript(4, kManyLines, "", Wrapped("\"$@\" 2>&1 | cat"));
  EXPECT_EQ(result.exit_code, 0);
  ExpectManyLines(result.output, true, true);
}

TEST_F(LaunchTest, TheLastLineNeedsNoNewline) {
  const ProgramResult result =
      LaunchScript(2, "printf \"a\\n\\nb\"; printf oops >&2; exit $RANK", "");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(SortedLines(result.output),
              ElementsAre("[0] ", "[0] a", "[0] b", "[1] ", "[1] a", "[1] b"));
  // A rank's last words come before those about it.
  EXPECT_THAT(result.errors, HasSubstr("[1] oops\n"));
  EXPECT_LT(result.errors.find("[1] oops"), result.errors.find("launch: "));
}

TEST_F(LaunchTest, EndsWhenNobodyReads) {
  const ProgramResult result =
      Launch("--ranks=3 yes", Wrapped("\"$@\" | head -n 2"));
  EXPECT_EQ(result.exit_code, 141);
  EXPECT_THAT(SortedLines(result.output),
              ElementsAre(HasSubstr("] y"), HasSubstr("] y")));
  EXPECT_THAT(result.errors, HasSubstr("signal 13"));
}

TEST_F(LaunchTest, RunsWithClosedStreams) {
  for (const std::string closed : {"<&-", ">&-", "2>&-", "<&- >&- 2>&-"}) {
    const ProgramResult result =
        LaunchScript(1, "echo out && echo err >&2 && exit 4", "",
                     Wrapped(absl::StrCat("\"$@\" ", closed)));
    EXPECT_EQ(result.exit_code, 4) << closed;
    const bool output = closed == "<&-" || closed == "2>&-";
    const bool errors = closed == "<&-" || closed == ">&-";
    EXPECT_EQ(result.output, output ? "[0] out\n" : "") << closed;
    EXPECT_EQ(result.errors.substr(0, 8), errors ? "[0] err\n" : "") << closed;
  }
}

TEST_F(LaunchTest, SaysThatItCannotWrite) {
  const ProgramResult result =
      Launch("--ranks=2 yes", Wrapped("\"$@\" >/dev/full"));
  EXPECT_EQ(result.exit_code, 141);
  EXPECT_THAT(
      result.errors,
      HasSubstr("launch: cannot write to stdout: No space left on device\n"));
}

// Nobody reads stdout, but it is open: ranks are seen to fail and are ended all
// the same, and what they wrote is there for whoever reads at last.
TEST_F(LaunchTest, AReaderThatSleepsHoldsNothingUp) {
  const std::string fifo = TempPath("fifo");
  const std::string seen = TempPath("seen");
  const std::string written = TempPath("written");
  const ProgramResult result = LaunchScript(
      2,
      absl::StrCat("if [ $RANK = 1 ]; then await 0; sleep 0.3; exit 6; fi;"
                   "echo first; here 0; head -c 3000000 /dev/zero; : >",
                   written, "; forever"),
      "",
      Wrapped(absl::StrCat(
          "mkfifo ", fifo, "; exec 3<>", fifo, "; \"$@\" >", fifo, " 2>", seen,
          " 3<&- & for i in {1..6000}; do grep -q \"exited with 6\" ", seen,
          " && break; sleep 0.01; done; exec 4<", fifo,
          " 3<&-; head -n 1 <&4; exec 4<&-; wait $!; exit $?")));
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(ReadFile(seen), HasSubstr("rank 1 (process "));
  EXPECT_EQ(result.output, "[0] first\n");
  EXPECT_FALSE(Exists(written)) << "the launcher took more than it may hold";
}

// The same, and nobody ever reads: a signal lets the launcher go.
TEST_F(LaunchTest, ASignalEndsTheWaitForAReader) {
  const std::string fifo = TempPath("unread");
  const std::string seen = TempPath("seen_2");
  const ProgramResult result = Launch(
      "--ranks=2 sh -c 'if [ $RANK = 1 ]; then sleep 0.1; exit 6; fi; yes'",
      Wrapped(absl::StrCat(
          "mkfifo ", fifo, "; exec 3<>", fifo, "; \"$@\" >", fifo, " 2>", seen,
          " 3<&- & for i in {1..6000}; do grep -q \"exited with 6\" ", seen,
          " && break; sleep 0.01; done; for i in {1..6000}; do "
          "kill -TERM $! 2>/dev/null || break; sleep 0.01; done; "
          "wait $!; exit $?")));
  EXPECT_EQ(result.exit_code, 6);
}

TEST_F(LaunchTest, ACommandThatCannotBeRun) {
  ProgramResult result = Launch("--ranks=8 no_such_command --help");
  EXPECT_EQ(result.exit_code, 127);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.errors,
            "launch: rank 0: cannot run 'no_such_command': No such file or "
            "directory\n");
  result = Launch("--ranks=8 -- /");
  EXPECT_EQ(result.exit_code, 126);
  EXPECT_EQ(result.errors,
            "launch: rank 0: cannot run '/': Permission denied\n");
}

// Here for want of descriptors, after some have been started.
TEST_F(LaunchTest, ARankThatCannotBeStartedEndsTheOthers) {
  const ProgramResult result =
      LaunchScript(32, "forever", "", Wrapped("ulimit -n 20; \"$@\""));
  EXPECT_EQ(result.exit_code, 126);
  EXPECT_THAT(result.errors, AllOf(StartsWith("launch: rank "),
                                   HasSubstr("Too many open files")));
}

TEST_F(LaunchTest, HelpIsNoError) {
  for (const char* flag : {"--help", "-help", "-h", "--ranks=2 --help"}) {
    const ProgramResult result = Launch(flag);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.errors, "");
    for (const char* word :
         {"--ranks", "--master_port", "--grace", "PARLEY_STORE", "WORLD_SIZE",
          "SIGTERM", "exit code", "Example"}) {
      EXPECT_THAT(result.output, HasSubstr(word));
    }
  }
}

// One line with the value on stderr, nothing on stdout, and a failure.
TEST_F(LaunchTest, BadInputIsToldInOneLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no command"},
      {"--ranks=2", "no command"},
      {"--ranks=2 --", "no command"},
      {"ls", "--ranks=0: must be from 1 to 1024"},
      {"--ranks=-1 ls", "--ranks=-1: must be from 1 to 1024"},
      {"--ranks=1025 ls", "1025"},
      {"--ranks=x ls", "'x'"},
      {"--ranks=2 --master_port=65536 ls", "65536"},
      {"--ranks=2 --master_port=-1 ls", "-1"},
      {"--ranks=2 --grace=soon ls", "soon"},
      {"--ranks=2 --grace=-1s ls", "-1s"},
      {"--no_such_flag=1 --ranks=2 ls", "no_such_flag"}};
  for (const auto& [arguments, text] : cases) {
    const ProgramResult result = Launch(arguments);
    EXPECT_EQ(result.exit_code, 1) << arguments;
    EXPECT_EQ(result.output, "") << arguments;
    EXPECT_THAT(result.errors, HasSubstr(text)) << arguments;
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1)
        << result.errors;
  }
}

}  // namespace
}  // namespace parley::testing

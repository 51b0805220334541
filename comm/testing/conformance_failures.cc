// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/comm/lost_ranks.h"
#include "parley/comm/testing/conformance_cases.h"
#include "parley/comm/testing/values.h"
#include "parley/device/cpu/cpu_device.h"

namespace parley::testing {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kTimeout = absl::Milliseconds(200);

absl::Status WaitBarrier(Communicator& comm, const CallOptions& options = {}) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream, options));
  return work.WaitHost();
}

void ExpectStatus(const absl::Status& status, absl::StatusCode code,
                  const std::string& text) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

// A rank that does not come, or goes: what the others are told, whether or not
// the backend can tell who it was and why. `lost` is whom they must take for
// lost.
void ExpectMissed(const ConformanceBackend& backend, const absl::Status& status,
                  absl::StatusCode code, const std::string& rank,
                  const std::vector<int>& lost) {
  if (backend.names_missing_ranks) {
    EXPECT_EQ(LostRanks(status), lost) << status;
    return ExpectStatus(status, code, rank);
  }
  EXPECT_THAT(status.code(),
              ::testing::AnyOf(absl::StatusCode::kUnavailable,
                               absl::StatusCode::kDeadlineExceeded))
      << status;
}

// Calls with bad arguments are refused on the spot, on this rank alone, and
// leave the communicator usable.
absl::Status BadArguments(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  Device& device = comm.device();
  const DeviceArray<float> a(device, 8), b(device, 8), c(device, 64);
  const TensorView ints(b.values().data(), DType::kInt32, int64_t{8},
                        device.id());
  const int64_t shape[] = {4}, strides[] = {2};
  PARLEY_ASSIGN_OR_RETURN(
      TensorView strided,
      TensorView::Strided(a.values().data(), DType::kFloat32, shape, strides,
                          device.id()));
  // Streams of the same kind of device are foreign, too.
  CpuDevice stray;
  PARLEY_ASSIGN_OR_RETURN(auto foreign, stray.CreateStream());
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream));
  const std::vector<std::pair<std::string, absl::Status>> calls = {
      {"list lengths",
       comm.AllReduce({a.view()}, {}, ReduceOp::kSum, *stream).status()},
      {"dtypes",
       comm.AllReduce({a.view()}, {ints}, ReduceOp::kSum, *stream).status()},
      {"counts", comm.AllReduce({a.view()}, {c.view()}, ReduceOp::kSum, *stream)
                     .status()},
      {"not dense",
       comm.AllReduce({strided}, {strided}, ReduceOp::kSum, *stream).status()},
      {"overlap", comm.AllReduce({c.view().Slice(0, 8)}, {c.view().Slice(4, 8)},
                                 ReduceOp::kSum, *stream)
                      .status()},
      {"null", comm.Broadcast({TensorView(nullptr, DType::kFloat32, int64_t{3},
                                          device.id())},
                              0, *stream)
                   .status()},
      {"root -1", comm.Broadcast({a.view()}, -1, *stream).status()},
      {"root n", comm.Broadcast({a.view()}, comm.size(), *stream).status()},
      {"recv count of AllToAll",
       comm.AllToAll({a.view()}, {c.view()}, *stream).status()},
      {"send count of AllGather",
       comm.AllGather({a.view()}, {b.view()}, *stream).status()},
      {"in place AllToAll",
       comm.AllToAll({a.view()}, {a.view()}, *stream).status()},
      {"device",
       comm.Broadcast({TensorView(a.values().data(), DType::kFloat32,
                                  int64_t{8}, DeviceId{DeviceKind::kCuda, 5})},
                      0, *stream)
           .status()},
      {"split of others", comm.Split({comm.rank() == 0 ? 1 : 0}).status()},
      {"split twice", comm.Split({comm.rank(), comm.rank()}).status()},
      {"split beyond", comm.Split({comm.rank(), 99}).status()},
      {"shrink oneself", comm.Shrink({comm.rank()}).status()},
      {"stream of AllToAll", comm.AllToAll({}, {}, *foreign).status()},
      {"stream of AllGather", comm.AllGather({}, {}, *foreign).status()},
      {"stream of Broadcast", comm.Broadcast({}, 0, *foreign).status()},
      {"stream of AllReduce",
       comm.AllReduce({}, {}, ReduceOp::kSum, *foreign).status()},
      {"stream of Barrier", comm.Barrier(*foreign).status()},
      {"stream of Work::Wait", work.Wait(*foreign)},
  };
  for (const auto& [what, status] : calls) {
    PARLEY_RETURN_IF_ERROR(
        Check(status.code() == absl::StatusCode::kInvalidArgument,
              absl::StrCat(what, ": ", status.ToString())));
  }
  return WaitBarrier(comm);
}

// One rank calls something else; everybody is told what differs.
struct Mismatch {
  std::string name;
  std::string text;
  std::function<absl::StatusOr<Work>(Communicator&, Stream&, bool odd,
                                     const DeviceArray<float>&,
                                     const DeviceArray<float>&)>
      call;
};

std::vector<Mismatch> Mismatches() {
  using V = const DeviceArray<float>;
  return {
      {"Operation", "op",
       [](Communicator& c, Stream& s, bool odd, V& a, V&) {
         return odd ? c.Barrier(s)
                    : c.AllReduce({a.view()}, {a.view()}, ReduceOp::kSum, s);
       }},
      {"Count", "count of tensor 0",
       [](Communicator& c, Stream& s, bool odd, V& a, V&) {
         const TensorView view = a.view().Slice(0, odd ? 7 : 8);
         return c.AllReduce({view}, {view}, ReduceOp::kSum, s);
       }},
      {"DType", "dtype of tensor 0",
       [](Communicator& c, Stream& s, bool odd, V& a, V&) {
         const TensorView view(a.values().data(),
                               odd ? DType::kInt32 : DType::kFloat32,
                               int64_t{8}, c.device().id());
         return c.Broadcast({view}, 0, s);
       }},
      {"Root", "root",
       [](Communicator& c, Stream& s, bool odd, V& a, V&) {
         return c.Broadcast({a.view()}, odd ? 1 : 0, s);
       }},
      {"Reduction", "reduction",
       [](Communicator& c, Stream& s, bool odd, V& a, V&) {
         return c.AllReduce({a.view()}, {a.view()},
                            odd ? ReduceOp::kMax : ReduceOp::kSum, s);
       }},
      {"ListLength", "number of tensors",
       [](Communicator& c, Stream& s, bool odd, V& a, V& b) {
         const std::vector<TensorView> list = {a.view(), b.view()};
         return c.Broadcast(absl::MakeConstSpan(list).first(odd ? 1 : 2), 0, s);
       }},
  };
}

void RunMismatch(const ConformanceBackend& backend, const Mismatch& mismatch) {
  if (!backend.compares_calls) return;
  const auto statuses = backend.run(4, [&](Communicator& comm) -> absl::Status {
    PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
    const DeviceArray<float> a(comm.device(), 8, 1), b(comm.device(), 8, 1);
    PARLEY_ASSIGN_OR_RETURN(
        Work work, mismatch.call(comm, *stream, comm.rank() == 2, a, b));
    return work.WaitHost();
  });
  for (const absl::Status& status : statuses) {
    ExpectStatus(status, absl::StatusCode::kInvalidArgument, mismatch.text);
    EXPECT_THAT(std::string(status.message()), HasSubstr("rank 2"));
  }
}

void SplitMismatch(const ConformanceBackend& backend) {
  const auto statuses = backend.run(3, [](Communicator& comm) {
    return comm
        .Split(comm.rank() == 0 ? std::vector<int>{0, 1}
                                : std::vector<int>{1, 2})
        .status();
  });
  for (const absl::Status& status : statuses) {
    ExpectStatus(status, absl::StatusCode::kInvalidArgument, "members");
  }
}

void RankLeavesEarly(const ConformanceBackend& backend) {
  const auto statuses = backend.run(4, [](Communicator& comm) {
    PARLEY_RETURN_IF_ERROR(WaitBarrier(comm));
    if (comm.rank() == 2) return absl::OkStatus();
    return WaitBarrier(comm, {.timeout = kTimeout});
  });
  EXPECT_TRUE(statuses[2].ok()) << statuses[2];
  for (int rank : {0, 1, 3}) {
    ExpectMissed(backend, statuses[rank], absl::StatusCode::kUnavailable,
                 "rank 2", {2});
  }
}

// Rank 1 is alive and does not come.
void Timeout(const ConformanceBackend& backend) {
  const auto statuses = backend.run(3, [](Communicator& comm) {
    if (comm.rank() == 1) {
      Clock& clock = comm.clock();
      clock.WaitUntil([] { return false; },
                      clock.NowNs() + absl::ToInt64Nanoseconds(4 * kTimeout));
      return absl::OkStatus();
    }
    return WaitBarrier(comm, {.timeout = kTimeout});
  });
  for (int rank : {0, 2}) {
    ExpectMissed(backend, statuses[rank], absl::StatusCode::kDeadlineExceeded,
                 "rank 1", {1});
  }
}

// The host gives up waiting; the operation itself goes on.
absl::Status HostTimeout(Communicator& comm, bool names_missing_ranks) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  if (comm.rank() == 0) {
    Clock& clock = comm.clock();
    clock.WaitUntil([] { return false; },
                    clock.NowNs() + absl::ToInt64Nanoseconds(kTimeout));
  }
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream));
  if (comm.rank() != 0) {
    const absl::Status early = work.WaitHost(kTimeout / 10);
    // The rank may still come.
    PARLEY_RETURN_IF_ERROR(
        Check(LostRanks(early).empty(), "a rank that is late counts as lost"));
    PARLEY_RETURN_IF_ERROR(
        Check(early.code() == absl::StatusCode::kDeadlineExceeded &&
                  (!names_missing_ranks ||
                   absl::StrContains(std::string(early.message()), "rank 0")),
              early.ToString()));
  }
  return work.WaitHost();
}

// After Abort() nothing works on that communicator, nor on those made from it.
absl::Status UseAfterAbort(Communicator& comm) {
  std::vector<int> all;
  for (int i = 0; i < comm.size(); ++i) all.push_back(i);
  PARLEY_ASSIGN_OR_RETURN(auto child, comm.Split(all));
  PARLEY_RETURN_IF_ERROR(WaitBarrier(comm));
  PARLEY_RETURN_IF_ERROR(Check(!comm.aborted(), "aborted too early"));
  comm.Abort(absl::CancelledError("enough"));
  comm.Abort(absl::CancelledError("again"));
  PARLEY_RETURN_IF_ERROR(Check(comm.aborted(), "not aborted"));
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  const DeviceArray<float> a(comm.device(), 4, 1), b(comm.device(), 4, 1);
  const TensorView view = a.view();
  for (const absl::Status& status :
       {comm.AllToAll({view}, {b.view()}, *stream).status(),
        comm.AllGather({view}, {b.view()}, *stream).status(),
        comm.Broadcast({view}, 0, *stream).status(),
        comm.AllReduce({view}, {view}, ReduceOp::kSum, *stream).status(),
        comm.Barrier(*stream).status(), comm.Split(all).status()}) {
    PARLEY_RETURN_IF_ERROR(
        Check(status.code() == absl::StatusCode::kFailedPrecondition &&
                  absl::StrContains(std::string(status.message()), "enough"),
              status.ToString()));
  }
  const absl::Status below = WaitBarrier(*child, {.timeout = kTimeout});
  return Check(!below.ok(), "the child of an aborted communicator works");
}

// Rank 0 aborts while the others wait for it.
void AbortEndsWaits(const ConformanceBackend& backend) {
  const auto statuses = backend.run(4, [](Communicator& comm) -> absl::Status {
    if (comm.rank() != 0) return WaitBarrier(comm);
    Clock& clock = comm.clock();
    clock.WaitUntil([] { return false; }, clock.NowNs() + 1'000'000);
    comm.Abort(absl::CancelledError("operator said stop"));
    return absl::OkStatus();
  });
  for (int rank : {1, 2, 3}) {
    ExpectMissed(backend, statuses[rank], absl::StatusCode::kUnavailable,
                 "rank 0", {});
  }
}

// A thread beside the rank ends the rank's own wait.
void AbortFromAnotherThread(const ConformanceBackend& backend) {
  const auto statuses = backend.run(2, [](Communicator& comm) -> absl::Status {
    Clock& clock = comm.clock();
    if (comm.rank() == 1) {
      clock.WaitUntil([] { return false; },
                      clock.NowNs() + absl::ToInt64Nanoseconds(kTimeout));
      return absl::OkStatus();
    }
    auto watchdog = clock.StartThread("watchdog", [&] {
      clock.WaitUntil([] { return false; }, clock.NowNs() + 1'000'000);
      comm.Abort(absl::CancelledError("watchdog"));
    });
    const absl::Status status = WaitBarrier(comm);
    watchdog->Join();
    return status;
  });
  ExpectStatus(statuses[0], absl::StatusCode::kCancelled, "watchdog");
}

// Survivors of a failure go on without the one who left.
void ShrinkAfterFailure(const ConformanceBackend& backend) {
  const auto statuses = backend.run(4, [](Communicator& comm) -> absl::Status {
    if (comm.rank() == 1) return absl::OkStatus();
    const absl::Status lost = WaitBarrier(comm, {.timeout = kTimeout});
    PARLEY_RETURN_IF_ERROR(Check(!lost.ok(), "rank 1 was not missed"));
    comm.Abort(lost);
    PARLEY_ASSIGN_OR_RETURN(auto rest, comm.Shrink({1}));
    PARLEY_RETURN_IF_ERROR(Check(rest->size() == 3, "size"));
    PARLEY_RETURN_IF_ERROR(Check(
        rest->rank() == (comm.rank() == 0 ? 0 : comm.rank() - 1), "order"));
    PARLEY_ASSIGN_OR_RETURN(auto stream, rest->device().CreateStream());
    const DeviceArray<float> data(rest->device(), 5, 1);
    PARLEY_ASSIGN_OR_RETURN(
        Work work,
        rest->AllReduce({data.view()}, {data.view()}, ReduceOp::kSum, *stream));
    PARLEY_RETURN_IF_ERROR(work.WaitHost());
    return Check(data[4] == 3, "sum over the survivors");
  });
  for (const absl::Status& status : statuses)
    EXPECT_TRUE(status.ok()) << status;
}

// What is enqueued behind a failed operation does not run, and the stream tells
// of it once.
void FailureStopsTheStream(const ConformanceBackend& backend) {
  const auto statuses = backend.run(2, [](Communicator& comm) -> absl::Status {
    if (comm.rank() == 1) return absl::OkStatus();
    PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
    const DeviceArray<float> from(comm.device(), 4, 1), to(comm.device(), 4);
    TensorCopy copy{from.view(), to.view()};
    PARLEY_RETURN_IF_ERROR(
        comm.Barrier(*stream, {.timeout = kTimeout}).status());
    PARLEY_RETURN_IF_ERROR(comm.device().Copy({&copy, 1}, *stream));
    const absl::Status first = stream->WaitHost(absl::InfiniteDuration());
    PARLEY_RETURN_IF_ERROR(
        Check(first.code() == absl::StatusCode::kUnavailable ||
                  first.code() == absl::StatusCode::kDeadlineExceeded,
              absl::StrCat("first wait: ", first.ToString())));
    PARLEY_RETURN_IF_ERROR(Check(to[0] == 0, "the copy ran"));
    PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
    PARLEY_RETURN_IF_ERROR(comm.device().Copy({&copy, 1}, *stream));
    PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
    return Check(to[0] == 1, "the stream is not usable again");
  });
  EXPECT_TRUE(statuses[0].ok()) << statuses[0];
}

void BufferTouchedInFlight(const ConformanceBackend& backend) {
  if (!backend.checks_buffers) return;
  const auto statuses = backend.run(3, [](Communicator& comm) -> absl::Status {
    PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
    const DeviceArray<float> data(comm.device(), 8, 1);
    PARLEY_ASSIGN_OR_RETURN(Work work,
                            comm.Broadcast({data.view()}, 0, *stream));
    if (comm.rank() == 2) data[3] = 9;
    return work.WaitHost();
  });
  for (const absl::Status& status : statuses) {
    ExpectStatus(status, absl::StatusCode::kFailedPrecondition,
                 "rank 2 wrote to output 0");
  }
}

}  // namespace

std::vector<ConformanceCase> FailureCases() {
  const auto all_ok = [](int ranks, RankBody body) {
    return [ranks, body](const ConformanceBackend& backend) {
      ExpectAllOk(backend, ranks, body);
    };
  };
  std::vector<ConformanceCase> cases = {
      {"BadArgumentsAreRefused", all_ok(3, BadArguments)},
      {"MismatchOfMembers", SplitMismatch},
      {"RankLeavesEarly", RankLeavesEarly},
      {"TimeoutNamesWhoIsMissing", Timeout},
      {"HostTimeoutLeavesTheOperationAlone",
       [](const ConformanceBackend& backend) {
         ExpectAllOk(backend, 3, [&](Communicator& comm) {
           return HostTimeout(comm, backend.names_missing_ranks);
         });
       }},
      {"UseAfterAbort", all_ok(4, UseAfterAbort)},
      {"AbortEndsWaits", AbortEndsWaits},
      {"AbortFromAnotherThread", AbortFromAnotherThread},
      {"ShrinkAfterFailure", ShrinkAfterFailure},
      {"FailureStopsTheStream", FailureStopsTheStream},
      {"BufferTouchedInFlight", BufferTouchedInFlight}};
  for (const Mismatch& mismatch : Mismatches()) {
    cases.push_back({"MismatchOf" + mismatch.name,
                     [mismatch](const ConformanceBackend& backend) {
                       RunMismatch(backend, mismatch);
                     }});
  }
  return cases;
}

}  // namespace parley::testing

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/comm/shard.h"
#include "parley/comm/testing/conformance_cases.h"
#include "parley/comm/testing/values.h"

namespace parley::testing {
namespace {

// 0 + 1 + ... + n-1.
float SumOfRanks(const Communicator& comm) {
  return static_cast<float>(comm.size() * (comm.size() - 1) / 2);
}

absl::Status AllReduceInPlace(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  DeviceArray<float> data(comm.device(), 100, static_cast<float>(comm.rank()));
  PARLEY_ASSIGN_OR_RETURN(
      Work work,
      comm.AllReduce({data.view()}, {data.view()}, ReduceOp::kSum, *stream));
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  return ExpectAll(data, SumOfRanks(comm), "in place");
}

absl::Status AllGatherInPlace(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  constexpr int64_t kCount = 10;
  DeviceArray<float> data(comm.device(), kCount, -1);
  const ShardRange own = ShardOf(kCount, comm.size(), comm.rank());
  for (int64_t i = 0; i < own.count; ++i) {
    data[own.begin + i] = static_cast<float>(own.begin + i);
  }
  PARLEY_ASSIGN_OR_RETURN(
      Work work, comm.AllGather({data.view().Slice(own.begin, own.count)},
                                {data.view()}, *stream));
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  for (int64_t i = 0; i < kCount; ++i) {
    PARLEY_RETURN_IF_ERROR(
        Check(data[i] == static_cast<float>(i), absl::StrCat("element ", i)));
  }
  return absl::OkStatus();
}

// The entries of a list differ in dtype and count, and some are empty.
absl::Status Lists(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  std::vector<TestTensor> send, recv;
  std::vector<TensorView> send_views, recv_views;
  const int64_t counts[] = {5, 0, 130, 1};
  const DType dtypes[] = {DType::kFloat16, DType::kFloat32, DType::kInt64,
                          DType::kUInt8};
  for (int i = 0; i < 4; ++i) {
    send.push_back(
        FilledTensor(comm.device(), dtypes[i], counts[i], comm.rank()));
    recv.push_back(TestTensor(comm.device(), dtypes[i], counts[i]));
  }
  for (int i = 0; i < 4; ++i) {
    send_views.push_back(send[i].view());
    recv_views.push_back(recv[i].view());
  }
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.AllReduce(send_views, recv_views,
                                                    ReduceOp::kSum, *stream));
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  for (int t = 0; t < 4; ++t) {
    for (int64_t i = 0; i < counts[t]; ++i) {
      int expected = 0;
      for (int r = 0; r < comm.size(); ++r) {
        expected += ValueOf(dtypes[t], r, i);
      }
      PARLEY_RETURN_IF_ERROR(Check(recv[t].Get(i) == expected,
                                   absl::StrCat("tensor ", t, " element ", i)));
    }
    PARLEY_RETURN_IF_ERROR(Check(recv[t].GuardsIntact(), "guards"));
  }
  return absl::OkStatus();
}

absl::Status EmptyLists(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  PARLEY_ASSIGN_OR_RETURN(Work a, comm.AllToAll({}, {}, *stream));
  PARLEY_ASSIGN_OR_RETURN(Work b, comm.AllGather({}, {}, *stream));
  PARLEY_ASSIGN_OR_RETURN(Work c, comm.Broadcast({}, 0, *stream));
  PARLEY_ASSIGN_OR_RETURN(Work d,
                          comm.AllReduce({}, {}, ReduceOp::kMax, *stream));
  for (Work* work : {&a, &b, &c, &d}) {
    PARLEY_RETURN_IF_ERROR(work->WaitHost());
    PARLEY_RETURN_IF_ERROR(Check(work->IsDone(), "not done after WaitHost"));
  }
  return absl::OkStatus();
}

// The caller's lists may go as soon as the call has returned.
absl::Status ListsAreCopied(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  DeviceArray<float> data(comm.device(), 32, 1);
  Work work;
  {
    std::vector<TensorView> list = {data.view()};
    PARLEY_ASSIGN_OR_RETURN(
        work, comm.AllReduce(list, list, ReduceOp::kSum, *stream));
    list[0] = TensorView();
  }
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  return ExpectAll(data, static_cast<float>(comm.size()), "copied list");
}

absl::Status SeveralInFlight(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto first, comm.device().CreateStream());
  PARLEY_ASSIGN_OR_RETURN(auto second, comm.device().CreateStream());
  std::vector<DeviceArray<float>> data;
  for (int i = 0; i < 10; ++i) {
    data.emplace_back(comm.device(), 17, static_cast<float>(comm.rank() + i));
  }
  std::vector<Work> works;
  for (int i = 0; i < 10; ++i) {
    PARLEY_ASSIGN_OR_RETURN(
        Work work, comm.AllReduce({data[i].view()}, {data[i].view()},
                                  ReduceOp::kSum, i % 2 ? *first : *second));
    works.push_back(work);
  }
  // In an order of its own on each rank.
  for (int i = 0; i < 10; ++i) {
    PARLEY_RETURN_IF_ERROR(works[(i * 3 + comm.rank()) % 10].WaitHost());
  }
  for (int i = 0; i < 10; ++i) {
    PARLEY_RETURN_IF_ERROR(ExpectAll(
        data[i], SumOfRanks(comm) + static_cast<float>(i * comm.size()),
        absl::StrCat("operation ", i)));
  }
  return absl::OkStatus();
}

// y = sum, then y = 2 y, then y = sum: with no host wait in between.
absl::Status OperationKernelOperation(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  DeviceArray<float> data(comm.device(), 1000, static_cast<float>(comm.rank()));
  DeviceArray<float> zero(comm.device(), 1000);
  // y = y - (0 - y)
  const ElementwisePiece piece = {{&zero.values()[0], &data.values()[0]}, 1000};
  const ElementwiseArgs twice = {ElementwiseOp::kLerp, {}, {-1}, &piece, 1};
  PARLEY_RETURN_IF_ERROR(
      comm.AllReduce({data.view()}, {data.view()}, ReduceOp::kSum, *stream)
          .status());
  PARLEY_RETURN_IF_ERROR(comm.device().Elementwise(twice, *stream));
  PARLEY_RETURN_IF_ERROR(
      comm.AllReduce({data.view()}, {data.view()}, ReduceOp::kSum, *stream)
          .status());
  PARLEY_RETURN_IF_ERROR(comm.device().Elementwise(twice, *stream));
  PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
  return ExpectAll(data, 4 * static_cast<float>(comm.size()) * SumOfRanks(comm),
                   "chain");
}

// A kernel on a second stream reads the result behind an event.
absl::Status EventsOrderStreams(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto transfer, comm.device().CreateStream());
  PARLEY_ASSIGN_OR_RETURN(auto compute, comm.device().CreateStream());
  auto event = comm.device().CreateEvent();
  compute->Wait(*event);  // stands for nothing yet
  DeviceArray<float> data(comm.device(), 64, 1), result(comm.device(), 64);
  PARLEY_RETURN_IF_ERROR(
      comm.AllReduce({data.view()}, {data.view()}, ReduceOp::kSum, *transfer)
          .status());
  transfer->Record(*event);
  compute->Wait(*event);
  TensorCopy copy{data.view(), result.view()};
  PARLEY_RETURN_IF_ERROR(comm.device().Copy({&copy, 1}, *compute));
  PARLEY_RETURN_IF_ERROR(compute->WaitHost(absl::InfiniteDuration()));
  return ExpectAll(result, static_cast<float>(comm.size()), "behind the event");
}

absl::Status WorkOrdersAStream(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto transfer, comm.device().CreateStream());
  PARLEY_ASSIGN_OR_RETURN(auto compute, comm.device().CreateStream());
  DeviceArray<float> data(comm.device(), 64, 1), result(comm.device(), 64);
  PARLEY_ASSIGN_OR_RETURN(
      Work work,
      comm.AllReduce({data.view()}, {data.view()}, ReduceOp::kSum, *transfer));
  PARLEY_RETURN_IF_ERROR(work.Wait(*compute));
  TensorCopy copy{data.view(), result.view()};
  PARLEY_RETURN_IF_ERROR(comm.device().Copy({&copy, 1}, *compute));
  PARLEY_RETURN_IF_ERROR(compute->WaitHost(absl::InfiniteDuration()));
  return ExpectAll(result, static_cast<float>(comm.size()), "behind the work");
}

// Rank 3 belongs to no group; operations on parent and children interleave.
absl::Status SubCommunicators(Communicator& comm) {
  const int rank = comm.rank();
  std::vector<int> members;
  if (rank != 3)
    members =
        rank % 2 == 0 ? std::vector<int>{0, 2, 4} : std::vector<int>{1, 5};
  PARLEY_ASSIGN_OR_RETURN(auto sub, comm.Split(members));
  PARLEY_RETURN_IF_ERROR(
      Check((sub == nullptr) == (rank == 3), "who gets a communicator"));
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  for (int i = 0; i < 3; ++i) {
    DeviceArray<float> all(comm.device(), 9, static_cast<float>(rank));
    DeviceArray<float> some(comm.device(), 9, static_cast<float>(rank));
    PARLEY_RETURN_IF_ERROR(
        comm.AllReduce({all.view()}, {all.view()}, ReduceOp::kSum, *stream)
            .status());
    if (sub != nullptr) {
      PARLEY_RETURN_IF_ERROR(
          Check(sub->size() == static_cast<int>(members.size()),
                "size of the group"));
      PARLEY_RETURN_IF_ERROR(
          Check(members[sub->rank()] == rank, "rank in the group"));
      PARLEY_RETURN_IF_ERROR(
          sub->AllReduce({some.view()}, {some.view()}, ReduceOp::kSum, *stream)
              .status());
    }
    PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
    PARLEY_RETURN_IF_ERROR(ExpectAll(all, SumOfRanks(comm), "parent"));
    if (sub != nullptr) {
      PARLEY_RETURN_IF_ERROR(ExpectAll(some, 6, "child"));
    }
  }
  return absl::OkStatus();
}

absl::Status BackToBack(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  DeviceArray<float> data(comm.device(), 7, 1);
  DeviceArray<float> other(comm.device(), 7);
  for (int i = 0; i < 50; ++i) {
    PARLEY_RETURN_IF_ERROR(
        comm.AllReduce({data.view()}, {data.view()}, ReduceOp::kMax, *stream)
            .status());
    PARLEY_RETURN_IF_ERROR(comm.Barrier(*stream).status());
    PARLEY_RETURN_IF_ERROR(
        comm.Broadcast({other.view()}, i % comm.size(), *stream).status());
  }
  PARLEY_RETURN_IF_ERROR(stream->WaitHost(absl::InfiniteDuration()));
  return ExpectAll(data, 1, "after 150 operations");
}

absl::Status HandlesAreValues(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  DeviceArray<float> data(comm.device(), 16, 1);
  {
    // Dropped at once: the operation happens all the same.
    PARLEY_RETURN_IF_ERROR(
        comm.AllReduce({data.view()}, {data.view()}, ReduceOp::kSum, *stream)
            .status());
  }
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream));
  Work copy = work;
  Work moved = std::move(work);
  PARLEY_RETURN_IF_ERROR(copy.WaitHost());
  PARLEY_RETURN_IF_ERROR(Check(moved.IsDone(), "the copy's twin is not done"));
  PARLEY_RETURN_IF_ERROR(moved.WaitHost());
  PARLEY_RETURN_IF_ERROR(Work().WaitHost());
  return ExpectAll(data, static_cast<float>(comm.size()), "dropped handle");
}

// A barrier is not done while a rank has not come.
absl::Status BarrierWaitsForAll(Communicator& comm) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  Clock& clock = comm.clock();
  const int64_t late_ns = clock.NowNs() + 50'000'000;
  if (comm.rank() == 1) {
    clock.WaitUntil([] { return false; }, late_ns);
  }
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(*stream));
  if (comm.rank() != 1) {
    PARLEY_RETURN_IF_ERROR(Check(!work.IsDone(), "done without rank 1"));
  }
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  return Check(clock.NowNs() >= late_ns, "left before rank 1 came");
}

ConformanceCase AllOk(const std::string& name, int ranks, RankBody body) {
  return {name, [ranks, body](const ConformanceBackend& backend) {
            ExpectAllOk(backend, ranks, body);
          }};
}

}  // namespace

std::vector<ConformanceCase> OrderingCases() {
  return {AllOk("AllReduceInPlace", 5, AllReduceInPlace),
          AllOk("AllGatherInPlace", 4, AllGatherInPlace),
          AllOk("ListsOfDifferentTensors", 3, Lists),
          AllOk("EmptyLists", 3, EmptyLists),
          AllOk("ListsAreCopied", 3, ListsAreCopied),
          AllOk("SeveralInFlightOnTwoStreams", 4, SeveralInFlight),
          AllOk("OperationKernelOperationWithoutHostWait", 4,
                OperationKernelOperation),
          AllOk("EventsOrderStreams", 3, EventsOrderStreams),
          AllOk("WorkOrdersAStream", 3, WorkOrdersAStream),
          AllOk("SubCommunicators", 6, SubCommunicators),
          AllOk("BackToBack", 5, BackToBack),
          AllOk("HandlesAreValues", 2, HandlesAreValues),
          AllOk("BarrierWaitsForAll", 3, BarrierWaitsForAll)};
}

}  // namespace parley::testing

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/testing/conformance.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parley/base/status_macros.h"
#include "parley/comm/shard.h"
#include "parley/comm/testing/conformance_cases.h"
#include "parley/comm/testing/pairwise.h"
#include "parley/comm/testing/values.h"

namespace parley::testing {
namespace {

enum class CellOp {
  kAllToAll,
  kAllGather,
  kBroadcast,
  kSum,
  kMin,
  kMax,
};
constexpr int kNumOps = 6;
constexpr const char* kOpNames[kNumOps] = {"AllToAll", "AllGather", "Broadcast",
                                           "Sum",      "Min",       "Max"};

constexpr int64_t kCounts[] = {0, 1, 3, 5, 7, 13, 64, 257, 1000, 4096};
constexpr int kMaxRanks = 16;

struct Cell {
  CellOp op;
  int ranks;
  int64_t count;
  DType dtype;
};

std::string NameOf(const Cell& cell) {
  const absl::string_view dtype = Name(cell.dtype);
  return absl::StrCat(kOpNames[static_cast<int>(cell.op)], "_", cell.ranks,
                      "ranks_", cell.count, "x", dtype);
}

bool Exists(const Cell& cell) {
  return cell.op != CellOp::kSum || cell.dtype != DType::kBool;
}

absl::Status CheckValue(const TestTensor& tensor, int64_t index, int expected) {
  const int got = tensor.Get(index);
  if (got == expected) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("element ", index, " is ", got, ", expected ", expected));
}

absl::Status CheckGuards(const TestTensor& tensor) {
  return Check(tensor.GuardsIntact(), "bytes around a tensor were written");
}

absl::Status RunAllToAll(Communicator& comm, const Cell& cell, Stream& stream) {
  const ShardRange own = ShardOf(cell.count, comm.size(), comm.rank());
  TestTensor send =
      FilledTensor(comm.device(), cell.dtype, cell.count, comm.rank());
  TestTensor recv(comm.device(), cell.dtype, comm.size() * own.count);
  PARLEY_ASSIGN_OR_RETURN(Work work,
                          comm.AllToAll({send.view()}, {recv.view()}, stream));
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  for (int from = 0; from < comm.size(); ++from) {
    for (int64_t i = 0; i < own.count; ++i) {
      PARLEY_RETURN_IF_ERROR(
          CheckValue(recv, from * own.count + i,
                     ValueOf(cell.dtype, from, own.begin + i)));
    }
  }
  PARLEY_RETURN_IF_ERROR(CheckGuards(send));
  return CheckGuards(recv);
}

absl::Status RunAllGather(Communicator& comm, const Cell& cell,
                          Stream& stream) {
  const ShardRange own = ShardOf(cell.count, comm.size(), comm.rank());
  TestTensor send =
      FilledTensor(comm.device(), cell.dtype, own.count, comm.rank());
  TestTensor recv(comm.device(), cell.dtype, cell.count);
  PARLEY_ASSIGN_OR_RETURN(Work work,
                          comm.AllGather({send.view()}, {recv.view()}, stream));
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  for (int from = 0; from < comm.size(); ++from) {
    const ShardRange shard = ShardOf(cell.count, comm.size(), from);
    for (int64_t i = 0; i < shard.count; ++i) {
      PARLEY_RETURN_IF_ERROR(
          CheckValue(recv, shard.begin + i, ValueOf(cell.dtype, from, i)));
    }
  }
  return CheckGuards(recv);
}

absl::Status RunBroadcast(Communicator& comm, const Cell& cell,
                          Stream& stream) {
  const int root = static_cast<int>(cell.count) % comm.size();
  TestTensor tensor =
      FilledTensor(comm.device(), cell.dtype, cell.count, comm.rank());
  PARLEY_ASSIGN_OR_RETURN(Work work,
                          comm.Broadcast({tensor.view()}, root, stream));
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  for (int64_t i = 0; i < cell.count; ++i) {
    PARLEY_RETURN_IF_ERROR(CheckValue(tensor, i, ValueOf(cell.dtype, root, i)));
  }
  return CheckGuards(tensor);
}

int Reduced(const Cell& cell, int64_t index) {
  int result = ValueOf(cell.dtype, 0, index);
  for (int rank = 1; rank < cell.ranks; ++rank) {
    const int value = ValueOf(cell.dtype, rank, index);
    switch (cell.op) {
      case CellOp::kMin:
        result = std::min(result, value);
        break;
      case CellOp::kMax:
        result = std::max(result, value);
        break;
      default:
        result += value;
    }
  }
  return result;
}

absl::Status RunAllReduce(Communicator& comm, const Cell& cell,
                          Stream& stream) {
  const ReduceOp op = cell.op == CellOp::kMin   ? ReduceOp::kMin
                      : cell.op == CellOp::kMax ? ReduceOp::kMax
                                                : ReduceOp::kSum;
  TestTensor send =
      FilledTensor(comm.device(), cell.dtype, cell.count, comm.rank());
  TestTensor recv(comm.device(), cell.dtype, cell.count);
  PARLEY_ASSIGN_OR_RETURN(
      Work work, comm.AllReduce({send.view()}, {recv.view()}, op, stream));
  PARLEY_RETURN_IF_ERROR(work.WaitHost());
  for (int64_t i = 0; i < cell.count; ++i) {
    PARLEY_RETURN_IF_ERROR(CheckValue(recv, i, Reduced(cell, i)));
    PARLEY_RETURN_IF_ERROR(
        CheckValue(send, i, ValueOf(cell.dtype, comm.rank(), i)));
  }
  return CheckGuards(recv);
}

absl::Status RunCell(Communicator& comm, const Cell& cell) {
  PARLEY_ASSIGN_OR_RETURN(auto stream, comm.device().CreateStream());
  switch (cell.op) {
    case CellOp::kAllToAll:
      return RunAllToAll(comm, cell, *stream);
    case CellOp::kAllGather:
      return RunAllGather(comm, cell, *stream);
    case CellOp::kBroadcast:
      return RunBroadcast(comm, cell, *stream);
    default:
      return RunAllReduce(comm, cell, *stream);
  }
}

std::vector<Cell> Cells(const ConformanceBackend& backend) {
  const std::vector<int> factors = {kNumOps, kMaxRanks,
                                    static_cast<int>(std::size(kCounts)),
                                    static_cast<int>(kAllDTypes.size())};
  std::vector<Cell> cells;
  for (const std::vector<int>& index :
       backend.exhaustive ? FullProduct(factors) : PairwiseCover(factors)) {
    Cell cell = {static_cast<CellOp>(index[0]), index[1] + 1, kCounts[index[2]],
                 kAllDTypes[static_cast<size_t>(index[3])]};
    // A cell that does not exist still has pairs to cover.
    if (!Exists(cell)) cell.op = CellOp::kAllToAll;
    cells.push_back(cell);
  }
  constexpr int64_t kMillion = 1 << 20;
  for (const Cell& cell :
       {Cell{CellOp::kAllToAll, 4, kMillion, DType::kFloat32},
        Cell{CellOp::kAllGather, 3, kMillion + 1, DType::kBFloat16},
        Cell{CellOp::kSum, 2, kMillion, DType::kFloat32}}) {
    if (cell.count <= backend.max_count + 3) cells.push_back(cell);
  }
  return cells;
}

class FunctionTest : public ::testing::Test {
 public:
  explicit FunctionTest(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

void Register(const std::string& suite, const std::string& name,
              const std::function<void()>& body) {
  ::testing::RegisterTest(
      suite.c_str(), name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
      [body]() -> ::testing::Test* { return new FunctionTest(body); });
}

}  // namespace

absl::Status Check(bool condition, const std::string& what) {
  return condition ? absl::OkStatus() : absl::InternalError(what);
}

void ExpectAllOk(const ConformanceBackend& backend, int ranks,
                 const RankBody& body) {
  const std::vector<absl::Status> statuses = backend.run(ranks, body);
  ASSERT_EQ(statuses.size(), static_cast<size_t>(ranks));
  for (int rank = 0; rank < ranks; ++rank) {
    EXPECT_TRUE(statuses[rank].ok())
        << "rank " << rank << ": " << statuses[rank];
  }
}

bool RegisterConformanceTests(const ConformanceBackend& backend) {
  std::vector<std::string> seen;
  for (const Cell& cell : Cells(backend)) {
    const std::string name = NameOf(cell);
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    seen.push_back(name);
    Register(backend.name + "ConformanceCells", name, [backend, cell] {
      ExpectAllOk(backend, cell.ranks,
                  [cell](Communicator& comm) { return RunCell(comm, cell); });
    });
  }
  for (auto cases : {OrderingCases(), FailureCases(), LostRankCases()}) {
    for (const ConformanceCase& c : cases) {
      Register(backend.name + "Conformance", c.name,
               [backend, c] { c.run(backend); });
    }
  }
  return true;
}

}  // namespace parley::testing

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// One rank of a check of NcclCommunicator on GPU 0, which all ranks share:
//
//   launch --ranks=3 gpu_check nccl_check --case=parity
//
// NCCL refuses two ranks on one GPU unless they seem to be on two machines, so
// each tells it another name of its machine (NCCL_HOSTID), and they talk over
// sockets: right and slow.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "parley/base/clock.h"
#include "parley/base/status_macros.h"
#include "parley/comm/nccl/nccl_communicator.h"
#include "parley/comm/store/environment.h"
#include "parley/comm/store/file_store.h"
#include "parley/comm/testing/conformance.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/device/cuda/runtime_cuda_api.h"
#include "parley/device/cuda/runtime_cuda_kernels.h"
#include "parley/tools/command_line.h"
#include "parley/tools/gpu_check/counted_nccl.h"
#include "parley/tools/gpu_check/death.h"
#include "parley/tools/gpu_check/one_rank.h"
#include "parley/tools/gpu_check/overhead.h"
#include "parley/tools/gpu_check/parity.h"
#include "parley/tools/gpu_check/process_conformance.h"
#include "parley/tools/gpu_check/programs.h"
#include "parley/tools/gpu_check/replay_check.h"
#include "parley/tools/gpu_check/runtime_graph_api.h"
#include "parley/tools/gpu_check/selected_tests.h"

ABSL_FLAG(std::string, case, "",
          "one (1 rank), conformance (1 to 3), parity (2 or more), death (3 or "
          "more), overhead (2), replay (2 or more).");
ABSL_DECLARE_FLAG(uint64_t, seed);
ABSL_FLAG(std::string, recordings, "",
          "A folder in which a rank leaves rank<N>.json, its flight recorder, "
          "if a communicator fails.");

namespace parley::gpu_check {
namespace {

constexpr char kUsage[] =
    "nccl_check: one rank of a check of NCCL, all on GPU 0; run by launch. "
    "Exits\nwith 1 if the check fails, and if there is no GPU or no NCCL.";

// How several ranks share a GPU. What the environment already has stands.
void ShareTheGpu(int rank) {
  const std::string host = absl::StrCat("fake", rank);
  const std::pair<const char*, const char*> variables[] = {
      {"NCCL_HOSTID", host.c_str()}, {"NCCL_SOCKET_IFNAME", "lo"},
      {"NCCL_NET", "Socket"},        {"NCCL_IB_DISABLE", "1"},
      {"NCCL_P2P_DISABLE", "1"},     {"NCCL_SHM_DISABLE", "1"},
      {"NCCL_NVLS_ENABLE", "0"},     {"NCCL_MNNVL_ENABLE", "0"},
      {"NCCL_RAS_ENABLE", "0"},      {"NCCL_MAX_CTAS", "2"},
      {"NCCL_ALGO", "Ring"},         {"NCCL_PROTO", "Simple"},
      {"NCCL_DEBUG", "WARN"},
  };
  for (const auto& [name, value] : variables) setenv(name, value, 0);
}

int VictimOf(int size) { return size - 1; }

absl::Status Conformance(const NcclOptions& options) {
  std::string name = "nccl_check";
  char* argv[] = {name.data(), nullptr};
  int argc = 1;
  ::testing::InitGoogleTest(&argc, argv);
  parley::testing::RegisterConformanceTests(ProcessBackend(options));
  GTEST_FLAG_SET(filter, ConformanceFilter(options.size));
  return RunSelectedTests() == 0
             ? absl::OkStatus()
             : absl::InternalError("the conformance suite failed");
}

absl::StatusOr<std::string> Parity(const NcclOptions& options) {
  ParityOptions parity;
  parity.seed = absl::GetFlag(FLAGS_seed);
  PARLEY_ASSIGN_OR_RETURN(const auto expected,
                          SimulateParity(options.size, parity));
  PARLEY_ASSIGN_OR_RETURN(const auto comm, NcclCommunicator::Create(options));
  PARLEY_ASSIGN_OR_RETURN(const auto got, RunParity(*comm, parity));
  PARLEY_RETURN_IF_ERROR(
      CompareParity(got, expected[static_cast<size_t>(options.rank)]));
  return absl::StrCat(got.size() / 2, " meetings with the simulator's bits");
}

std::string Milliseconds(int64_t ns) {
  return absl::StrCat(ns / 1'000'000, " ms");
}

absl::StatusOr<std::string> Death(NcclOptions options) {
  // What the survivors wait for, should nothing else tell them.
  options.timeout = absl::Seconds(8);
  PARLEY_ASSIGN_OR_RETURN(const auto comm, NcclCommunicator::Create(options));
  DeathOptions death;
  death.victim = VictimOf(options.size);
  // The headers, and the first bytes: behind them it dies.
  death.arrange = [] { DieAfter(2); };
  PARLEY_ASSIGN_OR_RETURN(const DeathReport report,
                          TrainThroughADeath(*comm, death));
  if (options.rank == death.victim) {
    return absl::InternalError("the victim lives");
  }
  return absl::StrCat("told after ", Milliseconds(report.told_ns),
                      ", shrunk in ", Milliseconds(report.shrink_ns),
                      ", met again in ", Milliseconds(report.again_ns),
                      "; told: ", report.told.ToString());
}

absl::StatusOr<std::string> RunOverhead(const NcclOptions& options) {
  PARLEY_ASSIGN_OR_RETURN(const Overhead overhead,
                          MeasureOverhead(options, {}));
  return overhead.ToString();
}

absl::StatusOr<std::string> Replay(const NcclOptions& options) {
  PARLEY_ASSIGN_OR_RETURN(const auto comm, NcclCommunicator::Create(options));
  PARLEY_RETURN_IF_ERROR(CheckCollectiveReplay(
      *options.device, *comm, RuntimeGraphApi(), absl::GetFlag(FLAGS_seed)));
  return "captured collectives give the same bits";
}

absl::StatusOr<std::string> RunCase(const NcclOptions& options) {
  const std::string name = absl::GetFlag(FLAGS_case);
  if (name == "conformance") {
    PARLEY_RETURN_IF_ERROR(Conformance(options));
    return "conformance passed";
  }
  if (name == "one") {
    PARLEY_RETURN_IF_ERROR(CheckOneRank(options));
    return "a communicator of one rank lives and dies as it should";
  }
  if (name == "parity") return Parity(options);
  if (name == "death") return Death(options);
  if (name == "overhead") return RunOverhead(options);
  if (name == "replay") return Replay(options);
  return absl::InvalidArgumentError(
      absl::StrCat("--case=", name, ": there is no such check; see --help"));
}

absl::Status RunRank(const LaunchEnvironment& job) {
  PARLEY_ASSIGN_OR_RETURN(
      const std::unique_ptr<CudaDevice> device,
      CudaDevice::Create(RuntimeCudaApi(), RuntimeCudaKernels(), 0));
  PARLEY_ASSIGN_OR_RETURN(const NcclApi* nccl, LoadNcclApi());
  const NcclApi counted = CountCollectives(*nccl);
  FileStore store(job.store, SteadyClock());
  NcclOptions options;
  options.nccl = &counted;
  options.device = device.get();
  options.store = &store;
  options.rank = job.rank;
  options.size = job.size;
  options.timeout = absl::Seconds(20);
  options.abort_timeout = absl::Seconds(10);
  const std::string recordings = absl::GetFlag(FLAGS_recordings);
  if (!recordings.empty()) {
    options.flight_recorder_path =
        absl::StrCat(recordings, "/rank", job.rank, ".json");
  }
  PARLEY_ASSIGN_OR_RETURN(const std::string summary, RunCase(options));
  if (job.rank == 0) {
    std::cout << summary << "; " << Collectives() << " collectives"
              << std::endl;
  }
  return absl::OkStatus();
}

// The rank that is to be killed is a child of this process, so that its death
// is not what this process ends with: launch would end the others.
absl::Status RunVictim(const LaunchEnvironment& job) {
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "fork");
  if (child == 0) return RunRank(job);
  int how = 0;
  if (waitpid(child, &how, 0) != child) {
    return absl::ErrnoToStatus(errno, "waitpid");
  }
  if (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL) {
    std::cout << "rank " << job.rank << " was killed" << std::endl;
    return absl::OkStatus();
  }
  return absl::InternalError("the rank that was to be killed was not");
}

absl::Status Main() {
  PARLEY_ASSIGN_OR_RETURN(const LaunchEnvironment job,
                          LaunchEnvironment::Read());
  ShareTheGpu(job.rank);
  const bool dies =
      absl::GetFlag(FLAGS_case) == "death" && job.rank == VictimOf(job.size);
  return dies ? RunVictim(job) : RunRank(job);
}

}  // namespace

int NcclCheck(int argc, char** argv) {
  tools::ParseCommandLine(argc, argv, kUsage, {"case", "seed", "recordings"});
  const absl::Status status = Main();
  if (!status.ok()) tools::Fail(status);
  return 0;
}

}  // namespace parley::gpu_check

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Trains the digits' model on GPUs, one process per rank, or on simulated ranks
// in this process, and prints the same line for both: the same bits.
#include <cstdint>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/optional.h"
#include "parley/base/random.h"
#include "parley/base/status_macros.h"
#include "parley/comm/nccl/nccl_api.h"
#include "parley/comm/nccl/nccl_communicator.h"
#include "parley/comm/store/environment.h"
#include "parley/comm/store/open_store.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/device/cuda/runtime_cuda_api.h"
#include "parley/device/cuda/runtime_cuda_kernels.h"
#include "parley/examples/digits/dataset.h"
#include "parley/examples/digits/experiment.h"
#include "parley/examples/digits/rank.h"
#include "parley/tools/command_line.h"
#include "parley/tools/training_flags.h"

ABSL_FLAG(std::string, backend, "sim",
          "sim: simulated ranks, all in this process. nccl: this process is "
          "one rank, with the GPU that LOCAL_RANK numbers.");
ABSL_FLAG(absl::optional<int>, ranks, absl::nullopt,
          "Number of simulated ranks; 8 if not given. With --backend=nccl the "
          "launcher says how many there are.");
ABSL_FLAG(std::string, mode, "periodic",
          "How ranks stay together: synchronous, periodic, final_only or "
          "never.");
ABSL_FLAG(int64_t, period, 8,
          "Steps between two means of the models, with --mode=periodic.");

namespace parley {
namespace {

constexpr char kUsage[] =
    "train: ranks train a digit recogniser and leave with the same bits, on "
    "GPUs as\n"
    "in the simulator.\n\n"
    "The training of simulate, one way of staying together at a time. With\n"
    "--backend=nccl it is started by launch or torchrun, a process per rank:\n"
    "parameters, and gradients where they are averaged, are on the GPUs, and\n"
    "rank 0 prints. Equal flags give the same accuracy and the same "
    "fingerprint\n"
    "of the model with either backend.\n\n"
    "Example: train --ranks=2 --period=16\n"
    "         launch --ranks=2 train --backend=nccl --period=16";

absl::StatusOr<digits::Mode> ModeFromFlags() {
  const std::string name = absl::GetFlag(FLAGS_mode);
  for (const digits::Mode mode :
       {digits::Mode::kSynchronous, digits::Mode::kPeriodic,
        digits::Mode::kFinalOnly, digits::Mode::kNever}) {
    if (digits::Name(mode) == name) return mode;
  }
  return tools::BadFlag("mode", name,
                        "synchronous, periodic, final_only or never");
}

void Print(const digits::TrainingOptions& options, int ranks,
           const digits::TrainingResult& result) {
  absl::PrintF(
      "%s on %d ranks: test accuracy %.2f %%, %d meetings, fingerprint "
      "0x%016x\n",
      tools::WayOf(options), ranks, 100 * result.test_accuracy, result.meetings,
      result.fingerprint);
}

absl::Status TrainInSimulator(const digits::TrainTest& data,
                              const digits::TrainingOptions& training) {
  digits::ExperimentOptions options;
  options.training = training;
  options.world.ranks = absl::GetFlag(FLAGS_ranks).value_or(8);
  options.world.seed = training.seed;
  if (options.world.ranks < 1 || options.world.ranks > 1024) {
    return tools::BadFlag("ranks", absl::StrCat(options.world.ranks),
                          "from 1 to 1024");
  }
  PARLEY_ASSIGN_OR_RETURN(const digits::ExperimentResult result,
                          digits::RunExperiment(data, options));
  Print(training, options.world.ranks, result.training);
  return absl::OkStatus();
}

absl::Status TrainOverNccl(const digits::TrainTest& data,
                           const digits::TrainingOptions& training) {
  if (const absl::optional<int> ranks = absl::GetFlag(FLAGS_ranks)) {
    return tools::BadFlag("ranks", absl::StrCat(*ranks),
                          "left to the launcher with --backend=nccl");
  }
  PARLEY_ASSIGN_OR_RETURN(const auto job, LaunchEnvironment::Read());
  PARLEY_ASSIGN_OR_RETURN(const auto store, OpenStore(job));
  PARLEY_ASSIGN_OR_RETURN(
      const std::unique_ptr<CudaDevice> gpu,
      CudaDevice::Create(RuntimeCudaApi(), RuntimeCudaKernels(),
                         job.local_rank));
  PARLEY_ASSIGN_OR_RETURN(const NcclApi* nccl, LoadNcclApi());
  NcclOptions options;
  options.nccl = nccl;
  options.device = gpu.get();
  options.store = store.get();
  options.rank = job.rank;
  options.size = job.size;
  PARLEY_ASSIGN_OR_RETURN(const std::unique_ptr<NcclCommunicator> comm,
                          NcclCommunicator::Create(options));
  PARLEY_ASSIGN_OR_RETURN(const digits::TrainingResult mine,
                          digits::RunRank(*comm, data, training));
  PARLEY_ASSIGN_OR_RETURN(const digits::TrainingResult all,
                          digits::GatherResults(*comm, training.mode, mine));
  if (job.rank == 0) Print(training, job.size, all);
  return absl::OkStatus();
}

absl::Status Main() {
  PARLEY_ASSIGN_OR_RETURN(digits::TrainingOptions training,
                          tools::TrainingFromFlags());
  PARLEY_ASSIGN_OR_RETURN(training.mode, ModeFromFlags());
  training.period = absl::GetFlag(FLAGS_period);
  if (training.period < 1) {
    return tools::BadFlag("period", absl::StrCat(training.period),
                          "at least 1");
  }
  const std::string backend = absl::GetFlag(FLAGS_backend);
  if (backend != "sim" && backend != "nccl") {
    return tools::BadFlag("backend", backend, "sim or nccl");
  }
  PARLEY_ASSIGN_OR_RETURN(const digits::Dataset images, digits::LoadEmbedded());
  const digits::TrainTest data =
      digits::SplitTrainTest(images, Random(training.seed).Fork("split"));
  return backend == "sim" ? TrainInSimulator(data, training)
                          : TrainOverNccl(data, training);
}

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
  parley::tools::ParseCommandLine(argc, argv, parley::kUsage,
                                  {"backend", "ranks", "mode", "period",
                                   "warmup", "steps", "seed", "shard"});
  if (absl::Status status = parley::Main(); !status.ok()) {
    parley::tools::Fail(status);
  }
  return 0;
}

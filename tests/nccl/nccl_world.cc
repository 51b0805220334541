// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/nccl/nccl_world.h"

#include <memory>

#include "parley/base/status_macros.h"
#include "parley/device/cuda/cuda_device.h"
#include "parley/tests/fakes/fake_kernels.h"

namespace parley::testing {
namespace {

// A rank of the simulated world that talks through NCCL.
class NcclRankContext final : public sim::RankContext {
 public:
  NcclRankContext(sim::RankContext& simulated, Communicator& communicator)
      : simulated_(simulated), communicator_(communicator) {}

  int rank() const override { return simulated_.rank(); }
  int size() const override { return simulated_.size(); }
  Communicator& communicator() override { return communicator_; }
  void Compute(absl::Duration duration) override {
    simulated_.Compute(duration);
  }
  Random& random() override { return simulated_.random(); }

 private:
  sim::RankContext& simulated_;
  Communicator& communicator_;
};

}  // namespace

fakes::FakeReport RunOnNccl(
    const sim::WorldOptions& world, const NcclWorldOptions& options,
    const std::function<absl::Status(sim::RankContext&)>& body) {
  return RunOnFakes(
      world, options.fakes, [&](fakes::FakeRank& rank) -> absl::Status {
        CudaApi cuda = rank.cuda;
        NcclApi nccl = rank.nccl;
        if (options.decorate_cuda != nullptr) options.decorate_cuda(cuda);
        if (options.decorate_nccl != nullptr) options.decorate_nccl(nccl);
        PARLEY_ASSIGN_OR_RETURN(
            const std::unique_ptr<CudaDevice> device,
            CudaDevice::Create(cuda, fakes::FakeCudaKernels(), rank.rank(),
                               rank.clock()));
        NcclOptions nccl_options;
        nccl_options.nccl = &nccl;
        nccl_options.device = device.get();
        nccl_options.store = &rank.store;
        nccl_options.clock = &rank.clock();
        nccl_options.rank = rank.rank();
        nccl_options.size = rank.size();
        nccl_options.timeout = options.timeout;
        nccl_options.abort_timeout = options.abort_timeout;
        nccl_options.progress_interval = options.progress_interval;
        PARLEY_ASSIGN_OR_RETURN(const std::unique_ptr<NcclCommunicator> comm,
                                NcclCommunicator::Create(nccl_options));
        NcclRankContext context(rank.context, *comm);
        return body(context);
      });
}

}  // namespace parley::testing

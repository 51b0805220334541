// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/nccl/table_mutants.h"

#include <cstdio>
#include <cstdlib>

#include "parley/tests/fakes/fake_cuda.h"
#include "parley/tests/fakes/fake_nccl.h"

namespace parley::testing {
namespace {

// What the entries that are replaced call.
const CudaApi& Cuda() { return fakes::FakeCudaApi(); }
NcclApi Nccl() { return fakes::FakeNcclApi(22809); }

void AverageForSum(NcclApi& api) {
  api.AllReduce = [](const void* from, void* to, size_t count,
                     ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                     cudaStream_t stream) {
    if (op == ncclSum && type != ncclUint8) op = ncclAvg;
    return Nccl().AllReduce(from, to, count, type, op, comm, stream);
  };
}

void BlockingCommunicators(NcclApi& api) {
  api.CommInitRankConfig = [](ncclComm_t* comm, int ranks, ncclUniqueId id,
                              int rank, ncclConfig_t* config) {
    config->blocking = 1;
    return Nccl().CommInitRankConfig(comm, ranks, id, rank, config);
  };
}

void ForgetWaits(CudaApi& api) {
  api.StreamWaitEvent = [](cudaStream_t, cudaEvent_t, unsigned int) {
    return cudaSuccess;
  };
}

// On a stream that has nothing to do.
void RecordElsewhere(CudaApi& api) {
  api.EventRecord = [](cudaEvent_t event, cudaStream_t) {
    cudaStream_t other = nullptr;
    Cuda().StreamCreateWithFlags(&other, cudaStreamNonBlocking);
    const cudaError_t error = Cuda().EventRecord(event, other);
    Cuda().StreamDestroy(other);
    return error;
  };
}

// So buffers are given back while operations still use them.
void EndTooEarly(CudaApi& api) {
  api.EventQuery = [](cudaEvent_t) { return cudaSuccess; };
}

struct TableMutant {
  const char* name;
  void (*cuda)(CudaApi&);
  void (*nccl)(NcclApi&);
};

constexpr TableMutant kMutants[] = {
    {"ncclAvg_for_ncclSum", nullptr, AverageForSum},
    {"blocking_communicators", nullptr, BlockingCommunicators},
    {"forgets_a_wait", ForgetWaits, nullptr},
    {"records_on_another_stream", RecordElsewhere, nullptr},
    {"ends_too_early", EndTooEarly, nullptr},
};

}  // namespace

std::vector<std::string> TableMutantNames() {
  std::vector<std::string> names;
  for (const TableMutant& mutant : kMutants) names.push_back(mutant.name);
  return names;
}

NcclWorldOptions MutantWorld(const std::string& name) {
  NcclWorldOptions options;
  if (name.empty()) return options;
  for (const TableMutant& mutant : kMutants) {
    if (name != mutant.name) continue;
    if (mutant.cuda != nullptr) options.decorate_cuda = mutant.cuda;
    if (mutant.nccl != nullptr) options.decorate_nccl = mutant.nccl;
    return options;
  }
  std::fprintf(stderr, "there is no mutant %s\n", name.c_str());
  std::exit(2);
}

}  // namespace parley::testing

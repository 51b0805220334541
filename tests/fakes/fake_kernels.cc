// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_kernels.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "parley/device/cuda/host_launcher.h"
#include "parley/device/cuda/launch.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/tests/fakes/fake_cuda.h"

namespace parley::fakes {
namespace {

using Accesses = std::vector<Access>;

// Enqueues what launch.h launches. Each of its launches is given all that the
// call touches.
struct StreamLauncher {
  using Error = cudaError_t;

  template <typename Body>
  cudaError_t Launch(const typename Body::Params& params, const Grid& grid) {
    auto own = std::make_shared<const typename Body::Params>(params);
    return EnqueueKernel(name, stream, accesses,
                         [own = std::move(own), grid, ticket = ticket] {
                           if (ticket.MayRun()) RunGrid<Body>(*own, grid);
                         });
  }

  const char* name;
  cudaStream_t stream;
  Accesses accesses;
  StreamTicket ticket;
};

cudaError_t LoadAll() { return cudaSuccess; }

cudaError_t Mean(const MeanArgs& args, const LaunchSettings& settings,
                 cudaStream_t stream) {
  const int64_t bytes = args.count * SizeOf(args.dtype);
  Accesses accesses;
  for (int r = 0; r < args.num_inputs; ++r) {
    accesses.push_back({args.inputs[r], bytes});
  }
  for (int j = 0; j < args.num_outputs; ++j) {
    accesses.push_back({args.outputs[j], bytes});
  }
  return LaunchMean(args, settings,
                    StreamLauncher{"Mean", stream, accesses, settings.ticket});
}

cudaError_t CopyBlocks(const BlockCopyList& list,
                       const LaunchSettings& settings, cudaStream_t stream) {
  Accesses accesses;
  for (int i = 0; i < list.num_entries; ++i) {
    const BlockCopy& copy = list.entries[i];
    accesses.push_back({copy.from, copy.bytes});
    accesses.push_back({copy.to, copy.bytes});
  }
  return LaunchCopyBlocks(
      list, settings,
      StreamLauncher{"CopyBlocks", stream, accesses, settings.ticket});
}

// From the first element to the last one in memory; strides are not negative.
int64_t Extent(const ElementLayout& layout, int width) {
  int64_t last = 0;
  for (int d = 0; d < layout.dimensions; ++d) {
    last += (layout.sizes[d] - 1) * layout.strides[d];
  }
  return (last + 1) * width;
}

cudaError_t CopyElements(const ElementCopyList& list,
                         const LaunchSettings& settings, cudaStream_t stream) {
  Accesses accesses;
  for (int i = 0; i < list.num_entries; ++i) {
    const ElementCopy& copy = list.entries[i];
    accesses.push_back({copy.from, Extent(copy.from_layout, copy.width)});
    accesses.push_back({copy.to, Extent(copy.to_layout, copy.width)});
  }
  return LaunchCopyElements(
      list, settings,
      StreamLauncher{"CopyElements", stream, accesses, settings.ticket});
}

cudaError_t Elementwise(const ElementwiseArgs& args,
                        const LaunchSettings& settings, cudaStream_t stream) {
  const int operands = kernels::SignatureOf(args.op).num_operands();
  Accesses accesses;
  for (int64_t i = 0; i < args.num_pieces; ++i) {
    const ElementwisePiece& piece = args.pieces[i];
    for (int k = 0; k < operands; ++k) {
      accesses.push_back(
          {piece.operands[k], piece.count * SizeOf(args.dtypes[k])});
    }
  }
  return LaunchElementwise(args, settings,
                           StreamLauncher{kernels::NameOf(args.op), stream,
                                          accesses, settings.ticket});
}

cudaError_t Fingerprint(const FingerprintArgs& args,
                        const LaunchSettings& settings, cudaStream_t stream) {
  constexpr auto kWordBytes = static_cast<int64_t>(sizeof(uint64_t));
  Accesses accesses = {{args.sum, kWordBytes},
                       {settings.scratch, kScratchWords * kWordBytes}};
  for (int64_t i = 0; i < args.num_pieces; ++i) {
    const FingerprintPiece& piece = args.pieces[i];
    accesses.push_back({piece.data, piece.count * SizeOf(piece.dtype)});
  }
  return LaunchFingerprint(
      args, settings,
      StreamLauncher{"Fingerprint", stream, accesses, settings.ticket});
}

}  // namespace

const CudaKernels& FakeCudaKernels() {
  static constexpr CudaKernels kKernels = {
      LoadAll, Mean, CopyBlocks, CopyElements, Elementwise, Fingerprint,
  };
  return kKernels;
}

}  // namespace parley::fakes

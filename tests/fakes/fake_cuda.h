// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The fake CUDA runtime: the entries of CudaApi over the machine of the moment.
// It keeps CUDA's rules and records a diagnosis where the caller breaks one;
// where CUDA is lenient about something that Parley never wants (the default
// stream, copies of pageable memory), it is strict.
//
//   CudaApi broken = rank.cuda;
//   broken.StreamWaitEvent = [](cudaStream_t, cudaEvent_t, unsigned) {
//     return cudaSuccess;  // a forgotten wait
//   };
//
// Thread-safety: thread-safe.
#ifndef PARLEY_TESTS_FAKES_FAKE_CUDA_H_
#define PARLEY_TESTS_FAKES_FAKE_CUDA_H_

#include <functional>
#include <string>
#include <vector>

#include "parley/device/cuda/cuda_api.h"
#include "parley/tests/fakes/fake_memory.h"

namespace parley::fakes {

const CudaApi& FakeCudaApi();

// What a kernel launch comes to: `run` is called when the stream has got there,
// if the memory that it touches is live then.
cudaError_t EnqueueKernel(const std::string& name, cudaStream_t stream,
                          std::vector<Access> accesses,
                          std::function<void()> run);

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_FAKE_CUDA_H_

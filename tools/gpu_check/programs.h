// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The checks that need the kernels, as one program: these are most of its size,
// and a pack has to be small.
//
//   gpu_check kernels_check --seed=7
//
// Each takes the command line from its own name on, and gives the exit code.
//
// Thread-safety: one of them, once.
#ifndef PARLEY_TOOLS_GPU_CHECK_PROGRAMS_H_
#define PARLEY_TOOLS_GPU_CHECK_PROGRAMS_H_

namespace parley::gpu_check {

int Bandwidth(int argc, char** argv);
int KernelsCheck(int argc, char** argv);
int NcclCheck(int argc, char** argv);

}  // namespace parley::gpu_check

#endif  // PARLEY_TOOLS_GPU_CHECK_PROGRAMS_H_

// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs one of the checks, which the first word of the command line names.
#include <cstdint>
#include <iostream>

#include "absl/flags/flag.h"
#include "absl/strings/string_view.h"
#include "parley/tools/gpu_check/programs.h"

ABSL_FLAG(uint64_t, seed, 1, "What inputs and models are drawn from.");

int main(int argc, char** argv) {
  const absl::string_view name = argc > 1 ? argv[1] : "";
  if (name == "bandwidth") {
    return parley::gpu_check::Bandwidth(argc - 1, argv + 1);
  }
  if (name == "kernels_check") {
    return parley::gpu_check::KernelsCheck(argc - 1, argv + 1);
  }
  if (name == "nccl_check") {
    return parley::gpu_check::NcclCheck(argc - 1, argv + 1);
  }
  std::cerr << "gpu_check: say bandwidth, kernels_check or nccl_check; each "
               "has a --help\n";
  return 1;
}

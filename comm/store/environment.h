// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// LaunchEnvironment: who this process is among those of its job, as its
// launcher says: //tools:launch, torchrun, or anything else that sets the same
// variables.
//
//   PARLEY_ASSIGN_OR_RETURN(const LaunchEnvironment environment,
//                           LaunchEnvironment::Read());
//   PARLEY_ASSIGN_OR_RETURN(const auto store, OpenStore(environment));
//
// Thread-safety: a value. Read() must not run while another thread changes the
// environment.
#ifndef PARLEY_COMM_STORE_ENVIRONMENT_H_
#define PARLEY_COMM_STORE_ENVIRONMENT_H_

#include <string>

#include "absl/status/statusor.h"

namespace parley {

struct LaunchEnvironment {
  int rank = 0;             // RANK: in 0..size-1
  int size = 1;             // WORLD_SIZE
  int local_rank = 0;       // LOCAL_RANK: among those on this machine
  int local_size = 1;       // LOCAL_WORLD_SIZE
  std::string master_addr;  // MASTER_ADDR: where rank 0 can be reached
  int master_port = 0;      // MASTER_PORT: free for the job to use, 1..65535
  // PARLEY_STORE: for OpenStore(), a folder or what else it takes, new for this
  // job. "" where the launcher sets none, as torchrun.
  std::string store;

  // Reads all of them. kFailedPrecondition if one but PARLEY_STORE is missing,
  // kInvalidArgument if one is not what it has to be; the message names the
  // variable and its value.
  static absl::StatusOr<LaunchEnvironment> Read();
};

}  // namespace parley

#endif  // PARLEY_COMM_STORE_ENVIRONMENT_H_

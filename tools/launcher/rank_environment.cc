// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/launcher/rank_environment.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace parley::tools {

std::vector<std::string> RankEnvironment(int rank, int ranks, int master_port,
                                         const std::string& store_directory) {
  std::vector<std::string> set = {
      absl::StrCat("RANK=", rank),
      absl::StrCat("WORLD_SIZE=", ranks),
      absl::StrCat("LOCAL_RANK=", rank),
      absl::StrCat("LOCAL_WORLD_SIZE=", ranks),
      "MASTER_ADDR=127.0.0.1",
      absl::StrCat("MASTER_PORT=", master_port),
      absl::StrCat("PARLEY_STORE=", store_directory),
  };
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const bool replaced =
        std::any_of(set.begin(), set.end(), [&](const std::string& ours) {
          return absl::StartsWith(
              *entry, absl::string_view(ours).substr(0, ours.find('=') + 1));
        });
    if (!replaced) all.push_back(*entry);
  }
  all.insert(all.end(), set.begin(), set.end());
  return all;
}

absl::StatusOr<int> FreePort() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, "socket");
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t length = sizeof(address);
  sockaddr* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool found = bind(descriptor, generic, length) == 0 &&
                     getsockname(descriptor, generic, &length) == 0;
  const int error = errno;
  close(descriptor);
  if (!found) return absl::ErrnoToStatus(error, "cannot find a free port");
  return int{ntohs(address.sin_port)};
}

}  // namespace parley::tools

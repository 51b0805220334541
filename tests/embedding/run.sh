#!/usr/bin/env bash
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs Parley from an enclosing workspace that has a base/mutex.h, a
# comm/communicator.h and an ASSIGN_OR_RETURN of its own, as a monorepo does.
# Not a Bazel test, since it runs Bazel. Arguments are options for its builds.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'cd /; "$repository/bazelw" --output_base="$work/out" shutdown >/dev/null 2>&1 || true
      chmod -R u+w "$work"; rm -rf "$work"' EXIT

mkdir -p "$work/ws/base" "$work/ws/comm" "$work/ws/app"
cd "$work/ws"

cat >WORKSPACE <<END
workspace(name = "enclosing")

local_repository(
    name = "parley",
    path = "$repository",
)

load("@parley//third_party:repositories.bzl", "parley_repositories")

parley_repositories()
END
cat >base/mutex.h <<'END'
#pragma once
#define ASSIGN_OR_RETURN(...) "the enclosing workspace's"
namespace base { struct Mutex { int mine = 41; }; }
END
cat >base/BUILD <<'END'
cc_library(name = "mutex", hdrs = ["mutex.h"], visibility = ["//visibility:public"])
END
cat >comm/communicator.h <<'END'
#pragma once
namespace comm { struct Communicator { int mine = 1; }; }
END
cat >comm/BUILD <<'END'
cc_library(name = "communicator", hdrs = ["communicator.h"], visibility = ["//visibility:public"])
END
cat >app/main.cc <<'END'
#include <cstdio>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "comm/communicator.h"
#include "parley/averaging/model_averager.h"
#include "parley/base/status_macros.h"
#include "parley/sim/world.h"

namespace {

absl::Status Train(parley::sim::RankContext& rank) {
  std::vector<float> model(3, static_cast<float>(rank.rank()));
  PARLEY_ASSIGN_OR_RETURN(
      parley::ParameterSet parameters,
      parley::ParameterSet::Create(
          {{.parameters = {{.name = "model",
                            .tensor = parley::TensorView::Of(
                                absl::MakeSpan(model))}}}}));
  PARLEY_ASSIGN_OR_RETURN(
      auto averager,
      parley::ModelAverager::Create(
          {.communicator = &rank.communicator(),
           .parameters = parameters,
           .schedule = parley::PeriodicSchedule({.period = 2})}));
  PARLEY_RETURN_IF_ERROR(averager->Step().status());
  return model[2] == 1.5f ? absl::OkStatus() : absl::InternalError("no mean");
}

}  // namespace

int main() {
  const std::string macro = ASSIGN_OR_RETURN(a, b);
  const int mine = base::Mutex().mine + comm::Communicator().mine;
  const parley::sim::Report report = parley::sim::World({.ranks = 4}).Run(Train);
  std::printf("%s %d %s\n", macro.c_str(), mine, report.ToString().c_str());
  return mine == 42 && report.status.ok() ? 0 : 1;
}
END
cat >app/BUILD <<'END'
cc_binary(
    name = "main",
    srcs = ["main.cc"],
    copts = ["-std=c++20"],
    deps = [
        "//base:mutex",
        "//comm:communicator",
        "@parley//averaging:model_averager",
        "@parley//base:status_macros",
        "@parley//sim:world",
    ],
)
END

options=("$@")
run() {
  "$repository/bazelw" --output_base="$work/out" run "${options[@]}" "$@" \
    --nosandbox_debug
}
run //app:main
run @parley//examples/minimal
echo "the enclosing workspace built and ran both programs"

# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""@com_github_google_benchmark out of an installed one (Debian's libbenchmark-dev)."""

_BUILD = """load("@rules_cc//cc:defs.bzl", "cc_library")

package(default_visibility = ["//visibility:public"])

cc_library(
    name = "benchmark",
    hdrs = glob(["include/benchmark/*.h"]),
    includes = ["include"],
    linkopts = ["-lbenchmark", "-pthread"],
)

cc_library(
    name = "benchmark_main",
    srcs = ["benchmark_main.cc"],
    deps = [":benchmark"],
    alwayslink = True,
)
"""

_MAIN = """#include "benchmark/benchmark.h"

BENCHMARK_MAIN();
"""

def _system_benchmark_impl(rctx):
    for prefix in ["/usr/local", "/usr"]:
        if rctx.path(prefix + "/include/benchmark/benchmark.h").exists:
            rctx.symlink(prefix + "/include/benchmark", "include/benchmark")
            rctx.file("BUILD.bazel", _BUILD, executable = False)
            rctx.file("benchmark_main.cc", _MAIN, executable = False)
            rctx.file("WORKSPACE", executable = False)
            return
    fail("@%s: no installed Google Benchmark found (on Debian: apt-get install libbenchmark-dev). " % rctx.name +
         "Or define the repository yourself before this one, or pass " +
         "--override_repository=%s=/path/to/benchmark." % rctx.name)

system_benchmark = repository_rule(
    implementation = _system_benchmark_impl,
    local = True,
)

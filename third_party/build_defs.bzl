# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""The macros over cc_* that every package uses.

They give each header the name parley/<package>/<header>, inside this repository
and in one that depends on it, and the flags without which results would differ:
a repository that depends on this one does not inherit its .bazelrc.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

# No fused multiply-add: it would make results depend on the compiler and on the
# instruction set.
_COPTS = ["-std=c++20", "-ffp-contract=off"]

# For copts: loops over elements are optimised unless somebody debugs them.
# Without it, tests in the default mode would spend their time there; with it,
# sanitizers would spend longer compiling them than running them.
LOOPS = select({
    "//third_party:debug": [],
    "//third_party:sanitizer": [],
    "//conditions:default": ["-O2"],
})

def parley_cc_library(name, copts = [], **kwargs):
    """cc_library whose headers are included as parley/<package>/<header>."""
    cc_library(
        name = name,
        copts = _COPTS + copts,
        include_prefix = "parley/" + native.package_name(),
        strip_include_prefix = "/" + native.package_name(),
        **kwargs
    )

def parley_cc_test(name, deps = [], size = "small", copts = [], **kwargs):
    """cc_test with GoogleTest and its main."""
    cc_test(
        name = name,
        size = size,
        copts = _COPTS + copts,
        deps = deps + ["@com_google_googletest//:gtest_main"],
        **kwargs
    )

def parley_cc_binary(name, copts = [], **kwargs):
    cc_binary(
        name = name,
        copts = _COPTS + copts,
        **kwargs
    )

def parley_cc_benchmark(name, deps = [], **kwargs):
    """A Google Benchmark program, run by hand."""
    parley_cc_binary(
        name = name,
        testonly = True,
        tags = ["benchmark"],
        deps = deps + ["@com_github_google_benchmark//:benchmark_main"],
        **kwargs
    )

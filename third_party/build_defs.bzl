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
COPTS = ["-std=c++20", "-ffp-contract=off"]

# For copts: loops over elements are optimised unless somebody debugs them. Without it,
# tests in the default mode would spend their time there; with it, sanitizers would spend
# longer compiling them than running them.
LOOPS = ["-O2"]

def _copts_and_deps(copts):
    """What a target compiles with: its copts, and the precompiled header if it can.

    That header (pch/pch.bzl) fits one set of flags only, and a program that is compiled
    without optimising.
    """
    if copts == LOOPS:
        return COPTS + select({
            "//third_party:debug": [],
            "//third_party:sanitizer": [],
            "//conditions:default": LOOPS,
        }), []
    if copts:
        return COPTS + copts, []
    return COPTS + select({
        "//third_party:pch": ["-include", "$(BINDIR)/third_party/pch/common.h"],
        "//conditions:default": [],
    }), select({
        "//third_party:pch": ["//third_party/pch:common"],
        "//conditions:default": [],
    })

def parley_cc_library(name, copts = [], deps = [], **kwargs):
    """cc_library whose headers are included as parley/<package>/<header>."""
    copts, pch = _copts_and_deps(copts)
    cc_library(
        name = name,
        copts = copts,
        deps = deps + pch,
        include_prefix = "parley/" + native.package_name(),
        strip_include_prefix = "/" + native.package_name(),
        **kwargs
    )

def parley_cc_test(name, deps = [], size = "small", copts = [], **kwargs):
    """cc_test with GoogleTest and its main."""
    copts, pch = _copts_and_deps(copts)
    cc_test(
        name = name,
        size = size,
        copts = copts,
        deps = deps + ["@com_google_googletest//:gtest_main"] + pch,
        **kwargs
    )

def parley_cc_binary(name, copts = [], deps = [], **kwargs):
    copts, pch = _copts_and_deps(copts)
    cc_binary(
        name = name,
        copts = copts,
        deps = deps + pch,
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

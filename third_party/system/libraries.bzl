# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""Repositories out of installed libraries that need no more than headers and a -l flag."""

_PREFIXES = ["/usr/local", "/usr"]

def _installed_prefix(rctx, header, package):
    for prefix in _PREFIXES:
        if rctx.path(prefix + "/include/" + header).exists:
            return prefix
    fail("@%s: no installed %s found (on Debian: apt-get install %s). " % (rctx.name, header, package) +
         "Or define the repository yourself before this one, or pass " +
         "--override_repository=%s=/path/to/it." % rctx.name)

_HEAD = """load("@rules_cc//cc:defs.bzl", "cc_library")

package(default_visibility = ["//visibility:public"])

"""

_HIGHWAY = _HEAD + """cc_library(
    name = "hwy",
    hdrs = glob(["include/hwy/**/*.h"]),
    includes = ["include"],
    linkopts = ["-lhwy"],
)
"""

_HIREDIS = _HEAD + """cc_library(
    name = "hiredis",
    hdrs = glob(["include/hiredis/*.h"]),
    includes = ["include"],
    linkopts = ["-lhiredis"],
)
"""

_JSON = _HEAD + """cc_library(
    name = "json",
    hdrs = glob(["include/nlohmann/**/*.hpp"]),
    includes = ["include"],
)
"""

_RAPIDCHECK = _HEAD + """cc_library(
    name = "rapidcheck",
    hdrs = glob(["include/rapidcheck.h", "include/rapidcheck/**"]),
    includes = ["include"],
    linkopts = ["-lrapidcheck"],
)

cc_library(
    name = "rapidcheck_gtest",
    deps = [
        ":rapidcheck",
        "@com_google_googletest//:gtest",
    ],
)
"""

def _system_highway_impl(rctx):
    prefix = _installed_prefix(rctx, "hwy/highway.h", "libhwy-dev")
    rctx.symlink(prefix + "/include/hwy", "include/hwy")
    rctx.file("BUILD.bazel", _HIGHWAY, executable = False)
    rctx.file("WORKSPACE", executable = False)

def _system_hiredis_impl(rctx):
    prefix = _installed_prefix(rctx, "hiredis/hiredis.h", "libhiredis-dev")
    rctx.symlink(prefix + "/include/hiredis", "include/hiredis")
    rctx.file("BUILD.bazel", _HIREDIS, executable = False)
    rctx.file("WORKSPACE", executable = False)

def _system_json_impl(rctx):
    prefix = _installed_prefix(rctx, "nlohmann/json.hpp", "nlohmann-json3-dev")
    rctx.symlink(prefix + "/include/nlohmann", "include/nlohmann")
    rctx.file("BUILD.bazel", _JSON, executable = False)
    rctx.file("WORKSPACE", executable = False)

def _system_rapidcheck_impl(rctx):
    prefix = _installed_prefix(rctx, "rapidcheck.h", "librapidcheck-dev")
    rctx.symlink(prefix + "/include/rapidcheck", "include/rapidcheck")
    rctx.symlink(prefix + "/include/rapidcheck.h", "include/rapidcheck.h")
    rctx.file("BUILD.bazel", _RAPIDCHECK, executable = False)
    rctx.file("WORKSPACE", executable = False)

system_highway = repository_rule(implementation = _system_highway_impl, local = True)
system_hiredis = repository_rule(implementation = _system_hiredis_impl, local = True)
system_json = repository_rule(implementation = _system_json_impl, local = True)
system_rapidcheck = repository_rule(implementation = _system_rapidcheck_impl, local = True)

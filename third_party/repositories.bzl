# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""Every external repository this module uses, each only if nobody defined it before.

A monorepo that vendors this directory either defines the canonical repositories
itself (http_archive, local_repository, ...) before calling parley_repositories(), or
does not call it at all.
"""

load("//third_party/bazel_compat:repositories.bzl", "bazel_compat_repositories")
load("//third_party/cuda:local_cuda.bzl", "local_cuda")
load("//third_party/system:absl.bzl", "system_absl")
load("//third_party/system:benchmark.bzl", "system_benchmark")
load("//third_party/system:googletest.bzl", "system_googletest")
load("//third_party/system:libraries.bzl", "system_highway", "system_hiredis", "system_json", "system_rapidcheck")

def _maybe(rule, name, **kwargs):
    if not native.existing_rule(name):
        rule(name = name, **kwargs)

def parley_repositories():
    """Defines what is not yet defined of this module's external repositories."""
    bazel_compat_repositories()
    _maybe(system_absl, "com_google_absl")
    _maybe(system_googletest, "com_google_googletest")
    _maybe(system_benchmark, "com_github_google_benchmark")
    _maybe(system_highway, "com_google_highway")
    _maybe(system_hiredis, "hiredis")
    _maybe(system_json, "nlohmann_json")
    _maybe(system_rapidcheck, "rapidcheck")
    _maybe(local_cuda, "local_cuda")

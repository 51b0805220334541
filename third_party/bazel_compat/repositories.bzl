# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""Lets Debian's bazel-bootstrap (4.2.3) work without a network.

That Bazel's own @bazel_tools packages load rules_cc and rules_java and depend on
remote_coverage_tools, which Bazel would download. Each is replaced by a few lines
that forward to Bazel 4's native rules. Debian's bazel-rules-cc (0.0.4) is not usable
instead: it needs a newer @bazel_tools (use_cpp_toolchain).

Only for a Bazel without a release label, which is what Debian's is; an official
Bazel gets the real repositories.
"""

_CC_RULES = [
    "cc_binary",
    "cc_import",
    "cc_library",
    "cc_proto_library",
    "cc_test",
    "cc_toolchain",
    "cc_toolchain_suite",
    "objc_library",
]

_JAVA_RULES = [
    "java_binary",
    "java_import",
    "java_library",
    "java_plugin",
    "java_proto_library",
    "java_runtime",
    "java_test",
    "java_toolchain",
]

def _forward(rules):
    return "".join(["%s = native.%s\n" % (r, r) for r in rules])

# Bazel 4's globals under other names, so that files of the shim can re-export them.
_BUILTINS = """builtin_cc_common = cc_common
builtin_cc_info = CcInfo
"""

_FIND_CC_TOOLCHAIN = """load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

CC_TOOLCHAIN_TYPE = "@bazel_tools//tools/cpp:toolchain_type"

def find_cc_toolchain(ctx):
    return find_cpp_toolchain(ctx)

def use_cc_toolchain(mandatory = False):
    return [CC_TOOLCHAIN_TYPE]
"""

_CC_BUILD = """alias(
    name = "current_cc_toolchain",
    actual = "@bazel_tools//tools/cpp:current_cc_toolchain",
    visibility = ["//visibility:public"],
)
"""

def _inline_repository_impl(rctx):
    rctx.file("WORKSPACE", executable = False)
    for path, content in rctx.attr.files.items():
        rctx.file(path, content, executable = False)
    for label, path in rctx.attr.links.items():
        rctx.symlink(label, path)

_inline_repository = repository_rule(
    implementation = _inline_repository_impl,
    attrs = {
        "files": attr.string_dict(),
        "links": attr.label_keyed_string_dict(allow_files = True),
    },
)

_COVERAGE_BUILD = """
package(default_visibility = ["//visibility:public"])

sh_binary(name = "lcov_merger", srcs = ["merger.py"])

sh_binary(name = "coverage_report_generator", srcs = ["merger.py"])
"""

def bazel_compat_repositories():
    """Defines rules_cc, rules_java and remote_coverage_tools for Debian's Bazel only."""
    if native.bazel_version:
        return
    existing = native.existing_rules()
    if "rules_cc" not in existing:
        _inline_repository(
            name = "rules_cc",
            files = dict(
                [("cc/%s.bzl" % r, _forward([r])) for r in _CC_RULES],
                **{
                    "cc/BUILD": _CC_BUILD,
                    "cc/common/BUILD": "",
                    "cc/common/cc_common.bzl": "load(\"//cc/private:builtins.bzl\", \"builtin_cc_common\")\n\ncc_common = builtin_cc_common\n",
                    "cc/common/cc_info.bzl": "load(\"//cc/private:builtins.bzl\", \"builtin_cc_info\")\n\nCcInfo = builtin_cc_info\n",
                    "cc/defs.bzl": _forward(_CC_RULES),
                    "cc/find_cc_toolchain.bzl": _FIND_CC_TOOLCHAIN,
                    "cc/private/BUILD": "",
                    "cc/private/builtins.bzl": _BUILTINS,
                }
            ),
        )
    if "rules_java" not in existing:
        _inline_repository(
            name = "rules_java",
            files = {
                "java/BUILD": "",
                "java/defs.bzl": _forward(_JAVA_RULES),
            },
        )
    if "remote_coverage_tools" not in existing:
        _inline_repository(
            name = "remote_coverage_tools",
            files = {"BUILD": _COVERAGE_BUILD},
            links = {Label("//third_party/bazel_compat:coverage_merger.py"): "merger.py"},
        )

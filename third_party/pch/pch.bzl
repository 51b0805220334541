# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""precompiled_header: a header that the compiler has read once for all.

Most of the time of a small source goes into the same headers of Abseil and GoogleTest.
With --define=parley_pch=true, which this repository's .bazelrc gives, the macros of
build_defs.bzl have the compiler begin with this header, ready-made.
"""

load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain", "use_cc_toolchain")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")

_ACTION = "c++-compile"

# clang++ writes the names of the headers and the time of their last change. So that the
# file is good in any folder, and the same from each clone, the names are relative: clang++
# calls it relocatable, and cuts off what it takes for the root of the system's headers, here
# the folder in which it runs. .bazelrc says what it puts in front again (build:clang).
_CLANG_COPTS = [
    "-Xclang",
    "-fno-pch-timestamp",
    "-Xclang",
    "-relocatable-pch",
    "-Xclang",
    "-isysroot",
    "-Xclang",
    "/proc/self/cwd",
]
_CLANG_ENV = {"PWD": "/proc/self/cwd"}

def _precompiled_header_impl(ctx):
    toolchain = find_cc_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    deps = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])

    # g++ and clang++ both look for NAME.gch beside the NAME that they are to include.
    header = ctx.actions.declare_file(ctx.file.hdr.basename)
    compiled = ctx.actions.declare_file(ctx.file.hdr.basename + ".gch")
    ctx.actions.symlink(output = header, target_file = ctx.file.hdr)

    is_clang = "clang" in toolchain.compiler
    context = deps.compilation_context
    variables = cc_common.create_compile_variables(
        cc_toolchain = toolchain,
        feature_configuration = features,
        include_directories = context.includes,
        output_file = compiled.path,
        preprocessor_defines = context.defines,
        quote_include_directories = context.quote_includes,
        source_file = header.path,
        system_include_directories = context.system_includes,
        use_pic = True,
        # In the order in which cc_library has them.
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts +
                             ctx.attr.copts + ["-x", "c++-header"] +
                             (_CLANG_COPTS if is_clang else []),
    )
    ctx.actions.run(
        arguments = cc_common.get_memory_inefficient_command_line(
            action_name = _ACTION,
            feature_configuration = features,
            variables = variables,
        ),
        env = dict(
            cc_common.get_environment_variables(
                action_name = _ACTION,
                feature_configuration = features,
                variables = variables,
            ),
            **(_CLANG_ENV if is_clang else {})
        ),
        executable = cc_common.get_tool_for_action(
            action_name = _ACTION,
            feature_configuration = features,
        ),
        inputs = depset([header], transitive = [context.headers, toolchain.all_files]),
        mnemonic = "CppPrecompile",
        outputs = [compiled],
        progress_message = "Precompiling %s" % ctx.file.hdr.short_path,
    )
    return [
        CcInfo(
            # With the headers it was made of, since clang++ names them as dependencies of
            # whatever uses it.
            compilation_context = cc_common.merge_cc_infos(cc_infos = [
                CcInfo(compilation_context = cc_common.create_compilation_context(
                    headers = depset([header, compiled]),
                )),
                deps,
            ]).compilation_context,
        ),
    ]

precompiled_header = rule(
    implementation = _precompiled_header_impl,
    attrs = {
        "copts": attr.string_list(),
        "deps": attr.label_list(providers = [CcInfo]),
        "hdr": attr.label(allow_single_file = [".h"]),
        "_cc_toolchain": attr.label(
            default = Label("@rules_cc//cc:current_cc_toolchain"),
        ),
    },
    fragments = ["cpp"],
    toolchains = use_cc_toolchain(),
)

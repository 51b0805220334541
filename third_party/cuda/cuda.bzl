# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""What needs CUDA or NCCL: REQUIRES_* for target_compatible_with, and cuda_library."""

load("@local_cuda//:defs.bzl", "GPU_CODES", "NVCC")
load("@rules_cc//cc:defs.bzl", "cc_library")
load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain", "use_cc_toolchain")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")

def _requires(setting):
    # As strings, because Bazel 4's select() takes no Label; resolved from this file, so
    # that a macro's caller need not see @local_cuda.
    return select({
        str(Label("@local_cuda//:" + setting)): [],
        "//conditions:default": [str(Label("@local_cuda//:incompatible"))],
    })

# A target with one of these is skipped where what it needs is not installed:
# the headers of CUDA,
REQUIRES_CUDA = _requires("cuda_is_available")

# those of CUDA and NCCL,
REQUIRES_NCCL = _requires("nccl_is_available")

# those of CUDA, its compiler and the static runtime.
REQUIRES_NVCC = _requires("nvcc_is_available")

# A100, H100 and B200, as far as the compiler knows them. The PTX of the last is what
# drivers compile for any later GPU.
_CODES = [code for code in ["sm_80", "sm_90", "sm_100"] if code in GPU_CODES]
_ALL_ARCHITECTURES = _CODES + [code.replace("sm_", "compute_") for code in _CODES[-1:]]

# Results are defined bit for bit: no fused multiply-add.
_NVCC_FLAGS = [
    "--fmad=false",
    "-Werror",
    "all-warnings",
]

def _architectures(ctx):
    """All of them, but where only host code is looked at, which takes nvcc as long for each."""
    if ctx.var.get("parley_sanitizer") == "true":
        return _CODES[:1]
    return _ALL_ARCHITECTURES

def _gencode(code):
    return "-gencode=arch=compute_%s,code=%s" % (code.split("_")[1], code)

def _flags(ctx):
    """What the compilation mode and the command line ask for."""
    flags = []
    if ctx.var["COMPILATION_MODE"] == "dbg":
        flags += ["-g", "-lineinfo"]
    elif ctx.var["COMPILATION_MODE"] == "opt":
        flags += ["-O3", "-DNDEBUG", "-lineinfo"]
    if ctx.var.get("parley_ptxas") == "verbose":
        flags += ["-Xptxas", "-v"]
    standard = None
    for flag in ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts:
        if flag.startswith("-std="):
            standard = flag
        elif flag.startswith("-fsanitize=") or flag.startswith("-fno-sanitize"):
            flags.append("-Xcompiler=" + flag)
    return flags + [standard or "-std=c++20"]

def _cuda_objects_impl(ctx):
    if not NVCC:
        fail("no CUDA compiler; give the target target_compatible_with = REQUIRES_NVCC")
    toolchain = find_cc_toolchain(ctx)
    context = cc_common.merge_cc_infos(
        cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
    ).compilation_context
    flags = _flags(ctx)
    root = ctx.label.workspace_root

    objects = []
    for src in ctx.files.srcs:
        # .pic.o: Bazel takes it for shared libraries and for executables alike.
        obj = ctx.actions.declare_file("_cuda/%s/%s.pic.o" % (ctx.label.name, src.basename))
        args = ctx.actions.args()
        args.add("-ccbin", toolchain.compiler_executable)
        args.add("-x", "cu")
        args.add("-c", src)
        args.add("-o", obj)
        args.add_all(_architectures(ctx), map_each = _gencode)
        args.add("-Xcompiler=-fPIC,-ffp-contract=off")
        args.add_all(_NVCC_FLAGS + flags)
        args.add_all([root or ".", ctx.bin_dir.path + ("/" + root if root else "")], before_each = "-I")
        args.add_all(context.defines, before_each = "-D")
        args.add_all(context.quote_includes, before_each = "-I")
        args.add_all(context.includes, before_each = "-I")
        args.add_all(context.system_includes, before_each = "-isystem")
        ctx.actions.run(
            executable = NVCC,
            arguments = [args],
            inputs = depset(
                [src],
                transitive = [context.headers, toolchain.all_files],
            ),
            outputs = [obj],
            mnemonic = "CudaCompile",
            progress_message = "Compiling %s" % src.short_path,
            use_default_shell_env = True,
        )
        objects.append(obj)
    return [DefaultInfo(files = depset(objects))]

_cuda_objects = rule(
    implementation = _cuda_objects_impl,
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "srcs": attr.label_list(allow_files = [".cu"]),
        "_cc_toolchain": attr.label(
            default = Label("@rules_cc//cc:current_cc_toolchain"),
        ),
    },
    fragments = ["cpp"],
    toolchains = use_cc_toolchain(),
)

def cuda_library(name, srcs, deps = [], **kwargs):
    """A cc_library of .cu files, skipped where there is no CUDA compiler.

    Its headers are those of `deps`. It is linked statically, so that a program has the
    CUDA runtime once. --define=parley_ptxas=verbose prints registers and spills.
    """
    deps = deps + [str(Label("@local_cuda//:cudart_static"))]
    _cuda_objects(
        name = name + "_objects",
        srcs = srcs,
        deps = deps,
        tags = ["manual"],
        target_compatible_with = REQUIRES_NVCC,
        visibility = ["//visibility:private"],
    )
    cc_library(
        name = name,
        srcs = [":" + name + "_objects"],
        linkstatic = True,
        deps = deps,
        target_compatible_with = REQUIRES_NVCC,
        **kwargs
    )

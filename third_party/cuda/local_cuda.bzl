# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""@local_cuda: an installed CUDA toolkit and NCCL, or stand-ins where there is none.

The toolkit is $CUDA_PATH or else $CUDA_HOME, where one is set, and otherwise the first
of /usr/local/cuda and NVIDIA's Python wheels (nvidia-cuda-runtime, nvidia-cuda-nvcc,
...) that the python3 on PATH finds. NCCL is looked for in $NCCL_HOME, the toolkit, /usr
and the wheels (nvidia-nccl-cu13). To build without CUDA on a machine that has it:
--repo_env=CUDA_PATH=/none.

Targets: cuda_headers and nccl_headers, which link nothing; cudart_static. What is
missing is there as an incompatible target, so that every package loads; use REQUIRES_*
of cuda.bzl.
"""

_HEAD = """load("@rules_cc//cc:defs.bzl", "cc_library")
load(":settings.bzl", "fixed_flag")

package(default_visibility = ["//visibility:public"])

fixed_flag(
    name = "cuda",
    value = {cuda},
)

fixed_flag(
    name = "nvcc",
    value = {nvcc},
)

fixed_flag(
    name = "nccl",
    value = {nccl},
)

config_setting(
    name = "cuda_is_available",
    flag_values = {{":cuda": "True"}},
)

config_setting(
    name = "nvcc_is_available",
    flag_values = {{":nvcc": "True"}},
)

config_setting(
    name = "nccl_is_available",
    flag_values = {{":nccl": "True"}},
)

# Never part of any platform: a target that is compatible with it is skipped.
constraint_setting(name = "never")

constraint_value(
    name = "incompatible",
    constraint_setting = ":never",
)
"""

_MISSING = """
cc_library(
    name = "{name}",
    target_compatible_with = [":incompatible"],
)
"""

_CUDA_HEADERS = """
cc_library(
    name = "cuda_headers",
    hdrs = glob(
        [
            "include/*.h",
            "include/*.hpp",
            "include/crt/**",
            "include/nv/**",
            "include/cccl/nv/**",
        ],
        exclude = ["include/nccl*", "include/cudnn*"],
    ),
    includes = {includes},
)
"""

_CUDART_STATIC = """
cc_library(
    name = "cudart_static",
    srcs = ["lib/libcudart_static.a"],
    linkopts = ["-ldl", "-lrt", "-pthread"],
    linkstatic = True,
    deps = [":cuda_headers"],
)
"""

_NCCL_HEADERS = """
cc_library(
    name = "nccl_headers",
    hdrs = glob(["nccl/include/**/*.h"]),
    includes = ["nccl/include"],
    deps = [":cuda_headers"],
)
"""

# A flag, because config_setting knows no other way to read a value; but its value is
# fixed by what is installed.
_SETTINGS = """FixedFlagInfo = provider(fields = ["value"])

def _fixed_flag_impl(ctx):
    return FixedFlagInfo(value = ctx.build_setting_value)

_fixed_flag = rule(
    implementation = _fixed_flag_impl,
    build_setting = config.bool(),
)

def fixed_flag(name, value):
    _fixed_flag(name = name, build_setting_default = value)
"""

_DEFS = """NVCC = {nvcc}
GPU_CODES = {codes}
"""

_FIND_WHEELS = """
import importlib.util
spec = importlib.util.find_spec("nvidia")
for folder in (spec and spec.submodule_search_locations) or []:
    print(folder)
"""

_LIBRARY_FOLDERS = ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"]

def _first_existing(rctx, candidates):
    for c in candidates:
        if rctx.path(c).exists:
            return c
    return None

def _wheels(rctx, names):
    """The folders of the wheels with these names, where python3 would import them from."""
    python = rctx.which("python3")
    if not python:
        return []
    result = rctx.execute([python, "-c", _FIND_WHEELS])
    if result.return_code != 0:
        return []
    return [
        folder + "/" + name
        for folder in result.stdout.splitlines()
        for name in names
    ]

def _cuda_root(rctx):
    """The toolkit's folder; None if there is none with the runtime's headers."""
    candidates = None
    for variable in ["CUDA_PATH", "CUDA_HOME"]:
        if rctx.os.environ.get(variable) and not candidates:
            candidates = [rctx.os.environ[variable]]
    if not candidates:
        candidates = ["/usr/local/cuda"] + _wheels(rctx, ["cu13", "cuda_runtime"])
    for root in candidates:
        if rctx.path(root + "/include/cuda_runtime.h").exists:
            return root
    return None

def _gpu_codes(rctx, nvcc):
    """What the compiler can build for: ["sm_80", ...]; empty if it does not run."""
    result = rctx.execute([nvcc, "--list-gpu-code"])
    return result.stdout.strip().splitlines() if result.return_code == 0 else []

def _nccl_header(rctx, root):
    homes = [rctx.os.environ.get("NCCL_HOME"), root, "/usr"]
    homes = [home for home in homes if home] + _wheels(rctx, ["nccl"])
    return _first_existing(rctx, [home + "/include/nccl.h" for home in homes])

def _add_cuda(rctx, root, cudart):
    rctx.symlink(root + "/include", "include")
    includes = ["include"]
    if rctx.path(root + "/include/cccl").exists:
        includes.append("include/cccl")
    text = _CUDA_HEADERS.format(includes = repr(includes))
    if not cudart:
        return text + _MISSING.format(name = "cudart_static")
    rctx.symlink(cudart, "lib/libcudart_static.a")
    return text + _CUDART_STATIC

def _add_nccl(rctx, header):
    rctx.symlink(header, "nccl/include/nccl.h")
    folder = header[:-len("nccl.h")]
    for name in ["nccl_device.h", "nccl_device"]:
        if rctx.path(folder + name).exists:
            rctx.symlink(folder + name, "nccl/include/" + name)
    return _NCCL_HEADERS

def _local_cuda_impl(rctx):
    root = _cuda_root(rctx)
    nvcc = None
    cudart = None
    header = None
    codes = []
    if root:
        nvcc = _first_existing(rctx, [root + "/bin/nvcc"])
        cudart = _first_existing(rctx, [
            "%s/%s/libcudart_static.a" % (root, folder)
            for folder in _LIBRARY_FOLDERS
        ])
        header = _nccl_header(rctx, root)
    if nvcc:
        codes = _gpu_codes(rctx, nvcc)
    has_nvcc = bool(codes and cudart)

    build = _HEAD.format(cuda = bool(root), nvcc = has_nvcc, nccl = bool(header))
    if root:
        build += _add_cuda(rctx, root, cudart)
    else:
        build += _MISSING.format(name = "cuda_headers")
        build += _MISSING.format(name = "cudart_static")
    build += _add_nccl(rctx, header) if header else _MISSING.format(name = "nccl_headers")

    rctx.file("WORKSPACE", executable = False)
    rctx.file("settings.bzl", _SETTINGS, executable = False)
    rctx.file("defs.bzl", _DEFS.format(
        nvcc = repr(nvcc if has_nvcc else None),
        codes = repr(codes if has_nvcc else []),
    ), executable = False)
    rctx.file("BUILD.bazel", build, executable = False)

local_cuda = repository_rule(
    implementation = _local_cuda_impl,
    environ = ["CUDA_HOME", "CUDA_PATH", "NCCL_HOME", "PATH"],
    local = True,
    configure = True,
)

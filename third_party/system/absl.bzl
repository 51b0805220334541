# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""@com_google_absl out of an installed Abseil (e.g. Debian's libabsl-dev).

Abseil's CMake build installs one pkg-config file per library target; their Requires
and Libs lines hold the exact dependency graph. Each becomes a cc_library in the root
package, and the labels of Abseil's own Bazel build become aliases of those.
"""

# Package of Abseil's Bazel build -> its targets; the value says which pkg-config
# module that is, None standing for "absl_" + the target's name.
_TARGETS = {
    "absl/algorithm": {"algorithm": None, "container": "absl_algorithm_container"},
    "absl/base": {
        "base": None,
        "config": None,
        "core_headers": None,
        "dynamic_annotations": None,
        "endian": None,
        "log_severity": None,
        "prefetch": None,
    },
    "absl/cleanup": {"cleanup": None},
    "absl/container": {
        "btree": None,
        "fixed_array": None,
        "flat_hash_map": None,
        "flat_hash_set": None,
        "inlined_vector": None,
        "node_hash_map": None,
        "node_hash_set": None,
    },
    "absl/debugging": {
        "failure_signal_handler": None,
        "leak_check": None,
        "stacktrace": None,
        "symbolize": None,
    },
    "absl/flags": {
        "commandlineflag": "absl_flags_commandlineflag",
        "config": "absl_flags_config",
        "flag": "absl_flags",
        "marshalling": "absl_flags_marshalling",
        "parse": "absl_flags_parse",
        "reflection": "absl_flags_reflection",
        "usage": "absl_flags_usage",
    },
    "absl/functional": {"any_invocable": None, "bind_front": None, "function_ref": None},
    "absl/hash": {"hash": None},
    "absl/memory": {"memory": None},
    "absl/meta": {"type_traits": None},
    "absl/numeric": {"bits": None, "int128": None},
    "absl/random": {
        "bit_gen_ref": "absl_random_bit_gen_ref",
        "distributions": "absl_random_distributions",
        "random": "absl_random_random",
        "seed_sequences": "absl_random_seed_sequences",
    },
    "absl/status": {"status": None, "statusor": None},
    "absl/strings": {"cord": None, "str_format": None, "strings": None},
    "absl/synchronization": {"synchronization": None},
    "absl/time": {"civil_time": None, "time": None},
    "absl/types": {
        "any": None,
        "compare": None,
        "optional": None,
        "span": None,
        "variant": None,
    },
    "absl/utility": {"utility": None},
}

_HEADER = """load("@rules_cc//cc:defs.bzl", "cc_library")

package(default_visibility = ["//visibility:public"])

"""

_HEADERS_LIBRARY = """cc_library(
    name = "headers",
    hdrs = glob(["include/absl/**/*.h", "include/absl/**/*.inc"]),
    includes = ["include"],
)

"""

_LIBRARY = """cc_library(
    name = "{name}",
    linkopts = {linkopts},
    deps = {deps},
)

"""

_ALIAS = """alias(
    name = "{name}",
    actual = "//:{actual}",
)

"""

def _field(text, key):
    for line in text.splitlines():
        if line.startswith(key + ":"):
            return line[len(key) + 1:].strip()
    return ""

def _variables(text):
    variables = {}
    for line in text.splitlines():
        if "=" in line and ":" not in line.split("=")[0]:
            name, value = line.split("=", 1)
            for known in variables:
                value = value.replace("${%s}" % known, variables[known])
            variables[name] = value
    return variables

def _pkgconfig_directories(rctx):
    dirs = [d for d in rctx.os.environ.get("PKG_CONFIG_PATH", "").split(":") if d]
    for prefix in ["/usr/local", "/usr"]:
        for lib in ["lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "lib"]:
            dirs.append("%s/%s/pkgconfig" % (prefix, lib))
    return dirs

def _system_absl_impl(rctx):
    directory = None
    for d in _pkgconfig_directories(rctx):
        if rctx.path(d + "/absl_base.pc").exists:
            directory = d
            break
    if not directory:
        fail("@%s: no installed Abseil found (on Debian: apt-get install libabsl-dev). " % rctx.name +
             "Or define the repository yourself before this one, or pass " +
             "--override_repository=%s=/path/to/abseil-cpp." % rctx.name)

    modules = {}
    for entry in rctx.path(directory).readdir():
        name = entry.basename
        if name.startswith("absl_") and name.endswith(".pc"):
            modules[name[:-len(".pc")]] = rctx.read(entry)

    variables = _variables(modules["absl_base"])
    rctx.symlink(variables["includedir"] + "/absl", "include/absl")

    build = [_HEADER, _HEADERS_LIBRARY]
    for name in sorted(modules):
        requires = [
            part.strip().split(" ")[0]
            for part in _field(modules[name], "Requires").split(",")
            if part.strip()
        ]
        linkopts = []
        for flag in _field(modules[name], "Libs").split(" "):
            for known in variables:
                flag = flag.replace("${%s}" % known, variables[known])
            if flag and not flag.startswith("-L/usr/lib"):
                linkopts.append(flag)
        build.append(_LIBRARY.format(
            name = name,
            linkopts = repr(linkopts),
            deps = repr([":headers"] + [":" + r for r in requires if r in modules]),
        ))
    rctx.file("BUILD.bazel", "".join(build), executable = False)
    rctx.file("WORKSPACE", executable = False)

    for package, targets in _TARGETS.items():
        text = ["package(default_visibility = [\"//visibility:public\"])\n\n"]
        for target, module in targets.items():
            module = module or "absl_" + target
            if module in modules:
                text.append(_ALIAS.format(name = target, actual = module))
        rctx.file(package + "/BUILD.bazel", "".join(text), executable = False)

system_absl = repository_rule(
    implementation = _system_absl_impl,
    environ = ["PKG_CONFIG_PATH"],
    local = True,
)

#!/usr/bin/env python3
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
"""Checks the source tree for what compilers do not: determinism, layers, form.

    tidy.py ROOT

Prints "file:line: what" for each finding and exits with 1 if there are any.
Every rule is one entry of RULES or one function, and tidy_test.py plants a
violation of each.
"""

import os
import re
import sys

CODE = (".h", ".cc", ".cu", ".cuh")
LICENCE = "SPDX-License-Identifier: Apache-2.0"

# Folder -> the floors that it may include, beside itself. No arrow runs up;
# tests may run on the simulator wherever they are.
FLOORS = {
    "base": set(),
    "device": {"base"},
    "comm": {"base", "device"},
    "averaging": {"base", "device", "comm"},
    "sim": {"base", "device", "comm"},
    "tools": {"base", "device", "comm", "averaging", "sim", "examples"},
    "benchmarks": {"base", "device", "comm", "averaging", "sim", "tools"},
    "examples": {"base", "device", "comm", "averaging", "sim"},
    "tests": {"base", "device", "comm", "averaging", "sim", "examples", "tools"},
}
LIBRARY = ("base/", "device/", "comm/", "averaging/", "sim/")
DETERMINISTIC = ("averaging/", "sim/")

# (pattern, folders, folders or files left out, what is wrong)
RULES = [
    (r"\b(system_clock|steady_clock|high_resolution_clock)\b|absl::Now\(|"
     r"\bgettimeofday\b|\bclock_gettime\b",
     LIBRARY, ("base/clock.cc",), "reads a clock; time comes through Clock"),
    (r"\bsleep_(for|until)\b|absl::SleepFor|\busleep\(|\bnanosleep\(",
     LIBRARY + ("tests/", "examples/"), (), "sleeps; wait through Clock"),
    (r"\brandom_device\b|\bmt19937|\bstd::\w+_distribution\b|absl::BitGen|"
     r"\bs?rand\(",
     LIBRARY + ("examples/", "tests/"), (),
     "randomness other than base/random.h"),
    (r"\bunordered_(map|set|multimap|multiset)\b|\b(flat|node)_hash_(map|set)\b",
     DETERMINISTIC, (), "hash container: its order differs between runs"),
    (r"\bstd::hash\b|absl::Hash\b|absl::HashOf\b",
     LIBRARY, (), "a hash that differs between runs; use base/hash.h"),
    (r"this_thread::get_id", DETERMINISTIC, (), "depends on the thread"),
    (r"\babsl::Mutex\b|\babsl::CondVar\b|absl/synchronization/mutex.h",
     LIBRARY + ("tools/", "benchmarks/", "examples/", "tests/"), (),
     "absl::Mutex, which ThreadSanitizer cannot see into; use base/mutex.h"),
    (r"\bstd::(mutex|condition_variable|lock_guard|unique_lock)\b",
     LIBRARY, ("base/mutex.h",), "use base/mutex.h, which is annotated"),
    (r"\btarget_clones\b", LIBRARY, (),
     "target_clones crashes under ThreadSanitizer; use Highway"),
    (r"\bsource_location\b|\b_Float16\b|#include <ranges>",
     ("",), (), "clang 14 does not accept it"),
    (r"absl/log/", ("",), (), "not in Debian's Abseil"),
]

# Header -> the only folders that may include it.
VENDOR_HEADERS = [
    (r"nccl\w*\.h", ("comm/nccl/", "tests/fakes/")),
    (r"cuda\w*\.h", ("comm/nccl/", "device/cuda/", "tests/fakes/")),
    (r"gloo/.*", ("comm/gloo/",)),
    (r"hiredis/.*", ("comm/store/",)),
    (r"hwy/.*", ("device/",)),
    (r"absl/flags/.*", ("tools/", "benchmarks/")),
]

ANY_FILE_RULES = [
    (r"\b(TODO|FIXME|XXX)\b", "left open"),
    (r"(?<![\w.])/(work|farm|root|home)/\w", "path of a machine"),
]

BUILD_FILES = ("BUILD", ".bzl", ".bazelrc", "bazelw", "run")
BUILD_RULES = [
    (r"-ffast-math|-march=native", "changes results from machine to machine"),
]

MAX_LINES = 500
MAX_TEST_LINES = 800


def source_files(root):
    """Paths of the tree's text files, relative to root, in order."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            f for f in folders
            if f == ".ci" or not f.startswith((".", "bazel-")))
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), root)
            if name.endswith(CODE + (".py", ".sh", ".bzl", ".md", ".bazelrc")) \
                    or name in ("BUILD", "WORKSPACE", "bazelw", "MODULE.bazel") \
                    or path == ".ci/run":
                yield path


def applies(path, folders, left_out):
    return path.startswith(tuple(folders)) and not (
        left_out and path.startswith(tuple(left_out)))


def check_lines(path, lines):
    is_code = path.endswith(CODE)
    if path.startswith("tools/tidy/"):
        return
    for number, line in enumerate(lines, 1):
        for pattern, what in ANY_FILE_RULES:
            if re.search(pattern, line):
                yield number, what
        for pattern, what in BUILD_RULES:
            if path.endswith(BUILD_FILES) and re.search(pattern, line):
                yield number, what
        if not is_code:
            continue
        code = line.split("//", 1)[0]
        for pattern, folders, left_out, what in RULES:
            if path.endswith("_benchmark.cc"):
                continue
            if applies(path, folders, left_out) and re.search(pattern, code):
                yield number, what
        yield from ((number, what) for what in check_include(path, code))


def check_include(path, line):
    match = re.match(r'\s*#include ([<"])([^>"]+)[>"]', line)
    if not match:
        return
    quote, header = match.groups()
    for pattern, folders in VENDOR_HEADERS:
        if re.fullmatch(pattern, header) and not path.startswith(folders):
            yield f"{header} is included only under {', '.join(folders)}"
    if quote != '"':
        return
    top = path.split("/")[0]
    parts = header.split("/")
    if parts[0] == "parley":
        if len(parts) < 3:
            yield f'"{header}" names no folder'
        elif parts[1] != top and parts[1] not in FLOORS.get(top, set()) \
                and not (parts[1] == "sim" and path.endswith("_test.cc")):
            yield f"{top}/ may not include {parts[1]}/: no arrow runs up"
    elif parts[0] in FLOORS:
        yield f'"{header}" must be included as "parley/{header}"'


def check_file(path, text):
    lines = text.splitlines()
    if not path.endswith((".md", ".bazelrc")) \
            and not any(LICENCE in line for line in lines[:4]):
        yield 1, "no licence header"
    if path.endswith(CODE):
        limit = MAX_TEST_LINES if path.endswith("_test.cc") else MAX_LINES
        if len(lines) > limit:
            yield limit, f"{len(lines)} lines, more than {limit}"
    yield from check_lines(path, lines)


def check_built(path, build):
    """A source that its package's BUILD does not name: a test that never runs."""
    name = os.path.basename(path)
    if path.endswith(CODE) and f'"{name}"' not in build:
        yield 1, "not named in the BUILD of its folder: nothing builds it"


def check_tree(root):
    for path in source_files(root):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        for number, what in check_file(path, text):
            yield f"{path}:{number}: {what}"
        build = os.path.join(root, os.path.dirname(path), "BUILD")
        if os.path.exists(build):
            with open(build, encoding="utf-8") as f:
                for number, what in check_built(path, f.read()):
                    yield f"{path}:{number}: {what}"


def main():
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit(__doc__)
    findings = list(check_tree(sys.argv[1]))
    print("\n".join(findings) or "tidy")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()

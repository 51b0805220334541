#!/usr/bin/env python3
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
"""Plants a violation of every rule of tidy.py and sees it found."""

import unittest

import tidy

HEADER = "// Copyright 2026 The Parley Authors\n// " + tidy.LICENCE + "\n"


def findings(path, text):
    return [what for _, what in tidy.check_file(path, HEADER + text)]


class TidyTest(unittest.TestCase):

    def assert_found(self, path, text, what):
        self.assertTrue(any(what in f for f in findings(path, text)),
                        f"{path}: {text!r} gave {findings(path, text)}")

    def test_clean_code_is_clean(self):
        self.assertEqual(
            findings("averaging/a.cc",
                     '#include "parley/averaging/a.h"\n'
                     '#include "parley/comm/work.h"\n'
                     "// steady_clock is only mentioned\n"), [])
        self.assertEqual(findings("base/clock.cc",
                                  "std::chrono::steady_clock::now();\n"), [])

    def test_rules(self):
        for path, text, what in [
                ("sim/a.cc", "std::chrono::steady_clock::now()", "clock"),
                ("averaging/a.cc", "absl::Now()", "clock"),
                ("tests/a_test.cc", "std::this_thread::sleep_for(x);", "sleep"),
                ("sim/a.cc", "std::random_device d;", "randomness"),
                ("examples/a.cc", "std::normal_distribution<> d;", "randomness"),
                ("averaging/a.h", "std::unordered_map<int, int> m;", "hash"),
                ("sim/a.h", "absl::flat_hash_set<int> s;", "hash"),
                ("device/a.h", "std::hash<int>()(3)", "hash"),
                ("sim/a.cc", "std::this_thread::get_id()", "thread"),
                ("comm/a.h", "absl::Mutex mutex;", "absl::Mutex"),
                ("comm/a.h", "std::mutex mutex;", "base/mutex.h"),
                ("device/a.cc", '__attribute__((target_clones("avx2")))',
                 "Highway"),
                ("tools/a.cc", "std::source_location l;", "clang 14"),
                ("tools/a.cc", '#include "absl/log/check.h"', "Abseil"),
                ("tools/a.cc", "// TODO: later", "left open"),
                ("docs/a.md", "see /work/x", "path of a machine"),
                (".bazelrc", "build --copt=-ffast-math", "changes results")]:
            self.assert_found(path, text + "\n", what)

    def test_includes(self):
        for path, header, what in [
                ("base/a.cc", '"parley/device/tensor.h"', "no arrow runs up"),
                ("comm/a.cc", '"parley/averaging/plan.h"', "no arrow runs up"),
                ("averaging/a.cc", '"parley/sim/world.h"', "no arrow runs up"),
                ("sim/a.cc", '"parley/averaging/plan.h"', "no arrow runs up"),
                ("sim/a.cc", '"sim/world.h"', "must be included as"),
                ("sim/a.cc", '"parley/world.h"', "names no folder"),
                ("averaging/a.cc", "<nccl.h>", "only under comm/nccl/"),
                ("device/a.cc", '"cuda_runtime.h"', "only under"),
                ("comm/a.cc", '"gloo/context.h"', "only under comm/gloo/"),
                ("comm/a.cc", "<hiredis/hiredis.h>", "only under comm/store/"),
                ("sim/a.cc", '"hwy/highway.h"', "only under device/"),
                ("averaging/a.cc", '"absl/flags/flag.h"', "only under tools/")]:
            self.assert_found(path, "#include " + header + "\n", what)

    def test_every_source_is_built(self):
        build = 'srcs = ["a_test.cc"],'
        self.assertEqual(list(tidy.check_built("sim/a_test.cc", build)), [])
        for path in ["sim/b_test.cc", "sim/test.cc", "sim/a_test.h"]:
            self.assertEqual(len(list(tidy.check_built(path, build))), 1, path)

    def test_form(self):
        self.assertIn("no licence header",
                      [w for _, w in tidy.check_file("sim/a.cc", "int a;\n")])
        self.assert_found("sim/a.cc", "int a;\n" * 500, "more than 500")
        self.assert_found("sim/a_test.cc", "int a;\n" * 800, "more than 800")
        self.assertEqual(findings("sim/a_test.cc", "int a;\n" * 600), [])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in for Bazel's CoverageOutputGenerator, which Bazel 4 would download.

As lcov_merger it turns one test's gcov JSON files into an lcov tracefile; as
coverage_report_generator it merges the tests' tracefiles into the combined report.
"""

import argparse
import collections
import gzip
import json
import os
import re


class Source:
    def __init__(self):
        self.lines = collections.Counter()
        self.functions = collections.Counter()
        self.function_lines = {}
        self.branches = collections.Counter()


def read_gcov(path, sources):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        report = json.load(f)
    for entry in report["files"]:
        source = sources[entry["file"]]
        for function in entry["functions"]:
            source.functions[function["name"]] += function["execution_count"]
            source.function_lines[function["name"]] = function["start_line"]
        for line in entry["lines"]:
            number = line["line_number"]
            source.lines[number] += line["count"]
            for i, branch in enumerate(line.get("branches", [])):
                source.branches[(number, 0, i)] += branch["count"]


def read_lcov(path, sources):
    source = None
    with open(path, encoding="utf-8") as f:
        for record in f:
            key, _, value = record.strip().partition(":")
            if key == "SF":
                source = sources[value]
            elif key == "FN":
                number, _, name = value.partition(",")
                source.function_lines[name] = int(number)
            elif key == "FNDA":
                count, _, name = value.partition(",")
                source.functions[name] += int(count)
            elif key == "DA":
                number, count = value.split(",")[:2]
                source.lines[int(number)] += int(count)
            elif key == "BRDA":
                number, block, branch, taken = value.split(",")
                source.branches[(int(number), int(block), int(branch))] += (
                    0 if taken == "-" else int(taken))


def write_lcov(path, sources):
    with open(path, "w", encoding="utf-8") as f:
        for name in sorted(sources):
            s = sources[name]
            f.write(f"SF:{name}\n")
            for function, number in sorted(s.function_lines.items()):
                f.write(f"FN:{number},{function}\n")
            for function, count in sorted(s.functions.items()):
                f.write(f"FNDA:{count},{function}\n")
            f.write(f"FNF:{len(s.functions)}\n")
            f.write(f"FNH:{sum(1 for c in s.functions.values() if c)}\n")
            for (number, block, branch), count in sorted(s.branches.items()):
                f.write(f"BRDA:{number},{block},{branch},{count}\n")
            for number, count in sorted(s.lines.items()):
                f.write(f"DA:{number},{count}\n")
            f.write(f"LH:{sum(1 for c in s.lines.values() if c)}\n")
            f.write(f"LF:{len(s.lines)}\n")
            f.write("end_of_record\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--coverage_dir")
    parser.add_argument("--reports_file", "--lcovfile_path")
    parser.add_argument("--output_file", required=True)
    parser.add_argument("--filter_sources", action="append", default=[])
    parser.add_argument("--source_file_manifest")
    args, _ = parser.parse_known_args()

    sources = collections.defaultdict(Source)
    if args.reports_file:
        with open(args.reports_file, encoding="utf-8") as f:
            for report in f.read().split():
                read_lcov(report, sources)
    elif args.coverage_dir:
        for directory, _, names in os.walk(args.coverage_dir):
            for name in names:
                path = os.path.join(directory, name)
                if name.endswith(".gcov.json.gz"):
                    read_gcov(path, sources)
                elif name.endswith(".dat") and os.path.abspath(path) != os.path.abspath(args.output_file):
                    read_lcov(path, sources)

    keep = None
    if args.source_file_manifest:
        with open(args.source_file_manifest, encoding="utf-8") as f:
            keep = set(f.read().split())
    filters = [re.compile(f) for f in args.filter_sources]
    for name in list(sources):
        if any(f.fullmatch(name) for f in filters) or (keep is not None and name not in keep):
            del sources[name]
    write_lcov(args.output_file, sources)


if __name__ == "__main__":
    main()

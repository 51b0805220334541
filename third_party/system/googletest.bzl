# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0

"""@com_google_googletest, built from an installed copy of its sources.

Debian's googletest package (a dependency of libgtest-dev) puts them in
/usr/src/googletest without upstream's BUILD.bazel; googletest.BUILD stands in for it.
Built from source, the tests' framework has the project's own -std and sanitizers.
"""

def _system_googletest_impl(rctx):
    root = rctx.os.environ.get("GOOGLETEST_SOURCE", "/usr/src/googletest")
    if not rctx.path(root + "/googletest/src/gtest-all.cc").exists:
        fail("@%s: no GoogleTest sources in %s " % (rctx.name, root) +
             "(on Debian: apt-get install googletest; elsewhere set GOOGLETEST_SOURCE). " +
             "Or define the repository yourself before this one, or pass " +
             "--override_repository=%s=/path/to/googletest." % rctx.name)
    rctx.symlink(root + "/googletest", "googletest")
    rctx.symlink(root + "/googlemock", "googlemock")
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")
    rctx.file("WORKSPACE", executable = False)

system_googletest = repository_rule(
    implementation = _system_googletest_impl,
    attrs = {
        "build_file": attr.label(
            allow_single_file = True,
            default = Label("//third_party/system:googletest.BUILD"),
        ),
    },
    environ = ["GOOGLETEST_SOURCE"],
    local = True,
)

#!/usr/bin/python3
# Copyright 2026 The Parley Authors
# SPDX-License-Identifier: Apache-2.0
"""Records what PyTorch's PeriodicModelAverager does, as oracle.json.

Run it from the repository's root, under Debian's own Python:

    apt-get install --no-install-recommends python3-torch    # about 640 MB
    /usr/bin/python3 tests/pytorch_parity/generate.py

It trains toy replicas in 2, 3 and 4 processes joined by Gloo over the loopback
interface, calls PyTorch's averager at every step, checks what came out and only
then writes the file. The same seed gives the same bytes. `--verify=FILE` checks
a file that exists, in any Python 3.8 or later and without PyTorch.

What the file holds:

    schema_version   1
    pytorch_version, backend, command, seed        where the figures come from
    cases[]
      name, ranks, period, warmup_steps, steps
      input          "parameters" or "param_groups": what the averager was given
      warned         whether PyTorch warned when the averager was created
      fired          the steps (from 0) at which parameters changed, as observed
      parameters[]   {name, shape, group, has_gradient}
      meetings[]     one for each fired step:
        step
        before       [rank][parameter]: the values going in
        after        [parameter]: what PyTorch made of them, equal on all ranks;
                     null without a gradient: every rank keeps its own `before`
        reference    [parameter]: float32((x_0 + x_1 + ...) / ranks), evaluated
                     in float64 and in rank order; null where `after` is

A tensor is one string: 8 hexadecimal digits per element, the bits of a float32
read as a uint32, in row-major order. Between meetings the replicas move on
their own; that needs no replay, since `before` is complete.

Values are finite, and those near the underflow threshold are multiples of
12 * 2**-149, because PyTorch divides by the number of ranks before it sums: an
odd subnormal would lose its last bit there, and two smallest subnormals would
average to zero. On that grid dividing by 2, 3 or 4 is exact.
"""

import argparse
import fractions
import itertools
import json
import math
import os
import random
import struct
import sys
import tempfile
import warnings

SCHEMA_VERSION = 1
RANKS = (2, 3, 4)
TIMEOUT_SECONDS = 60
DEFAULT_OUTPUT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "oracle.json")

SMALLEST_SUBNORMAL = 2.0**-149
LARGEST_FLOAT = (2 - 2.0**-23) * 2.0**127

# (name, shape, kind of values, parameter group)
MODEL = (
    ("scale", (), "walk", 0),
    ("bias", (5,), "walk", 0),
    ("weight", (3, 4), "walk", 1),
    ("wide", (2, 3, 2), "wide", 1),
    ("edges", (4, 6), "edges", 1),
)
BULK_MODEL = (
    ("empty", (0, 3), "walk", 0),
    ("matrix", (13, 19), "walk", 0),
    ("kernel", (2, 3, 3, 3), "wide", 0),
    ("edges", (48,), "edges", 0),
)


class OracleError(Exception):
    """PyTorch, or a file, did not do what the oracle promises."""


def make_case(label, period, warmup_steps, steps, model=MODEL,
              given="parameters", no_gradient=()):
    return {"label": label, "period": period, "warmup_steps": warmup_steps,
            "steps": steps, "model": model, "input": given,
            "no_gradient": no_gradient}


CASES = (
    make_case("period1_warmup0", 1, 0, 3),
    make_case("period1_warmup3", 1, 3, 5),
    make_case("period4_warmup0", 4, 0, 9),
    make_case("period3_warmup5", 3, 5, 14),
    make_case("period4_warmup12", 4, 12, 20),
    make_case("period4_warmup13", 4, 13, 20),
    make_case("period4_warmup14", 4, 14, 20),
    make_case("period4_warmup15", 4, 15, 20),
    make_case("warmup_never_ends", 3, 5, 5),
    make_case("bulk", 5, 2, 6, model=BULK_MODEL),
    make_case("param_groups", 4, 3, 8, given="param_groups"),
    make_case("no_gradient", 2, 1, 4, no_gradient=("bias", "wide")),
    make_case("group_without_gradient", 2, 0, 3, given="param_groups",
              no_gradient=("scale", "bias")),
)

# Values. Drawn by Python's own generator, whose sequence is fixed for a seed,
# so that inputs depend neither on PyTorch's version nor on the machine.


def to_hex(values):
    return "".join(struct.pack(">f", value).hex() for value in values)


def from_hex(text):
    if len(text) % 8:
        raise OracleError("a tensor of %d digits, not a multiple of 8" %
                          len(text))
    return struct.unpack(">%df" % (len(text) // 8), bytes.fromhex(text))


def draw(generator, low_exponent, high_exponent):
    """A float32 of either sign with every mantissa bit random."""
    mantissa = 2**23 + generator.getrandbits(23)
    exponent = generator.randint(low_exponent, high_exponent)
    return generator.choice((-1, 1)) * math.ldexp(mantissa, exponent - 23)


def on_grid(generator, low, high):
    """A multiple of 12 smallest subnormals, its magnitude in [low, high]."""
    multiple = 12 * generator.randint((low + 11) // 12, high // 12)
    return generator.choice((-1, 1)) * multiple * SMALLEST_SUBNORMAL


def edge_value(index, rank, own, shared):
    """One awkward element; `shared` draws the same on every rank."""
    large = abs(draw(shared, 60, 60))
    patterns = (
        lambda: -0.0,  # on every rank: the mean keeps the sign
        lambda: 0.0 if rank % 2 else -0.0,
        lambda: on_grid(own, 12, 12),
        lambda: on_grid(own, 12, 2**23 - 1),  # any subnormal
        lambda: on_grid(own, 2**23, 2**24 - 1),  # the smallest normals
        lambda: draw(own, -120, -100),
        lambda: draw(own, 120, 126),
        lambda: own.choice((-1, 1)) * LARGEST_FLOAT,
        lambda: 1 + own.randrange(4) * 2.0**-23,  # means that are ties
        # The first two cancel, and what is left shows the order of the sum.
        lambda: (large, -large)[rank] if rank < 2 else draw(own, -20, -10),
        lambda: draw(own, 90, 90) if rank == 0 else draw(own, -90, -90),
        lambda: float(rank),
    )
    return patterns[index % len(patterns)]()


def draw_tensor(spec, key, rank):
    """The elements of one parameter; `key` names the draw."""
    _, shape, kind, _ = spec
    shared = random.Random(key)
    own = random.Random("%s/%d" % (key, rank))
    count = math.prod(shape)
    if kind == "edges":
        return [edge_value(i, rank, own, shared) for i in range(count)]
    exponents = (-60, 60) if kind == "wide" else (-3, 3)
    return [draw(own, *exponents) for _ in range(count)]


# The run: one process per rank.


def train_locally(parameters, case, seed, step, rank):
    """Stands for a training step: afterwards no two replicas are equal.

    A walk adds to the value it finds, so that a result feeds the next meeting;
    the other kinds are drawn afresh, or they would not stay what they are.
    """
    import torch

    for parameter, spec in zip(parameters, case["model"]):
        key = "%d/%s/%d/%s" % (seed, case["label"], step, spec[0])
        update = torch.tensor(draw_tensor(spec, key, rank),
                              dtype=torch.float32).reshape(spec[1])
        if spec[2] == "walk":
            parameter.data.add_(update)
        else:
            parameter.data.copy_(update)


def bits(parameters):
    return [to_hex(p.data.reshape(-1).tolist()) for p in parameters]


def play(case, seed, rank):
    """Takes one replica through a case; returns what this rank saw."""
    import torch
    from torch.distributed.algorithms.model_averaging import averagers

    model = case["model"]
    parameters = [torch.nn.Parameter(torch.zeros(shape))
                  for _, shape, _, _ in model]
    for parameter, (name, _, _, _) in zip(parameters, model):
        if name not in case["no_gradient"]:
            parameter.grad = torch.ones_like(parameter)
    if case["input"] == "param_groups":
        groups = sorted({spec[3] for spec in model})
        given = [{"params": [p for p, spec in zip(parameters, model)
                             if spec[3] == group]} for group in groups]
    else:
        given = parameters

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        averager = averagers.PeriodicModelAverager(
            period=case["period"], warmup_steps=case["warmup_steps"])
    meetings = []
    for step in range(case["steps"]):
        train_locally(parameters, case, seed, step, rank)
        before = bits(parameters)
        averager.average_parameters(given)
        after = bits(parameters)
        if after != before:
            meetings.append({"step": step, "before": before, "after": after})
    if averager.step != case["steps"]:
        raise OracleError("%s: the averager counted %d steps, not %d" %
                          (case["label"], averager.step, case["steps"]))
    return {"warned": bool(caught), "meetings": meetings}


def run_rank(rank, ranks, seed, folder):
    import datetime
    import torch

    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method="file://%s/rendezvous" % folder, rank=rank,
        world_size=ranks, timeout=datetime.timedelta(seconds=TIMEOUT_SECONDS))
    seen = [play(case, seed, rank) for case in CASES]
    torch.distributed.destroy_process_group()
    with open(os.path.join(folder, "rank%d.json" % rank), "w") as file:
        json.dump(seen, file)


def run_world(ranks, seed):
    """Runs all cases in `ranks` processes; returns [case] of the document."""
    import torch.multiprocessing

    # Without this Gloo looks the host's name up, which may not resolve.
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    with tempfile.TemporaryDirectory() as folder:
        try:
            torch.multiprocessing.spawn(run_rank, args=(ranks, seed, folder),
                                        nprocs=ranks)
        except (torch.multiprocessing.ProcessRaisedException,
                torch.multiprocessing.ProcessExitedException) as error:
            raise OracleError("%d processes: %s" % (ranks, error)) from error
        seen = []
        for rank in range(ranks):
            with open(os.path.join(folder, "rank%d.json" % rank)) as file:
                seen.append(json.load(file))
    return [join_ranks(case, [cases[i] for cases in seen])
            for i, case in enumerate(CASES)]


def join_ranks(case, seen):
    """Joins what the ranks saw of one case into an entry of the document."""
    ranks = len(seen)
    name = "n%d_%s" % (ranks, case["label"])
    fired = [[meeting["step"] for meeting in one["meetings"]] for one in seen]
    if any(steps != fired[0] for steps in fired):
        raise OracleError("%s: ranks fired at different steps: %s" %
                          (name, fired))
    parameters = [{"name": spec[0], "shape": list(spec[1]),
                   "group": spec[3] if case["input"] == "param_groups" else 0,
                   "has_gradient": spec[0] not in case["no_gradient"]}
                  for spec in case["model"]]
    meetings = [join_meeting(name, parameters, views)
                for views in zip(*(one["meetings"] for one in seen))]
    return {"name": name, "ranks": ranks, "period": case["period"],
            "warmup_steps": case["warmup_steps"], "steps": case["steps"],
            "input": case["input"], "warned": seen[0]["warned"],
            "fired": fired[0], "parameters": parameters, "meetings": meetings}


def join_meeting(name, parameters, views):
    """Joins the ranks' views of a meeting, which must have one outcome."""
    before = [view["before"] for view in views]
    after, reference = [], []
    for i, parameter in enumerate(parameters):
        where = "%s, step %d, %s" % (name, views[0]["step"], parameter["name"])
        outcomes = {view["after"][i] for view in views}
        if not parameter["has_gradient"]:
            if any(view["after"][i] != view["before"][i] for view in views):
                raise OracleError(where + ": changed without a gradient")
            after.append(None)
            reference.append(None)
        elif len(outcomes) > 1:
            raise OracleError(where + ": ranks left with different bits")
        else:
            replicas = [from_hex(replica[i]) for replica in before]
            after.append(outcomes.pop())
            reference.append(to_hex(map(mean, zip(*replicas))))
    return {"step": views[0]["step"], "before": before, "after": after,
            "reference": reference}


# The checks: on the document alone, whether just recorded or read from a file.


def mean(column):
    total = column[0]
    for value in column[1:]:
        total += value
    return total / len(column)


def check(document):
    """Raises OracleError unless the document keeps every promise it makes.

    Returns {ranks: (elements, elements off the reference, the largest error as
    a share of the bound)}.
    """
    if document.get("schema_version") != SCHEMA_VERSION:
        raise OracleError("schema_version is %r, not %d" %
                          (document.get("schema_version"), SCHEMA_VERSION))
    figures = {ranks: (0, 0, 0.0) for ranks in RANKS}
    for case in document["cases"]:
        check_schedule(case)
        for meeting in case["meetings"]:
            for i, parameter in enumerate(case["parameters"]):
                where = "%s, step %d, %s" % (case["name"], meeting["step"],
                                             parameter["name"])
                more = check_tensor(where, case["ranks"], parameter, meeting, i)
                old = figures[case["ranks"]]
                figures[case["ranks"]] = (old[0] + more[0], old[1] + more[1],
                                          max(old[2], more[2]))
    return figures


def check_schedule(case):
    warmup, period = case["warmup_steps"], case["period"]
    expected = list(range(warmup, case["steps"], period))
    met = [meeting["step"] for meeting in case["meetings"]]
    if not case["fired"] == met == expected:
        raise OracleError("%s: fired at %s, recorded %s, expected %s" %
                          (case["name"], case["fired"], met, expected))
    if case["warned"] != (period == 1):
        raise OracleError("%s: warned is %s with period %d" %
                          (case["name"], case["warned"], period))


def check_tensor(where, ranks, parameter, meeting, index):
    """Checks one parameter of a meeting; returns figures as check does."""
    replicas = [from_hex(replica[index]) for replica in meeting["before"]]
    count = math.prod(parameter["shape"])
    if [len(replica) for replica in replicas] != [count] * ranks:
        raise OracleError(where + ": ranks or elements are missing")
    if not all(map(math.isfinite, itertools.chain(*replicas))):
        raise OracleError(where + ": a value is not finite")
    check_divergence(where, replicas)
    after, reference = meeting["after"][index], meeting["reference"][index]
    if not parameter["has_gradient"]:
        if after is not None or reference is not None:
            raise OracleError(where + ": averaged without a gradient")
        return 0, 0, 0.0
    if reference != to_hex(map(mean, zip(*replicas))):
        raise OracleError(where + ": not the float64 mean in rank order")
    if ranks == 2 and after != reference:
        raise OracleError(where + ": two ranks, but not bit-equal")
    results = from_hex(after)
    if len(results) != count or not all(map(math.isfinite, results)):
        raise OracleError(where + ": the result is not finite or not complete")
    shares = [share_of_bound(*element) for element in
              zip(results, from_hex(reference), zip(*replicas))]
    worst = max(shares, default=0.0)
    if worst > 1:
        raise OracleError("%s: element %d is at %.3g of the bound" %
                          (where, shares.index(worst), worst))
    return count, sum(share > 0 for share in shares), worst


def check_divergence(where, replicas):
    """Any two replicas must differ, or a no-op would pass for an average."""
    for one, other in itertools.combinations(replicas, 2):
        equal = sum(a == b for a, b in zip(one, other))
        if one and 2 * equal > len(one):
            raise OracleError("%s: %d of %d elements do not diverge" %
                              (where, equal, len(one)))


def share_of_bound(got, want, column):
    """|got - want| over (n + 1) * 2**-24 * sum|x_r| / n, in exact terms."""
    error = abs(fractions.Fraction(got) - fractions.Fraction(want))
    if error == 0:
        return 0.0
    total = sum(abs(fractions.Fraction(x)) for x in column)
    bound = total * (len(column) + 1) / (len(column) * 2**24)
    return float(error / bound) if bound else math.inf


# The command line.


def parse_arguments():
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        description="Records what PyTorch's PeriodicModelAverager does in 2, 3 "
        "and 4 Gloo processes, for the parity test.")
    parser.add_argument("--seed", type=int, metavar="N",
                        help="seed of all values, 0 or more (default 1)")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", metavar="FILE",
                        help="default: oracle.json beside this script")
    target.add_argument("--verify", metavar="FILE",
                        help="check FILE and write nothing; needs no PyTorch")
    arguments = parser.parse_args()
    if arguments.verify is not None and arguments.seed is not None:
        parser.error("--seed has no meaning with --verify")
    if arguments.seed is None:
        arguments.seed = 1
    if arguments.seed < 0:
        parser.error("--seed must be 0 or more, got %d" % arguments.seed)
    if arguments.verify is not None:
        return arguments
    if arguments.output is None:
        arguments.output = DEFAULT_OUTPUT
    folder = os.path.dirname(os.path.abspath(arguments.output))
    if os.path.isdir(arguments.output) or not os.access(folder, os.W_OK):
        parser.error("--output: cannot write %r" % arguments.output)
    return arguments


def record(seed):
    try:
        import torch
    except ImportError as error:
        raise OracleError("%s (%s): install python3-torch, run /usr/bin/python3"
                          % (error, sys.executable)) from error
    cases = []
    for ranks in RANKS:
        print("PyTorch %s, Gloo, %d processes: %d cases" %
              (torch.__version__, ranks, len(CASES)), flush=True)
        cases.extend(run_world(ranks, seed))
    return {"schema_version": SCHEMA_VERSION,
            "pytorch_version": str(torch.__version__), "backend": "gloo",
            "command": "/usr/bin/python3 tests/pytorch_parity/generate.py "
                       "--seed=%d" % seed,
            "seed": seed, "cases": cases}


def verify(path):
    try:
        with open(path, encoding="ascii") as file:
            document = json.load(file)
        return document, check(document)
    except (AttributeError, LookupError, TypeError, ValueError,
            struct.error) as error:
        raise OracleError("%s: not an oracle file: %r" %
                          (path, error)) from error


def save(document, path):
    text = json.dumps(document, indent=1) + "\n"
    with open(path + ".partial", "w", encoding="ascii") as file:
        file.write(text)
    os.replace(path + ".partial", path)
    print("wrote %s: %d bytes" % (path, len(text)))


def describe(document, figures):
    for case in document["cases"]:
        print("  %-28s period %d, warmup %2d, %2d steps: fired at %s" %
              (case["name"], case["period"], case["warmup_steps"],
               case["steps"], case["fired"] or "none"))
    for ranks, (elements, off, worst) in figures.items():
        print("%d ranks: %d elements averaged, %d off the float64 reference, "
              "at most %.3f of the bound" % (ranks, elements, off, worst))


def main():
    arguments = parse_arguments()
    try:
        if arguments.verify is None:
            document = record(arguments.seed)
            figures = check(document)
        else:
            document, figures = verify(arguments.verify)
        describe(document, figures)
        if arguments.verify is None:
            save(document, arguments.output)
    except (OracleError, OSError) as error:
        print("generate.py: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

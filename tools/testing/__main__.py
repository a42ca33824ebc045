"""Run every test, lint and type check; the last line says how many passed and failed.

Usage: python -m tools.testing [options] [names of packages, modules, classes or tests]
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Sequence

from . import durations, pool
from .jobs import find, lints, shuffle
from .report import Report


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for.

    Returns:
        The exit status: 0 only when nothing failed and something passed.
    """
    options = parser().parse_args(arguments)
    sys.path.insert(0, os.getcwd())
    jobs = find(options.names or ["tests"])
    if not options.names:
        jobs += lints()
    if options.random is None:
        jobs = durations.longest_first(jobs)
    else:
        print(f"random order, --random={options.random}")
        jobs = shuffle(jobs, options.random)
    report = Report(jobs, options.verbose)
    pool.run(jobs, report, options.jobs, options.coverage)
    durations.remember(report.seconds)
    report.end()
    print(f"{report.passed} passed, {report.failed} failed")
    return 0 if report.passed and not report.failed else 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m tools.testing", description=__doc__)
    made.add_argument("names", nargs="*", help="what to run; everything by default")
    made.add_argument("-v", "--verbose", action="store_true", help="print a line for each test")
    made.add_argument(
        "-j",
        "--jobs",
        type=int,
        default=2 * (os.cpu_count() or 1),
        metavar="N",
        help="how many test processes run at the same time; twice the cores by default",
    )
    made.add_argument(
        "--random",
        type=int,
        nargs="?",
        const=random.randrange(1_000_000),
        metavar="SEED",
        help="run in random order; a seed repeats one",
    )
    made.add_argument("--coverage", action="store_true", help="measure branch coverage")
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

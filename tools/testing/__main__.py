"""Run every test, lint and type check; the last line says how many passed and failed.

Usage: python -m tools.testing [options] [names of packages, modules, classes or tests]
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from collections.abc import Sequence
from typing import Final

import tests

from ..system_packages import need
from . import durations, pool
from .jobs import Job, find, lints, shuffle
from .report import Report

PROGRAMS: Final = (
    "haproxy",
    "ip",
    "logrotate",
    "nft",
    "openssl",
    "redis-cli",
    "redis-server",
    "systemd-analyze",
    "systemd-socket-activate",
    "tmux",
)
"""What the tests outside of ``tests/unit`` start."""

LARGE_PROGRAMS: Final = ("chromedriver", "chromium", "promtool")
"""What one file of tests starts, and is unpacked for it alone where not all tests are run."""


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for.

    Returns:
        The exit status: 0 only when nothing failed and something passed.
    """
    # As Ctrl-C: what runs is ended, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = parser().parse_args(arguments)
    jobs = collect(options.names)
    if options.random is not None:
        print(f"random order, --random={options.random}")
        jobs = shuffle(jobs, options.random)
    report = Report(jobs, options.verbose)
    pool.run(jobs, report, options.jobs, options.coverage)
    durations.remember(report.seconds)
    report.end()
    print(f"{report.passed} passed, {report.failed} failed")
    return 0 if report.passed and not report.failed else 1


def collect(names: Sequence[str]) -> list[Job]:
    """Find what to run, the longest first, and make sure that all it needs is there.

    Args:
        names: What to run; empty for everything, lints included.

    Raises:
        SystemExit: A program is missing; the text says how to install it.
    """
    jobs = find(names or ["tests"])
    if any(not job.file.startswith("tests/unit/") for job in jobs):
        need(*PROGRAMS, *(LARGE_PROGRAMS if not names else ()))
    if not names:
        jobs += lints()
    tests.prepare()
    return durations.longest_first(jobs)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m tools.testing", description=__doc__)
    made.add_argument("names", nargs="*", help="what to run; everything by default")
    made.add_argument("-v", "--verbose", action="store_true", help="print a line for each test")
    made.add_argument(
        "-j",
        "--jobs",
        type=int,
        default=pool.SLOTS,
        metavar="N",
        help="how many test processes run at the same time; four times the cores by default",
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

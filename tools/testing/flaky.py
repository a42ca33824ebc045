"""Run the tests many times, and count the failures of each; property tests try other examples.

Usage: python -m tools.testing.flaky [--times 10] [--load [3]] [--random [1]] [names]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from . import pool
from .__main__ import collect
from .jobs import Job, shuffle
from .report import COMMAND, Report

BUSY = "import sys, time\nend = time.monotonic() + 7200\nwhile time.monotonic() < end: pass"


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for.

    Returns:
        The exit status: 0 only when no test failed in any run.
    """
    options = parser().parse_args(arguments)
    os.environ.setdefault("HYPOTHESIS_PROFILE", "random")
    jobs = collect(options.names)
    counts: Counter[str] = Counter()
    texts: dict[str, str] = {}
    for number in range(1, options.times + 1):
        # The runs under load and those in random order are different ones where they can be.
        loaded, mixed = number <= options.load, number > options.times - options.random
        failures = run_once(jobs, number, options, loaded, mixed)
        counts.update(failures.keys())
        texts.update(failures)
    for name, count in counts.most_common():
        print(f"\n{'=' * 80}\n{name}: failed {count} times in {options.times} runs\n{texts[name]}")
        print(f"Run it again: {COMMAND.format(name)}")
    print(f"\n{options.times} runs, {len(counts)} tests failed in one or more")
    return 1 if counts else 0


def run_once(
    jobs: Sequence[Job], number: int, options: argparse.Namespace, loaded: bool, mixed: bool
) -> dict[str, str]:
    """Run the tests once.

    Args:
        jobs: The tests.
        number: The number of the run.
        options: The command line.
        loaded: Whether every core is kept busy by another process.
        mixed: Whether the order is random.

    Returns:
        For each test that failed, what went wrong.
    """
    seed = random.randrange(1_000_000)
    how = [text for text, used in (("under load", loaded), (f"random order {seed}", mixed)) if used]
    with open(os.devnull, "w") as nothing:
        report = Report(jobs, stream=sys.stdout if options.verbose else nothing)
        begin = time.monotonic()
        with busy_cores() if loaded else contextlib.nullcontext():
            pool.run(shuffle(jobs, seed) if mixed else jobs, report, options.jobs)
    seconds = time.monotonic() - begin
    print(
        f"run {number} of {options.times}{''.join(f', {each}' for each in how)}: "
        f"{report.passed} passed, {report.failed} failed, {seconds:.0f} s",
        flush=True,
    )
    return report.failures


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """Keep each core busy with another process."""
    cores = range(os.cpu_count() or 1)
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in cores]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m tools.testing.flaky", description=__doc__)
    made.add_argument("names", nargs="*", help="what to run; everything by default")
    made.add_argument("-v", "--verbose", action="store_true", help="show each run")
    made.add_argument("-j", "--jobs", type=int, default=pool.SLOTS, metavar="N")
    made.add_argument("--times", type=int, default=10, metavar="N", help="how many runs")
    some = "how many of the runs {}: {} by default, all when no number is given"
    every = 1_000_000
    made.add_argument(
        "--load",
        type=int,
        nargs="?",
        default=3,
        const=every,
        metavar="N",
        help=some.format("have a busy process beside them for each core", 3),
    )
    made.add_argument(
        "--random",
        type=int,
        nargs="?",
        default=1,
        const=every,
        metavar="N",
        help=some.format("are in random order", 1),
    )
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

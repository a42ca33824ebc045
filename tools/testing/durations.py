"""How long each job took last time, so that the longest starts first.

Usage: python -m tools.testing.durations (after a run of all tests, to write `TYPICAL`)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from .jobs import Job, find

PLACE: Final = Path(sys.prefix) / "test-seconds.json"

TYPICAL: Final = Path(__file__).with_name("durations.json")
"""The durations of the long jobs, for a machine on which they have not run yet."""

LONG_SECONDS: Final = 4.0
"""From so many seconds on a job is a long one."""

GUESSES: Final = {"faults": 5.0, "process": 1.5, "docs": 1.5, "unit": 0.05}
"""Seconds for a test that has not been run here, by the folder of its file."""


def longest_first(jobs: Iterable[Job], place: Path = PLACE) -> list[Job]:
    """Sort jobs by how long they took last time, or are likely to take.

    Args:
        jobs: The jobs.
        place: The file that remembers.
    """
    known = {**_load(TYPICAL), **_load(place)}
    return sorted(jobs, key=lambda job: -known.get(job.name, _guess(job)))


def remember(seconds: Mapping[str, float], place: Path = PLACE) -> None:
    """Keep durations for the next run.

    Args:
        seconds: The duration of each job by its name.
        place: The file that remembers.
    """
    known = {**_load(place), **{name: round(value, 2) for name, value in seconds.items()}}
    place.write_text(json.dumps(known, indent=0, sort_keys=True))


def _load(place: Path) -> dict[str, float]:
    try:
        return dict(json.loads(place.read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def _guess(job: Job) -> float:
    if job.command:
        return 60.0
    parts = job.file.split("/")
    return len(job.tests) * GUESSES.get(parts[1] if len(parts) > 1 else "", 1.0)


def main() -> None:
    """Write the durations of the long jobs that there are, as they were here last time."""
    names = {job.name for job in find(["tests"])}
    long = {
        name: round(seconds, 1)
        for name, seconds in _load(PLACE).items()
        if name in names and seconds >= LONG_SECONDS
    }
    TYPICAL.write_text(json.dumps(long, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()

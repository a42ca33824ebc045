"""Measures. Usage: python -m benchmarks [GROUP …]; see `GROUPS`."""

from __future__ import annotations

import sys
import time

from . import load, report, rows
from .broadcast import broadcast
from .every_core import every_core
from .fairness import fairness
from .handwritten import handwritten
from .mixed import mixed
from .rows import Row
from .start import start
from .web import web

GROUPS = {
    **rows.GROUPS,
    "broadcast": broadcast,
    "cores": every_core,
    "mixed": mixed,
    "start": start,
    "handwritten": handwritten,
    "web": web,
    "fairness": fairness,
}
"""What ``make bench ARGS="…"`` can name."""


def main(names: list[str]) -> int:
    """Measures the groups that were named, or all; writes files only where it was all."""
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        print(
            f"unknown: {', '.join(unknown)}; known are {', '.join(GROUPS)}",
            file=sys.stderr,
        )
        return 2
    load.build()
    begin = time.monotonic()
    measured: list[Row] = []
    for name in names or GROUPS:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        measured += GROUPS[name]()
    print(report.table(measured))
    if not names:
        report.publish("latest", measured)
    missed = sum(not row.met for row in measured)
    print(f"\n{len(measured) - missed} met, {missed} missed, in {time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Plays the scenarios at their full counts, and writes what was seen into docs/reliability.md.

Usage: python -m tests.faults [NAME …]
       python -m tests.faults soak [--minutes N]

A name is that of a module in here, such as test_07_resets, or of something in it. The page is
written where all were played and none has failed. ``soak`` plays scenario 12 for N minutes
over TCP, and again over TLS.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults import report
from tests.faults.harness import NOTES
from tests.support import ROOT

SOAK = "test_12_soak"


def main(arguments: list[str]) -> int:
    """Plays what was named, or all; the exit status is that of trial."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--minutes", type=float, default=2, help="how long a soak takes")
    options = parser.parse_args(arguments)
    scenarios = sorted(path.stem for path in Path(__file__).parent.glob("test_??_*.py"))
    names = [SOAK if name == "soak" else name for name in options.names] or scenarios
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        notes.touch()
        seconds = str(options.minutes * 60)
        environment = {"FAULTS": "full", "SOAK_SECONDS": seconds, NOTES: str(notes)}
        status = subprocess.run(
            [sys.executable, "-m", "twisted.trial", *(f"tests.faults.{name}" for name in names)],
            cwd=ROOT,
            env={**os.environ, **environment},
        ).returncode
        rows = report.read(notes)
    print(report.table(rows))
    if names == scenarios and status == 0:
        report.publish(rows)
        print(f"\nwritten to {report.PAGE}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

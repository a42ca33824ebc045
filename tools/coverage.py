"""Measures the branch coverage of the tests, without the processes they start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Runs the tests under coverage; fails where less is covered than pyproject.toml asks for."""
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "erase"], cwd=ROOT, check=True)
    tests = [*coverage, "run", "-m", "twisted.trial", "tests"]
    status = subprocess.run(tests, cwd=ROOT).returncode
    return status or subprocess.run([*coverage, "report"], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())

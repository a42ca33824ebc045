"""Measures the branch coverage of the tests, in the processes they start too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Runs the tests under coverage; fails where less is covered than pyproject.toml asks for."""
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "erase"], cwd=ROOT, check=True)
    environment = {**os.environ, "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml")}
    tests = [*coverage, "run", "--parallel-mode", "-m", "twisted.trial", "tests"]
    status = subprocess.run(tests, cwd=ROOT, env=environment).returncode
    subprocess.run([*coverage, "combine", "--quiet"], cwd=ROOT, check=True)
    return status or subprocess.run([*coverage, "report"], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())

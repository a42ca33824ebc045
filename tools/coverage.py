"""Measure the branch coverage of the tests, without the processes that they start.

Usage: python -m tools.coverage [names of tests]

With ``tests.unit`` alone, modules whose work is sockets, processes or terminals are left out:
tests in ``tests/process`` cover them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from .testing.__main__ import main as run_tests

ROOT: Final = Path(__file__).parent.parent

UNIT: Final = ["tests.unit"]
UNIT_PERCENT: Final = 90

NOT_UNIT: Final = {
    "cli/console/*": "a terminal, or a pipe of another process",
    "client/blocking.py": "blocking sockets",
    "client/client.py": "connections of a real reactor; its parts have unit tests",
    "client/asyncio/*": "connections of a real event loop",
    "client/stream.py": "blocking sockets",
    "redis/cache.py": "scripts that only Redis runs",
    "testing/real.py": "servers on real ports",
}
"""What `make unit` need not cover: patterns below the package, and what they need."""


def main() -> int:
    """Run tests under coverage and report; fail when less is covered than asked for."""
    names = sys.argv[1:]
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "erase"], cwd=ROOT, check=True)
    status = run_tests(["--coverage", *(names or ["tests"])])
    subprocess.run([*coverage, "combine", "--quiet"], cwd=ROOT, check=True)
    report = [*coverage, "report"]
    if names == UNIT:
        left_out = ",".join(f"actionhero_tcp/{pattern}" for pattern in NOT_UNIT)
        report += [f"--omit=actionhero_tcp/template/*,{left_out}", f"--fail-under={UNIT_PERCENT}"]
    return subprocess.run(report, cwd=ROOT).returncode or status


if __name__ == "__main__":
    sys.exit(main())

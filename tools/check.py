"""Runs every lint, type check and test; the last line says how many passed and failed.

Usage: python -m tools.check [what trial is to run]
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from .debian import need

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

CHECKS = (
    (str(BIN / "ruff"), "format", "--check", "--quiet", "."),
    (str(BIN / "ruff"), "check", "--quiet", "."),
    (str(BIN / "mypy"),),
)


def run_checks() -> tuple[int, int]:
    """Runs the lints and type checks, each of which counts as one test."""
    failed = 0
    for command in CHECKS:
        print("$", *(Path(command[0]).name, *command[1:]), flush=True)
        failed += subprocess.run(command, cwd=ROOT).returncode != 0
    return len(CHECKS) - failed, failed


def run_tests(names: list[str]) -> tuple[int, int]:
    """Runs trial, shows what it prints, and counts; a skipped test counts as failed."""
    command = [sys.executable, "-m", "twisted.trial", *(names or ["tests"])]
    print("$ trial", *command[3:], flush=True)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as trial:
        assert trial.stdout is not None
        output = []
        for line in trial.stdout:
            print(line, end="", flush=True)
            output.append(line)
    return count("".join(output), trial.returncode)


def count(output: str, status: int) -> tuple[int, int]:
    """How many tests passed and failed, read from trial's closing lines."""
    ran = re.search(r"^Ran (\d+) tests", output, re.MULTILINE)
    summary = re.findall(r"^(?:PASSED|FAILED)(?: \((.*)\))?$", output, re.MULTILINE)
    if ran is None or not summary:
        return 0, 1
    results = dict(re.findall(r"(\w+)=(\d+)", summary[-1]))
    passed = int(results.get("successes", 0)) + int(results.get("expectedFailures", 0))
    failed = max(int(ran[1]) - passed, 1 if status else 0)
    return passed, failed or (0 if passed else 1)


def main() -> int:
    """Runs everything; the exit status is 0 only where nothing failed."""
    names = sys.argv[1:]
    need("openssl", "openssl")
    need("haproxy", "haproxy")
    need("logrotate", "logrotate")
    need("redis-server", "redis-server")
    need("ip", "iproute2")
    need("nft", "nftables")
    need("tmux", "tmux")
    passed, failed = run_tests(names)
    if not names:
        more_passed, more_failed = run_checks()
        passed, failed = passed + more_passed, failed + more_failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

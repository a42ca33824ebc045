"""Pin the version of every package that `make` installs.

Writes ``constraints.txt`` from what is installed in the environment that runs this, and
``constraints-scan.txt`` from the newest that sslyze can be installed with. Run it by
``make constraints``, then ``make test``.

Usage: python -m tools.constraints
"""

from __future__ import annotations

import json
import re
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from . import scanner

ROOT: Final = Path(__file__).parent.parent
FILE: Final = ROOT / "constraints.txt"

HELD_BACK: Final = {
    "soupsieve": "from 3.0 on it needs Python 3.11.5, and Debian 12 has 3.11.2",
}
"""Packages whose newest version does not work here: for each, why. Their pins are kept."""

HEADER: Final = "# Made by `make constraints`: the tested version of every package.\n"
LEFT_OUT: Final = ("actionhero-tcp", "pip")


def name_of(requirement: str) -> str:
    """Return the normalized name of the package that a requirement or a pin names."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def read(path: Path = FILE) -> dict[str, str]:
    """Return the pinned version of each package by its normalized name."""
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    return {name_of(line): line.partition("==")[2] for line in lines}


def write(versions: dict[str, str], path: Path = FILE) -> None:
    """Write pins, sorted by name.

    Args:
        versions: The version of each package.
        path: The file.
    """
    pins = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    path.write_text(HEADER + "".join(pins))


def installed() -> dict[str, str]:
    """Return what is installed in this environment."""
    found = {name_of(each.metadata["Name"]): each.version for each in distributions()}
    return {name: version for name, version in found.items() if name not in LEFT_OUT}


def main() -> None:
    """Write both files."""
    pinned = read() if FILE.exists() else {}
    kept = {name: pinned[name] for name in HELD_BACK}
    write({**installed(), **kept})
    program = scanner.need(constrained=False)
    code = "import json; from tools.constraints import installed; print(json.dumps(installed()))"
    ended = subprocess.run(
        [str(program.parent / "python"), "-c", code],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    # Nothing that sslyze needs is built here; the one of a new environment is Python's own.
    versions = json.loads(ended.stdout)
    versions.pop("setuptools", None)
    write(versions, scanner.CONSTRAINTS)


if __name__ == "__main__":
    main()

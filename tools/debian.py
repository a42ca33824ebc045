"""Programs that tests and benchmarks need, from Debian's packages where they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess


def need(program: str, *packages: str) -> None:
    """Has a program on the machine.

    Args:
        program: Its name.
        packages: Debian's packages that bring it.

    Raises:
        SystemExit: It is missing, and cannot be installed from here.
    """
    if shutil.which(program) is not None:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(f"{program} is needed; on Debian: apt-get install {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-qq", *command], check=True, env=environment, stdout=2)

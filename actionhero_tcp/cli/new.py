"""Writes a small project that runs: actions of each kind, their tests, and what serves them."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Final

from ..errors import CommandError
from . import wheel

TEMPLATE: Final = Path(__file__).parent.parent / "template"
"""The folder of the files that a project is made of."""

NAME_IN_PATHS: Final = "__name__"
"""Stands for the project's name in the names of these files."""

REQUIRED: Final = "actionhero-tcp[fast,web]"
"""This package with uvloop, on which the project runs."""

VENDOR: Final = "vendor"
"""The project's folder for the wheel of this package, where no other machine could get it."""

FILLED: Final = frozenset({"README.md", "config.json", "requirements.txt", "__name__.service"})
"""Those in which a ``$name`` is filled in, and a ``$requirement``."""

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""What a project can be called: it becomes a part of paths, and the name of a systemd unit."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "path",
        metavar="PATH",
        help="the project's folder, such as my-api: it is made, and gives the project its name",
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the project, and says how to go on.

    Raises:
        CommandError: The name is not right, there is something already, or it cannot be
            written; then nothing is.
    """
    target = Path(os.path.abspath(arguments.path))
    words = {"name": target.name, "requirement": requirement()}
    try:
        _check(target)
        _write(target, words)
    except OSError as error:
        raise CommandError(f"{target}: the project cannot be written: {error.strerror}") from None
    steps = [f"cd {shlex.quote(arguments.path)}", "make test", "make run"]
    print(f"{target.name} is ready:\n", *steps, sep="\n    ")
    return 0


def requirement() -> str:
    """Return the lines of ``requirements.txt`` for this package, which hold on other machines.

    They name where it has been installed from. In place of a folder or a file of this machine
    that is a wheel in the project.
    """
    installed = metadata.distribution("actionhero-tcp")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    url, control = origin.get("url", ""), origin.get("vcs_info")
    if control is not None:
        url = f"{control['vcs']}+{url}@{control['commit_id']}"
    if "file://" not in url:
        return f"{REQUIRED} @ {url}" if url else f"{REQUIRED} >= {installed.version}"
    return f"--find-links {VENDOR}\n{REQUIRED} >= {installed.version}"


def _check(target: Path) -> None:
    """Checks the name of a project, and that nothing is in its place."""
    if NAME.fullmatch(target.name) is None:
        raise CommandError(
            f"a project cannot be called {target.name!r}: a name has at most 64 letters, digits, "
            "- and _, and begins with a letter"
        )
    for path in (target, *target.parents):
        if path.exists() and not path.is_dir():
            raise CommandError(f"{path}: this is there already, and is no folder")
    if target.is_symlink():
        raise CommandError(f"{target}: this is there already, and is a link")
    if target.is_dir() and any(target.iterdir()):
        raise CommandError(f"{target}: this folder is there already, and is not empty")


def _write(target: Path, words: Mapping[str, str]) -> None:
    """Writes the project beside its place, and moves it there when it is whole."""
    exists = target.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    # In an empty folder that is there it is moved into that, which may be somebody's current one.
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=target if exists else target.parent))
    moved: list[Path] = []
    try:
        whole = staging / target.name
        _fill(whole, words)
        if "--find-links" in words["requirement"]:
            wheel.pack(metadata.distribution("actionhero-tcp"), whole / VENDOR)
        if not exists:
            whole.rename(target)
            return
        for entry in sorted(whole.iterdir()):
            moved.append(entry.rename(target / entry.name))
    except BaseException:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
    finally:
        shutil.rmtree(staging)


def _fill(folder: Path, words: Mapping[str, str]) -> None:
    """Writes all files of the template to a folder."""
    for source in _files():
        relative = str(source.relative_to(TEMPLATE))
        path = folder / relative.replace(NAME_IN_PATHS, words["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        path.write_text(
            Template(text).substitute(words) if relative in FILLED else text, encoding="utf-8"
        )


def _files() -> Iterator[Path]:
    """The files of the template, without what Python has put beside them."""
    for path in sorted(TEMPLATE.rglob("*")):
        if path.is_file() and path.parent.name != "__pycache__":
            yield path

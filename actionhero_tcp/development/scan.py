"""How the files of an actions folder look, which tells when they change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..errors import StartError

MOST_ENTRIES: Final = 2000
"""As many files and folders are looked at, in some 15 ms; where there are more, none is."""

Signature = tuple[int, ...]
"""How a file looks: when it and what is known of it have changed, its size and its inode."""


def signature(path: str) -> Signature | None:
    """How a file looks, or None where there is none."""
    try:
        return _signature(os.stat(path))
    except OSError:
        return None


def _signature(status: os.stat_result) -> Signature:
    # The time of the inode's change moves even where a copy keeps the file's own.
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def scan(root: Path) -> dict[Path, Signature]:
    """How the Python files of a folder and its subfolders look.

    Args:
        root: The folder; one that is not there has no files.

    Raises:
        StartError: A folder cannot be read, or there are too many files.
    """
    found: dict[Path, Signature] = {}
    folders, entries = [str(root)], 0
    while folders:
        for entry in _entries(folders.pop()):
            entries += 1
            if entries > MOST_ENTRIES:
                raise StartError(
                    f"{root}: more than {MOST_ENTRIES} files and folders, too many to watch"
                )
            if entry.name.startswith(".") or entry.name == "__pycache__":
                continue
            if _is_folder(entry):
                folders.append(entry.path)
            elif entry.name.endswith(".py"):
                # Without one it is gone by now, or a link to nothing.
                seen = signature(entry.path)
                if seen is not None:
                    found[Path(entry.path)] = seen
    return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link in a circle, or to where nobody may look.
        return False


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise StartError(f"{folder}: cannot read the actions folder: {error.strerror}") from None

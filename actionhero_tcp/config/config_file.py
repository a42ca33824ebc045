"""Reads ``config.json``, and names what is wrong with it."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..errors import StartError
from ..regular_file import read_regular
from .configuration import fields
from .field import shown
from .sections import Config


def read_file(path: str, may_wait: bool = False) -> dict[tuple[str, str], Any]:
    """The values that a config file sets, checked.

    Args:
        path: The file; relative paths in it count from its folder.
        may_wait: Whether it may be a pipe, whose writer is then waited for.

    Returns:
        The values by (section, field name).

    Raises:
        StartError: The file cannot be read, is no JSON, or has an unknown key, a
            wrong type or a value out of range; the text names the file and the key.
    """
    return checked(_read_json(path, may_wait), path, Path(path).resolve().parent)


def checked(document: object, place: str, folder: Path) -> dict[tuple[str, str], Any]:
    """Return the values that a document in the form of a config file sets, checked.

    Args:
        document: The content of the file, or a placeholder.
        place: What it is, for errors.
        folder: Where relative paths in it count from.

    Raises:
        StartError: It has an unknown key, a wrong type or a value out of range; the text names
            the place and the key.
    """
    known = list(fields())
    sections = _known_keys(place, "", document, {info.section_key for info in known})
    values: dict[tuple[str, str], Any] = {}
    for section_key, entries in sections.items():
        by_key = {info.key: info for info in known if info.section_key == section_key}
        for key, value in _known_keys(place, section_key, entries, by_key.keys()).items():
            info = by_key[key]
            try:
                good = info.check(value)
            except ValueError as error:
                raise StartError(f"{place}: {section_key}.{key} {error}") from None
            if info.path and good:
                good = str(folder / good)
            values[info.section, info.name] = good
    return values


def check_folders(config: Config, given: Collection[tuple[str, str]]) -> None:
    """Check that folders which were asked for are there; those of the defaults need not be.

    Args:
        config: The configuration.
        given: The section and the field of each value that was asked for.

    Raises:
        StartError: One is not there.
    """
    for info in fields():
        if info.name not in ("actions_directory", "flat_file_directory"):
            continue
        folder = getattr(getattr(config, info.section), info.name)
        if (info.section, info.name) in given and not os.path.isdir(folder):
            raise StartError(f"{folder}: there is no such folder ({info.section_key}.{info.key})")


def _read_json(path: str, may_wait: bool) -> object:
    try:
        text = (Path(path).read_bytes() if may_wait else read_regular(path)).decode()
    except OSError as error:
        raise StartError(f"{path}: cannot read the config file: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise StartError(f"{path}: the config file is not UTF-8 at byte {error.start}") from None
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise StartError(
            f"{path}:{error.lineno}: the config file is not valid JSON: {error.msg}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise StartError(f"{path}: the config file is not valid: {error}") from None


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {repeated!r} occurs twice")
    return entries


def _known_keys(path: str, section: str, entries: object, known: Collection[str]) -> dict[str, Any]:
    """The entries of one object of the file, none of which may be unknown."""
    place = f"the section {section}" if section else "the config file"
    if not isinstance(entries, dict):
        raise StartError(f"{path}: {place} must be an object, not {shown(entries)}")
    for key in entries:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            full = f"{section}.{key}" if section else key
            raise StartError(f"{path}: unknown key {full}; {hint}")
    return entries

"""Reads ``config.json``, and names what is wrong with it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..errors import StartError
from ..regular_file import read_regular
from .field import shown
from .sections import fields


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
    document = _read_json(path, may_wait)
    known = list(fields())
    sections = _known_keys(path, "", document, {info.section_key for info in known})
    values: dict[tuple[str, str], Any] = {}
    for section_key, entries in sections.items():
        by_key = {info.key: info for info in known if info.section_key == section_key}
        for key, value in _known_keys(path, section_key, entries, by_key.keys()).items():
            info = by_key[key]
            try:
                checked = info.check(value)
            except ValueError as error:
                raise StartError(f"{path}: {section_key}.{key} {error}") from None
            if info.path and checked:
                checked = str(Path(path).resolve().parent / checked)
            values[info.section, info.name] = checked
    return values


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
        raise ValueError(f"the key {repeated!r} stands there twice")
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

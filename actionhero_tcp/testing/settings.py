"""The configuration of a test's server: its file's, as is good for a test, as the test says."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from unittest import TestCase

from ..config import config_file, configuration
from ..config.sections import Config

FOR_TESTS: Final[Mapping[tuple[str, str], Any]] = {
    ("general", "workers"): 1,
    ("tcp_server", "enable"): True,
    ("tcp_server", "secure"): False,
    ("tcp_server", "port"): 0,
    ("tcp_server", "bind_ip"): "127.0.0.1",
    ("tcp_server", "ca_file"): "",
    ("tcp_server", "listen"): (),
    ("limits", "announce_delay"): 0.0,
    ("log", "requests"): False,
    ("log", "file"): "",
    ("log", "blocked_seconds"): 0.0,
    ("redis", "enable"): False,
    ("redis", "url"): "",
    ("web", "port"): 0,
}
"""What wins over the config file: a test's server is alone, and on a port that was free."""


def folder_of(test: TestCase) -> Path:
    """The folder of the file that defines a test."""
    return Path(str(sys.modules[type(test).__module__].__file__)).resolve().parent


def config_for(
    folder: Path,
    file: str | os.PathLike[str] | None,
    options: Mapping[str, object],
    loads_folder: bool = True,
) -> Config:
    """The configuration of a test's server.

    Args:
        folder: Where relative paths count from, such as the folder of the test's file: trial
            works in another one. Those in the config file count from that file's folder.
        file: The config file; None for the defaults.
        options: Options of ``twistd actionhero`` and their values, with ``_`` in place of
            ``-``; they win over all else.
        loads_folder: Whether the actions folder is loaded, and so has to be there.

    Raises:
        StartError: The file is wrong, or a folder is missing; the text says what and where.
        TypeError: There is no such option.
        ValueError: An option cannot have this value.
    """
    in_file: dict[tuple[str, str], Any] = {}
    base = folder
    if file is not None:
        path = folder / file
        in_file, base = config_file.read_file(str(path)), path.parent
    given = _given(options, folder)
    defaults = {
        (info.section, info.name): str(base / info.default)
        for info in configuration.fields()
        if info.path and info.default
    }
    config = configuration.build(defaults, in_file, FOR_TESTS, given)
    unused = set() if loads_folder else {("general", "actions_directory")}
    config_file.check_folders(config, {*in_file, *given} - unused)
    return config


def _given(options: Mapping[str, object], folder: Path) -> dict[tuple[str, str], Any]:
    """The values of options, by section and field."""
    known = {info.option.replace("-", "_"): info for info in configuration.fields()}
    given: dict[tuple[str, str], Any] = {}
    for name, value in options.items():
        info = known.get(name)
        if info is None:
            raise TypeError(f"there is no option {name}; twistd actionhero --help lists them")
        if info.path and value:
            value = str(folder / os.fspath(value))  # type: ignore[call-overload]
        try:
            given[info.section, info.name] = info.check(value)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    return given

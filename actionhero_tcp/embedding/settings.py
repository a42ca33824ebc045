"""The configuration of an embedded server, in any of the forms that a program has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..config import config_file, configuration
from ..config.sections import Config
from ..errors import StartError

Given = Config | Mapping[str, Mapping[str, Any]] | str | os.PathLike[str] | None
"""A configuration: as the frozen classes, as a config file has it, as the path of that file, or
None for the defaults."""

DEFAULTS: Final[Mapping[tuple[str, str], Any]] = {("log", "requests"): False}
"""What wins over the daemon's defaults: standard output belongs to the program."""


def reader_of(
    given: Given, loads_folder: bool, defaults: Mapping[tuple[str, str], Any]
) -> Callable[[], Config]:
    """Return what reads a configuration, also again for a reload.

    Args:
        given: The configuration.
        loads_folder: Whether its actions folder is loaded.
        defaults: Values that override the defaults of the daemon.

    Returns:
        A function that raises a StartError where something is not right with the configuration.
    """
    if isinstance(given, Config):
        return lambda: given
    if given is None or isinstance(given, Mapping):
        values = config_file.checked(given or {}, "config", Path.cwd())
        return lambda: _built(values, loads_folder, defaults)
    path = os.path.abspath(given)
    return lambda: _built(config_file.read_file(path), loads_folder, defaults)


def _built(
    values: Mapping[tuple[str, str], Any],
    loads_folder: bool,
    defaults: Mapping[tuple[str, str], Any],
) -> Config:
    config = configuration.build(defaults, values)
    folders = {*values} if loads_folder else {*values} - {("general", "actions_directory")}
    config_file.check_folders(config, folders)
    _check(config, loads_folder)
    return config


def _check(config: Config, loads_folder: bool) -> None:
    """Refuse what only `twistd` can do."""
    if config.general.workers > 1:
        raise StartError(
            "general.workers is for twistd actionhero; a server in a program is one process"
        )
    if config.general.development_mode and not loads_folder:
        raise StartError(
            "general.developmentMode loads an actions folder again when it changes; leave out "
            "actions= and hooks=, or development mode"
        )

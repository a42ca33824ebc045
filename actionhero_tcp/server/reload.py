"""A reload: the config file and the certificates are read again while the server runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from ..config.configuration import build, fields
from ..config.sections import Config
from ..errors import StartError
from .listeners import settings_of

if TYPE_CHECKING:
    from ..config.settings import LiveSettings, Settings

_log = Logger()


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The files that a reload has read.

    Attributes:
        settings: The new settings.
        changed: The keys that have changed.
        waiting: The keys whose change needs a restart.
    """

    settings: Settings
    changed: list[str]
    waiting: list[str]


class Reload:
    """Swaps the settings for those that the files have now: all of them or none.

    Args:
        live: The current settings.
        read: Reads the configuration.
        check: Checks a configuration against the process; may raise StartError.
    """

    def __init__(
        self,
        live: LiveSettings,
        read: Callable[[], Config],
        check: Callable[[Config], object],
    ) -> None:
        self._live = live
        self._read = read
        self._check = check

    def __call__(self) -> bool:
        """Reloads.

        Returns:
            Whether it succeeded; where it did not, nothing has changed.
        """
        try:
            found = self.read()
        except StartError as error:
            failed(str(error))
            return False
        self.use(found)
        return True

    def read(self) -> Reloaded:
        """Reads all files and changes nothing; in any thread.

        Raises:
            StartError: A file cannot be used; the text says which, and why.
        """
        config, changed, waiting = merge(self._live.config, self._read())
        self._check(config)
        return Reloaded(settings_of(config), changed, waiting)

    def use(self, found: Reloaded) -> None:
        """Swaps the settings for those that were read, and logs what has changed."""
        self._live.swap(found.settings)
        _log.info(
            "reloaded the certificates and the configuration; changed: {changed}",
            changed=", ".join(found.changed) or "nothing",
        )
        if found.waiting:
            _log.warn("these changes need a restart: {keys}", keys=", ".join(found.waiting))


def failed(error: str) -> None:
    """Logs why a reload has changed nothing."""
    _log.error("the reload has changed nothing: {error}", error=error)


def merge(current: Config, asked: Config) -> tuple[Config, list[str], list[str]]:
    """The result of a reload.

    Args:
        current: The current one.
        asked: The one that was read.

    Returns:
        The new one; the keys that have changed; the keys whose change
        needs a restart.
    """
    values: dict[tuple[str, str], Any] = {}
    changed: list[str] = []
    waiting: list[str] = []
    for info in fields():
        old, new = (getattr(getattr(c, info.section), info.name) for c in (current, asked))
        key = f"{info.section_key}.{info.key}"
        live = info.changes_live(old, new)
        if new != old:
            (changed if live else waiting).append(key)
        values[info.section, info.name] = new if live else old
    return build(values), changed, waiting

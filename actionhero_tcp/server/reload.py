"""A reload: the config file and the certificates are read again while the server runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from ..config.configuration import build, fields
from ..config.sections import Config
from ..errors import StartError
from .listeners import settings_of

if TYPE_CHECKING:
    from ..config.settings import LiveSettings

_log = Logger()


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
            config, changed, waiting = merge(self._live.config, self._read())
            self._check(config)
            settings = settings_of(config)
        except StartError as error:
            _log.error("the reload has changed nothing: {error}", error=error)
            return False
        self._live.swap(settings)
        _log.info(
            "reloaded the certificates and the configuration; changed: {changed}",
            changed=", ".join(changed) or "nothing",
        )
        if waiting:
            _log.warn("these changes need a restart: {keys}", keys=", ".join(waiting))
        return True


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
        if new != old:
            (changed if info.live else waiting).append(key)
        values[info.section, info.name] = new if info.live else old
    return build(values), changed, waiting

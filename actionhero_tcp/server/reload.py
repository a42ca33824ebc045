"""A reload: the config file and the certificates are read anew while the server runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from ..config.sections import Config, build, fields
from ..config.settings import Settings
from ..errors import StartError
from ..net import tls
from .listeners import warn_of_dates
from .proxied import TrustedProxies

if TYPE_CHECKING:
    from ..app.cache import LocalCache
    from ..config.settings import LiveSettings
    from ..net.tls import Certificates
    from ..redis.cache import RedisCache
    from ..rooms.rooms import Rooms
    from .admission import Admission

_log = Logger()

Commit = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running server that a reload changes.

    Each is what its module says; ``certificates`` is None where no TLS is spoken.
    """

    live: LiveSettings
    rooms: Rooms
    cache: LocalCache | RedisCache
    admission: Admission
    proxies: TrustedProxies
    certificates: Certificates | None

    def prepare(self, config: Config) -> Commit:
        """Reads all that the configuration names.

        Returns:
            A function that brings it into force.

        Raises:
            StartError: Something is not as it should be; the text says what.
        """
        self.admission.check(config.limits.max_connections)
        server, context = config.tcp_server, None
        proxies = TrustedProxies(server.trusted_proxies)
        if self.certificates is not None:
            context = tls.load(server.key_file, server.cert_file, server.ca_file)
            warn_of_dates(server)

        def commit() -> None:
            self.proxies.trust_like(proxies)
            if self.certificates is not None and context is not None:
                self.certificates.context = context
            self._bring_into_force(config)

        return commit

    def _bring_into_force(self, config: Config) -> None:
        self.live.swap(Settings(config))
        self.cache.max_entries = config.limits.max_cache_entries
        self.cache.max_bytes = config.limits.max_cache_bytes
        self.rooms.announce_limit = config.general.announce_limit


class Reload:
    """Brings what has changed into force, all of it or nothing.

    Args:
        config: The configuration that the server has started with.
        read: Reads the configuration anew.
        prepare: Reads all that a configuration names (certificates, ...), and gives a
            function that brings it into force. Both may raise StartError.

    Attributes:
        config: The configuration that is in force.
    """

    def __init__(
        self,
        config: Config,
        read: Callable[[], Config],
        prepare: Callable[[Config], Commit],
    ) -> None:
        self.config = config
        self._read = read
        self._prepare = prepare

    def __call__(self) -> bool:
        """Reloads.

        Returns:
            Whether all was well; where something was not, nothing has changed.
        """
        try:
            asked = self._read()
            config, changed, waiting = merge(self.config, asked)
            commit = self._prepare(config)
        except StartError as error:
            _log.error("the reload has changed nothing: {error}", error=error)
            return False
        commit()
        self.config = config
        _log.info(
            "reloaded the certificates and the configuration; changed: {changed}",
            changed=", ".join(changed) or "nothing",
        )
        if waiting:
            _log.warn("these changes need a restart: {keys}", keys=", ".join(waiting))
        return True


def merge(current: Config, asked: Config) -> tuple[Config, list[str], list[str]]:
    """What a reload makes of a configuration.

    Args:
        current: The one in force.
        asked: The one that was read.

    Returns:
        The one in force from now on; the keys that have changed; the keys whose change
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

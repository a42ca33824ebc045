"""Where to listen, as the configuration says, and with which certificates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.logger import Logger

from ..config.settings import Settings
from ..errors import StartError
from ..net import tls
from . import endpoints
from .listening import Listener

if TYPE_CHECKING:
    from OpenSSL import SSL

    from ..config.sections import Config, TcpServer
    from ..config.settings import LiveSettings

_log = Logger()


def settings_of(config: Config) -> Settings:
    """Loads what a configuration names.

    Raises:
        StartError: The certificates cannot be used, or nothing speaks TLS that could ask for
            others; or a rule for proxies is wrong.
    """
    server = config.tcp_server
    if server.secure:
        settings = Settings(config, tls.load(server.key_file, server.cert_file, server.ca_file))
        _warn_of_dates(server)
        return settings
    if server.ca_file:
        raise StartError("tcpServer.caFile is set, but not tcpServer.secure: nothing speaks TLS")
    return Settings(config)


def certificates_of(live: LiveSettings) -> tls.Certificates | None:
    """The current certificates, as new connections see them; None without TLS."""

    def in_force() -> SSL.Context:
        context = live.current.tls
        assert context is not None
        return context

    return None if live.current.tls is None else tls.Certificates(in_force)


def _warn_of_dates(server: TcpServer) -> None:
    """Logs which certificates have expired, are not valid yet, or expire soon."""
    for warning in tls.warnings(server.cert_file, server.ca_file):
        _log.warn("{warning}", warning=warning)


def listeners_of(
    config: Config,
    certificates: tls.Certificates | None,
    reactor: Any,
    handed: Sequence[Any],
) -> list[Listener]:
    """Where to listen: `port`, or what `listen` describes; with TLS where that is wanted.

    In a worker that is where its supervisor hands connections over, in the same order.

    Args:
        config: The configuration.
        certificates: See `certificates_of`.
        reactor: The reactor.
        handed: In a worker, the endpoints that its supervisor hands connections to.

    Raises:
        StartError: A description is none.
    """
    listeners = [
        Listener(endpoints.described(text, reactor, end), text, _backlog(config, text))
        for text, end in zip_longest(config.tcp_server.listen, handed)
        if text is not None
    ] or [_default(config, reactor, *handed)]
    if certificates is not None:
        listeners = [_secured(each, certificates, reactor) for each in listeners]
    return [_speaking(each) for each in listeners]


def _default(config: Config, reactor: Any, handed: Any = None) -> Listener:
    server = config.tcp_server
    endpoint = handed or TCP4ServerEndpoint(reactor, server.port, interface=server.bind_ip)
    return Listener(endpoint, f"TCP {server.bind_ip}:{server.port}", server.backlog)


def _backlog(config: Config, text: str) -> int | None:
    """The backlog of a description; None where it says one by itself."""
    return None if ":backlog=" in text else config.tcp_server.backlog


def shared_listeners(config: Config, reactor: Any) -> list[Listener]:
    """Where a supervisor listens for its workers.

    Raises:
        StartError: There cannot be workers.
    """
    count = config.general.workers
    if config.general.development_mode:
        raise StartError(
            f"development mode is for one process, not for {count} workers: leave out "
            "--development-mode (general.developmentMode) or --workers (general.workers)"
        )
    if not config.redis.is_on:
        raise StartError(
            f"{count} workers need Redis, over which they share rooms, the cache and counters: "
            "say where it is with --redis (redis.url), or leave out --workers (general.workers)"
        )
    listeners = [
        Listener(endpoints.shared(text, reactor), text, _backlog(config, text))
        for text in config.tcp_server.listen
    ]
    return listeners or [_default(config, reactor)]


def _secured(listener: Listener, certificates: tls.Certificates, reactor: Any) -> Listener:
    text = listener.description
    endpoint = endpoints.secured(text, listener.endpoint, certificates, reactor)
    return Listener(endpoint, f"{text}, with TLS", listener.backlog)


def _speaking(listener: Listener) -> Listener:
    """A listener whose clients speak the dialect that its description names."""
    dialect, _ = endpoints.split_dialect(listener.description)
    if dialect is None:
        return listener
    endpoint = endpoints.DialectEndpoint(listener.endpoint, dialect)
    return Listener(endpoint, listener.description, listener.backlog)

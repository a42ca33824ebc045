"""The web port as a resource of the daemon: where it listens, and how it stops."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..config.trusted_proxies import TrustedProxies
from ..net.descriptor_exhaustion import pause_when_exhausted
from ..net.transport import write_at_once
from .access import LOOPBACK_NAMES, Access
from .site import WebSite

if TYPE_CHECKING:
    from ..config.sections import Web
    from ..net.tls import Certificates
    from ..stats import Stats
    from .events import RecentEvents

_log = Logger()


def access_of(settings: Web) -> Access:
    """Returns who may use the web port, by its settings.

    Raises:
        StartError: A trusted proxy is no address and no network.
    """
    hosts = [*LOOPBACK_NAMES, settings.bind_ip, *settings.allowed_hosts]
    path = f"/{settings.path_prefix.strip('/')}/".replace("//", "/")
    proxies = TrustedProxies(settings.trusted_proxies, "web.trustedProxies")
    return Access(settings.token, hosts, settings.allowed_origins, path, proxies)


def most_connections(settings: Web) -> int:
    """Returns how many HTTP connections there may be: the files of the process are not theirs."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(settings.max_connections, descriptors // 4))


class WebPort:
    """Serves a site on the web port.

    Args:
        settings: The section ``web`` of the configuration.
        access: Decides who may do what.
        site: What is served.
        certificates: The certificates for TLS; None for plain HTTP.
        stats: Counts clients that find no file descriptor left.
        events: Keeps the last events of the log while the port is open; None for none.

    Attributes:
        url: Where it is; empty until it listens.
    """

    def __init__(
        self,
        settings: Web,
        access: Access,
        site: WebSite,
        certificates: Certificates | None,
        stats: Stats,
        events: RecentEvents | None = None,
    ) -> None:
        self._settings = settings
        self._access = access
        self._certificates = certificates
        self._site = site
        self._stats = stats
        self._events = events
        self._port: Any = None
        self.url = ""

    def start(self) -> None:
        """Listens. A port that is taken is a warning: clients are served without it."""
        if self._events is not None:
            self._events.start()
        settings = self._settings
        reactor: Any = self._site.reactor
        endpoint: Any
        if self._certificates is None:
            endpoint = TCP4ServerEndpoint(reactor, settings.port, interface=settings.bind_ip)
        else:
            endpoint = SSL4ServerEndpoint(
                reactor, settings.port, self._certificates, interface=settings.bind_ip
            )
        listening = maybeDeferred(endpoint.listen, self._site)
        listening.addCallbacks(self._listening, self._cannot_listen)

    def stop(self) -> Deferred[Any]:
        """Closes the port; the Deferred fires when it is closed."""
        if self._events is not None:
            self._events.stop()
        port, self._port = self._port, None
        return succeed(None) if port is None else maybeDeferred(port.stopListening)

    def _listening(self, port: Any) -> None:
        write_at_once(port)
        pause_when_exhausted(port, self._site.reactor, self._stats)
        self._port = port
        host = port.getHost()
        scheme = "http" if self._certificates is None else "https"
        name = "localhost" if host.host in ("127.0.0.1", "0.0.0.0") else host.host  # noqa: S104
        self.url = f"{scheme}://{name}:{host.port}{self._access.path}"
        if self._events is not None:
            _log.info("live page on {url}?token={token}", url=self.url, token=self._access.token)
        else:
            _log.info("health on {url}", url=self.url)

    def _cannot_listen(self, failure: Failure) -> None:
        failure.trap(CannotListenError)
        error: Any = failure.value
        _log.warn(
            "no web port: cannot listen on {host}:{port} (web.port): {reason}",
            host=self._settings.bind_ip,
            port=self._settings.port,
            reason=error.socketError.strerror or error.socketError,
        )

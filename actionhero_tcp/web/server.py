"""The web port as a resource of the daemon: what it serves, where it listens, how it stops."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure

from .access import LOOPBACK_NAMES, Access
from .commands import CloseConnection
from .events import RecentEvents
from .health import Liveness, Readiness, Reasons
from .metrics import MetricsResource, ServerCollector
from .resources import JSONResource, TextFile, WebResource
from .site import Protected, Root, WebSite
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..app.api import Api
    from ..config.sections import Web
    from ..net.tls import Certificates
    from .websocket import BuildProtocol

PAGE_FILES: Final = {
    "index.html": "text/html",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "actionhero.js": "text/javascript",
}
"""The files of the live page, and their types."""

_log = Logger()


class WebServer:
    """Serves the web port.

    Args:
        settings: The section ``web`` of the configuration.
        api: The server's face to actions.
        reasons: Says why the server is not ready.
        build_protocol: Makes the protocol of a client that comes over WebSocket.
        certificates: What TLS shows; None where ``web.secure`` is off.

    Attributes:
        url: Where the live page is; empty until the port listens.
    """

    def __init__(
        self,
        settings: Web,
        api: Api,
        reasons: Reasons,
        build_protocol: BuildProtocol,
        certificates: Certificates | None,
    ) -> None:
        self._settings = settings
        self._api = api
        self._certificates = certificates
        self._events = RecentEvents()
        self._port: Any = None
        self.url = ""
        prefix = settings.path_prefix.strip("/")
        self._path = f"/{prefix}/" if prefix else "/"
        hosts = [*LOOPBACK_NAMES, settings.bind_ip, *settings.allowed_hosts]
        self._access = Access(settings.token, hosts, settings.allowed_origins, self._path)
        tree = self._tree(Snapshot(api, reasons), reasons, build_protocol)
        self._site = WebSite(Root(self._access, prefix, tree), api.reactor)

    def start(self) -> None:
        """Listens. A port that is taken is a warning: clients are served without it."""
        self._events.start()
        settings, reactor = self._settings, self._api.reactor
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
        self._events.stop()
        port, self._port = self._port, None
        return succeed(None) if port is None else maybeDeferred(port.stopListening)

    def _listening(self, port: Any) -> None:
        self._port = port
        host = port.getHost()
        scheme = "http" if self._certificates is None else "https"
        name = "localhost" if host.host in ("127.0.0.1", "0.0.0.0") else host.host  # noqa: S104
        self.url = f"{scheme}://{name}:{host.port}{self._path}"
        if self._settings.page:
            _log.info("live page on {url}?token={token}", url=self.url, token=self._access.token)
        else:
            _log.info("health and metrics on {url}", url=self.url)

    def _cannot_listen(self, failure: Failure) -> None:
        failure.trap(CannotListenError)
        error: Any = failure.value
        _log.warn(
            "no web port: cannot listen on {host}:{port} (web.port): {reason}",
            host=self._settings.bind_ip,
            port=self._settings.port,
            reason=error.socketError.strerror or error.socketError,
        )

    def _tree(
        self, snapshot: Snapshot, reasons: Reasons, build_protocol: BuildProtocol
    ) -> WebResource:
        tree = WebResource()
        tree.add("livez", Liveness())
        tree.add("readyz", Readiness(reasons))
        tree.add("metrics", MetricsResource(ServerCollector(self._api)))
        if self._settings.web_socket:
            tree.add("ws", self._websocket(build_protocol))
        if self._settings.page:
            self._add_page(tree, snapshot)
        return tree

    def _websocket(self, build_protocol: BuildProtocol) -> WebResource:
        # wsproto comes with an extra, and is needed only where this is on.
        from .websocket import WebSocketEndpoint, WebSocketFactory

        api = self._api
        longest: Callable[[], int] = lambda: api.config.limits.max_line_length  # noqa: E731
        factory = WebSocketFactory(build_protocol, longest, api.reactor)
        return WebSocketEndpoint(self._access, factory)

    def _add_page(self, tree: WebResource, snapshot: Snapshot) -> None:
        page = {name: _page_file(name, kind) for name, kind in PAGE_FILES.items()}
        index = Protected(self._access, page.pop("index.html"), takes_token=True)
        tree.add("", index)
        for name, file in page.items():
            tree.add(name, file)
        state = WebResource()
        for name, make in (
            ("overview", snapshot.overview),
            ("limits", snapshot.limits),
            ("connections", snapshot.connections),
            ("rooms", snapshot.rooms),
            ("members", snapshot.members),
            ("actions", snapshot.actions),
            ("events", lambda arguments: self._events.latest()),
        ):
            state.add(name, JSONResource(make))
        state.add("close", CloseConnection(self._api))
        tree.add("state", Protected(self._access, state))


def _page_file(name: str, kind: str) -> WebResource:
    return TextFile((files(__package__) / "page" / name).read_bytes(), kind)

"""The tree of the web port, and what holds for each request."""

from __future__ import annotations

from typing import Any, Final

from twisted.web.http import Request as HTTPRequest
from twisted.web.server import Request, Site

from .access import Access
from .channel import Channels, WebChannel, queue_of
from .resources import Leaf, Refusal, WebResource, render_below

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of each answer. The page has no script and no style within its HTML."""

MAX_BODY_BYTES: Final = 64 * 1024
"""The longest body of a request; nothing here takes one that is longer than a few bytes."""

REQUEST_SECONDS: Final = 30
"""A client has so long to send a request, and a connection may be idle so long."""

DEFAULT_CONNECTIONS: Final = 1024
"""The default limit of HTTP connections."""


class WebRequest(Request):
    """A request that waits for its turn.

    Its body is bounded: Twisted would write a long one to a temporary file.
    """

    def process(self) -> None:
        """Answers, at once or when it is this client's turn."""
        channel: Any = self.channel
        channel.serve_in_turn(super().process)

    def gotLength(self, length: int | None) -> None:
        """Drops the connection of a request whose body is too long, or of unknown length."""
        if length is None or length > MAX_BODY_BYTES:
            self.loseConnection()  # type: ignore[no-untyped-call]
        super().gotLength(length)  # type: ignore[no-untyped-call]


class Root(Leaf):
    """The top of the tree: checks the host, adds `HEADERS`, and takes off the path's prefix.

    Args:
        access: Decides whose requests are served.
        prefix: The path below which everything lies, such as ``actionhero``; empty for none.
        tree: The resource below that.
    """

    def __init__(self, access: Access, prefix: str, tree: WebResource) -> None:
        super().__init__()
        self._access = access
        self._prefix = [part.encode() for part in prefix.split("/") if part]
        self._tree = tree

    def render(self, request: Request) -> Any:
        """Renders what the request's path leads to, or refuses."""
        for name, value in HEADERS.items():
            request.setHeader(name, value)
        if not self._access.knows_host(request):
            return Refusal(421, "unknown host name; web.allowedHosts names ours").render(request)
        length, path = len(self._prefix), request.postpath or []
        if path[:length] != self._prefix:
            return Refusal(404, "not found").render(request)
        request.postpath = path[length:]
        return render_below(self._tree, request)


class Protected(Leaf):
    """Resources that need the token, and take requests of our own pages only.

    Args:
        access: Decides.
        inner: What is protected.
        takes_token: Whether the token may come in the address of a GET request; the browser is
            then sent on without it.
    """

    def __init__(self, access: Access, inner: WebResource, *, takes_token: bool = False) -> None:
        super().__init__()
        self._access = access
        self._inner = inner
        self._takes_token = takes_token

    def render(self, request: Request) -> Any:
        """Renders what is protected, or refuses."""
        if not self._access.knows_origin(request):
            return Refusal(403, "pages of other sites may not do this").render(request)
        if self._takes_token and self._access.take_token(request):
            request.redirect(request.path)
            return b""
        if not self._access.has_token(request):
            text = "open the address that the server's log shows, with its token"
            return Refusal(401, text).render(request)
        return render_below(self._inner, request)


class WebSite(Site):
    """The factory of the web port. Requests are not logged: whoever can connect could fill a log.

    Args:
        root: The top of the tree.
        reactor: The reactor.
        most: How many HTTP connections there may be.

    Attributes:
        channels: The HTTP connections.
        queue: Those whose request waits for its turn.
    """

    protocol = WebChannel  # type: ignore[assignment]
    noisy = False
    displayTracebacks = False

    def __init__(self, root: Root, reactor: Any, most: int = DEFAULT_CONNECTIONS) -> None:
        super().__init__(root, WebRequest, timeout=REQUEST_SECONDS, reactor=reactor)  # type: ignore[no-untyped-call]
        self.channels = Channels(most)
        self.queue = queue_of(reactor)

    def log(self, request: HTTPRequest) -> None:
        """Logs nothing of a request."""

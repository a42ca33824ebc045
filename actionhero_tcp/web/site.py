"""The tree of the web port's resources, and what holds for each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site
from twisted.web.static import Data

from .access import Access

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


class WebRequest(Request):
    """A request whose body is bounded: Twisted would write a long one to a temporary file."""

    def gotLength(self, length: int | None) -> None:
        """Drops the connection of a request whose body is too long, or of unknown length."""
        if length is None or length > MAX_BODY_BYTES:
            self.loseConnection()
        super().gotLength(length)


class Root(Resource):
    """The top of the tree: checks the host, adds `HEADERS`, and finds the path's prefix.

    Args:
        access: Decides whose requests are served.
        prefix: The path below which everything lies, such as ``actionhero``; empty for none.
        tree: The resource below that.
    """

    def __init__(self, access: Access, prefix: str, tree: Resource) -> None:
        super().__init__()
        self._access = access
        self._prefix = [part.encode() for part in prefix.split("/") if part]
        self._tree = tree

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        """Returns the tree's resource for a request that may be served."""
        for name, value in HEADERS.items():
            request.setHeader(name, value)
        if not self._access.knows_host(request):
            return Refusal(421, "this host name is not served here; see web.allowedHosts")
        asked = [path, *request.postpath]
        if asked[: len(self._prefix)] != self._prefix:
            return Refusal(404, "not found")
        for _ in self._prefix:
            request.prepath.append(asked.pop(0))
        # The root has taken the first segment off the list already.
        request.postpath = asked
        return _Found(self._tree)


class _Found(Resource):
    """Goes on with the segments that are left, once Twisted has taken the first."""

    isLeaf = True

    def __init__(self, tree: Resource) -> None:
        super().__init__()
        self._tree = tree

    def render(self, request: Request) -> Any:
        resource: Any = self._tree
        while request.postpath and not resource.isLeaf:
            segment = request.postpath.pop(0)
            request.prepath.append(segment)
            resource = resource.getChildWithDefault(segment, request)
        return resource.render(request)


class Refusal(Resource):
    """An answer of one line of text.

    Args:
        status: The HTTP status.
        text: What is wrong, and what is expected.
    """

    isLeaf = True

    def __init__(self, status: int, text: str) -> None:
        super().__init__()
        self._status = status
        self._text = text

    def render(self, request: Request) -> bytes:
        """Answers any method."""
        request.setResponseCode(self._status)
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return f"{self._text}\n".encode()


class Protected(Resource):
    """Resources that need the token, and requests of our own pages only.

    Args:
        access: Decides.
        inner: What is protected.
        takes_token: Whether the token may come in the address of a GET request; the browser is
            then sent on without it.
    """

    isLeaf = True

    def __init__(self, access: Access, inner: Resource, *, takes_token: bool = False) -> None:
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
        return _Found(self._inner).render(request)


class JSONResource(Resource):
    """Answers GET with what a function returns, as JSON.

    Args:
        make: Gets the arguments of the request's address, the last value of each.
    """

    isLeaf = True

    def __init__(self, make: Callable[[Mapping[str, str]], object]) -> None:
        super().__init__()
        self._make = make

    def render_GET(self, request: Request) -> bytes:
        """Answers; a ValueError of the function is the client's fault."""
        arguments = {
            name.decode("utf-8", "replace"): values[-1].decode("utf-8", "replace")
            for name, values in request.args.items()
        }
        try:
            answer = self._make(arguments)
        except ValueError as error:
            return bytes(Refusal(400, str(error)).render(request))
        return as_json(request, answer)


def as_json(request: Request, answer: object) -> bytes:
    """Returns a JSON body, and sets its type."""
    request.setHeader("Content-Type", "application/json")
    return json.dumps(answer, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def text_file(content: bytes, kind: str) -> Data:
    """Returns a resource of a text that the package ships."""
    return Data(content, f"{kind}; charset=utf-8")


def site_of(root: Root, reactor: Any) -> Site:
    """Returns the factory of the web port."""
    site = Site(root, WebRequest, timeout=REQUEST_SECONDS, reactor=reactor)
    site.displayTracebacks = False
    site.noisy = False
    return site

"""Who may use the web port: host names, origins and the token."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.server import Request

from ..config.trusted_proxies import TrustedProxies
from .resources import last_argument

COOKIE: Final = "actionhero_token"
"""The cookie that holds the token of a browser."""

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
"""Host names under which a loopback port is reached."""

ANY_HOST: Final = "*"
"""In ``web.allowedHosts``: each host name is accepted, as behind a proxy that checks it."""


class Access:
    """Decides who may do what on the web port.

    A browser sends a request wherever a page that it shows tells it to. So a host name that
    is not one of ours is refused (a page elsewhere may have its name resolved to 127.0.0.1),
    and a request that another site's page makes is told by its ``Origin``.

    Args:
        token: The token of the live page and its commands; empty for one made now.
        hosts: Host names, without a port, that requests may name.
        origins: Origins of other sites whose pages may connect, such as ``https://a.example``.
        path: The path below which the site is served; the cookie holds there.
        proxies: The proxies that may say where a client is.

    Attributes:
        token: The token.
        path: See above.
    """

    def __init__(
        self,
        token: str,
        hosts: Iterable[str],
        origins: Iterable[str],
        path: str = "/",
        proxies: TrustedProxies | None = None,
    ) -> None:
        self.token = token or secrets.token_urlsafe(24)
        self._hosts = {host.lower() for host in hosts}
        self._origins = {origin.rstrip("/").lower() for origin in origins}
        self.path = path
        self._proxies = proxies or TrustedProxies(())

    def knows_host(self, request: Request) -> bool:
        """Returns whether the request names a host of ours."""
        if ANY_HOST in self._hosts:
            return True
        return _without_port(_header(request, "host")).lower() in self._hosts

    def knows_origin(self, request: Request) -> bool:
        """Returns whether the request comes from a page of ours, or from no page at all."""
        origin = _header(request, "origin").rstrip("/").lower()
        if not origin or origin in self._origins:
            return True
        parts = urlsplit(origin)
        return bool(parts.netloc) and parts.netloc == _header(request, "host").lower()

    def peer_of(self, request: Request) -> Any:
        """Returns the address of a client, which a trusted proxy says in ``X-Forwarded-For``.

        Each proxy appends the address that it was asked from. So the last one that is not a
        trusted proxy's is the client's; the client may have invented those before it.
        """
        transport: Any = request.transport
        peer, host = transport.getPeer(), transport.getHost()
        forwarded = request.requestHeaders.getRawHeaders("x-forwarded-for", [])
        for text in reversed(",".join(forwarded).split(",")):
            if not self._proxies.trust(peer, host):
                break
            address = _address(text.strip())
            if address is None:
                break
            kind = IPv6Address if address.version == 6 else IPv4Address
            peer = kind("TCP", str(address), 0)
        return peer

    def has_token(self, request: Request) -> bool:
        """Returns whether the request shows the token, in its cookie or as a bearer."""
        scheme, _, bearer = _header(request, "authorization").partition(" ")
        shown = [request.getCookie(COOKIE.encode()) or b""]
        if scheme.lower() == "bearer":
            shown.append(bearer.strip().encode())
        return any(self._is_token(each) for each in shown)

    def take_token(self, request: Request) -> bool:
        """Takes the token from the address of a request, and gives the browser its cookie.

        Returns:
            Whether the address had the right one.
        """
        if not self._is_token(last_argument(request, "token").encode()):
            return False
        request.addCookie(COOKIE, self.token, path=self.path, httpOnly=True, sameSite="strict")
        return True

    def _is_token(self, given: bytes) -> bool:
        return hmac.compare_digest(given, self.token.encode())


def _header(request: Request, name: str) -> str:
    return request.requestHeaders.getRawHeaders(name, [""])[-1]


def _without_port(host: str) -> str:
    """The name in a ``Host`` header."""
    return host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0]


def _address(text: str) -> Any:
    """An address, with or without a port; None where the text is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return ip_address(text)
    except ValueError:
        return None

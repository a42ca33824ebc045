"""Where Redis is."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from twisted.internet.endpoints import UNIXClientEndpoint, wrapClientTLS
from twisted.internet.ssl import optionsForClientTLS

from ..errors import StartError, printable
from ..net.client_endpoints import tcp

CONNECT_SECONDS: Final = 4.0
"""An attempt to connect may take so long."""


class RedisAddress:
    """Where Redis is.

    Args:
        url: ``redis://[:password@]host[:port][/db]``, ``rediss://…`` for TLS, or
            ``unix:[password@]/path[?db=N]``.

    Raises:
        StartError: It is none of these; the text does not repeat the password.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            self.port = parts.port or 6379
        except ValueError as error:
            raise StartError(f"redis.url is not a URL: {error}") from None
        self.scheme, self.host, self.path = parts.scheme, parts.hostname or "", ""
        self.username = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None
        database = parts.path.strip("/")
        if self.scheme == "unix":
            secret, at, path = parts.path.rpartition("@")
            self.password = unquote(secret) if at else None
            self.path = path
            database = parts.query.removeprefix("db=")
        if self.scheme not in ("redis", "rediss", "unix") or not (self.host or self.path):
            raise StartError(
                "redis.url must be redis://[:password@]host:port/db, rediss://… or unix:/path?db=N"
            )
        if database and not database.isdecimal():
            raise StartError("redis.url: the database must be a number, as in redis://host:6379/0")
        self.database = int(database) if database else 0

    @classmethod
    def of(cls, host: str, port: int, password: str, database: int) -> RedisAddress:
        """The address that is given by its parts."""
        place = f"[{host}]" if ":" in host else host
        return cls(f"redis://:{quote(password, safe='')}@{place}:{port}/{database}")

    def __str__(self) -> str:
        """The address, without the password."""
        place = self.path or f"//{self.host}:{self.port}/{self.database}"
        return printable(f"{self.scheme}:{place}")

    def endpoint(self, reactor: Any) -> Any:
        """A client endpoint that leads there."""
        if self.path:
            return UNIXClientEndpoint(reactor, self.path, CONNECT_SECONDS)
        endpoint = tcp(reactor, self.host, self.port, CONNECT_SECONDS)
        if self.scheme == "rediss":
            secure: Any = wrapClientTLS(optionsForClientTLS(self.host), endpoint)
            return secure
        return endpoint

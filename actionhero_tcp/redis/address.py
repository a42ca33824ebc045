"""Where Redis is, and how to log in there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote

from ..errors import StartError, printable

DEFAULT_PORT: Final = 6379
SENTINEL_PORT: Final = 26379

MIN_SECRET: Final = 3
"""Shorter passwords are not looked for in the texts of errors: they occur in every other word."""

FORMS: Final = (
    "redis://[[user]:password@]host[:port][/db], rediss://… for TLS, or "
    "unix:[[user]:password@]/path[?db=N], or "
    "redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/name[/db], or "
    "redis+cluster://[[user]:password@]host[:port][,host[:port]…], rediss+cluster://… for TLS"
)

SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster", "rediss+cluster")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is.

    Attributes:
        host: Its name or address; empty for a UNIX socket.
        port: Its port.
        path: The path of its UNIX socket; empty for TCP.
        username: The ACL user to log in as; empty for the default user.
        password: The password; empty where none is needed.
        database: The number of the database.
        is_secure: Whether it speaks TLS.
        sentinels: The hosts and ports of the Sentinels that know where it is; empty where
            ``host`` or ``path`` says so.
        name: The name that the Sentinels know it by.
        cluster: The hosts and ports of some nodes of a Redis Cluster; empty where it is none.
    """

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    is_secure: bool = False
    sentinels: tuple[tuple[str, int], ...] = ()
    name: str = ""
    cluster: tuple[tuple[str, int], ...] = ()

    @property
    def is_cluster(self) -> bool:
        """Whether it is a Redis Cluster, or a node of one."""
        return bool(self.cluster)

    @classmethod
    def parse(cls, url: str) -> RedisAddress:
        """The address that a URL names.

        All up to the last ``@`` is the user and the password, which may hold any character;
        ``%`` and two hex digits stand for one byte.

        Args:
            url: One of `FORMS`.

        Raises:
            StartError: It is none of them, or has a part that means nothing here. The text
                repeats nothing of the URL, which may have a password anywhere.
        """
        scheme, colon, rest = url.partition(":")
        scheme = scheme.lower()
        if not colon or scheme not in SCHEMES:
            raise _refusal(f"must be {FORMS}")
        if scheme == "unix":
            return cls._parse_unix(rest.removeprefix("//"))
        if not rest.startswith("//"):
            raise _refusal(f"must be {FORMS}")
        secret, _, place = rest[2:].rpartition("@")
        username, password = _login(secret, bare_password=False)
        place, database = _take_query(place)
        place, _, path = place.partition("/")
        if scheme == "redis+sentinel":
            return cls._parse_sentinels(place, path, username, password, database)
        if scheme.endswith("+cluster"):
            if path or database:
                raise _refusal("must name no database: a Redis Cluster has only one, 0")
            nodes = tuple(_host_and_port(each) for each in place.split(","))
            return cls(
                username=username,
                password=password,
                is_secure=scheme == "rediss+cluster",
                cluster=nodes,
            )
        if path:
            if database is not None:
                raise _refusal("names the database twice, in the path and after ?db=")
            database = _database(path)
        host, port = _host_and_port(place)
        return cls(host, port, "", username, password, database or 0, scheme == "rediss")

    @classmethod
    def _parse_sentinels(
        cls, place: str, path: str, username: str, password: str, database: int | None
    ) -> RedisAddress:
        name, slash, number = path.partition("/")
        if not name:
            raise _refusal("must name the master after the Sentinels, as in …/mymaster/0")
        if slash and number:
            if database is not None:
                raise _refusal("names the database twice, in the path and after ?db=")
            database = _database(number)
        sentinels = tuple(_host_and_port(each, SENTINEL_PORT) for each in place.split(","))
        return cls(
            username=username,
            password=password,
            database=database or 0,
            sentinels=sentinels,
            name=name,
        )

    @classmethod
    def _parse_unix(cls, rest: str) -> RedisAddress:
        secret, at, path = "", "", rest
        if not rest.startswith("/"):
            secret, at, path = rest.rpartition("@/")
            path = f"/{path}" if at else ""
        path, database = _take_query(path)
        if not path.strip("/"):
            raise _refusal("must name the path of a socket, as in unix:/run/redis.sock?db=0")
        username, password = _login(secret, bare_password=True)
        return cls("", 0, path, username, password, database or 0)

    def __str__(self) -> str:
        """The address as logs show it, without user and password."""
        if self.path:
            return printable(f"unix:{self.path}")
        if self.sentinels:
            places = _joined(self.sentinels)
            return printable(f"redis+sentinel://{places}/{self.name}/{self.database}")
        scheme = "rediss" if self.is_secure else "redis"
        if self.cluster and not self.host:
            return printable(f"{scheme}+cluster://{_joined(self.cluster)}")
        host = _bracketed(self.host)
        return printable(f"{scheme}://{host}:{self.port}/{self.database}")

    def at(self, host: str, port: int) -> RedisAddress:
        """The address of one node of the cluster."""
        return replace(self, host=host, port=port)

    def redacted(self, text: str) -> str:
        """A text from outside, such as an error of Redis, without the password.

        Redis repeats the beginning of the arguments of a command that it does not know.
        """
        text = text.partition(", with args")[0]
        if len(self.password) < MIN_SECRET:
            return text
        return text.replace(self.password, "[HIDDEN]")

    @property
    def login(self) -> list[tuple[str | bytes | int, ...]]:
        """The commands that a connection begins with."""
        commands: list[tuple[str | bytes | int, ...]] = []
        if self.username:
            commands.append(("AUTH", self.username, self.password))
        elif self.password:
            commands.append(("AUTH", self.password))
        if self.database:
            commands.append(("SELECT", self.database))
        return commands


def _refusal(text: str) -> StartError:
    return StartError(f"redis.url {text}")


def _login(secret: str, *, bare_password: bool) -> tuple[str, str]:
    """The user and the password before the ``@``."""
    username, colon, password = secret.partition(":")
    if not colon and bare_password:
        username, password = "", secret
    elif not colon and username:
        raise _refusal("names a user without a password: write :password@ or user:password@")
    return unquote(username), unquote(password)


def _take_query(place: str) -> tuple[str, int | None]:
    """Takes ``?db=N`` off the end.

    Returns:
        The text before it, and the database, if it names one.
    """
    if "#" in place:
        raise _refusal("has a part after #, which means nothing here; a # in a path is %23")
    place, mark, query = place.partition("?")
    if not mark:
        return unquote(place), None
    name, _, number = query.partition("=")
    if name != "db":
        raise _refusal("can have ?db=N after the place, and nothing else")
    return unquote(place), _database(number)


def _database(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _refusal("must name the database by its number, as in redis://host:6379/0")
    return int(text)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _joined(places: tuple[tuple[str, int], ...]) -> str:
    return ",".join(f"{_bracketed(host)}:{port}" for host, port in places)


def _host_and_port(place: str, default: int = DEFAULT_PORT) -> tuple[str, int]:
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        valid = bool(bracket) and (not port or port.startswith(":"))
        port = port[1:]
    else:
        host, _, port = place.partition(":")
        valid = ":" not in port
    if not host or not valid or any(c.isspace() or not c.isprintable() for c in host):
        raise _refusal("must name a host, as in redis://host:6379/0; an IPv6 address in brackets")
    if not port:
        return host, default
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= 65535):
        raise _refusal("must have a port from 1 to 65535")
    return host, int(port)

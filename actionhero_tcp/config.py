"""The configuration: its fields, their defaults and their checks.

A field of these frozen classes is the only home of its default, its type, its
range and its help. The keys of the file, the options of the command line and
docs/configuration.md are all made from the fields.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args, get_type_hints


def _option(
    default: object,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    key: str | None = None,
    option: str | None = None,
    path: bool = False,
    live: bool = False,
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    """A field of the configuration.

    Args:
        default: Its default; a tuple for a list of strings.
        help: What it means, for ``--help`` and the docs.
        minimum: The smallest number allowed.
        maximum: The largest number allowed.
        key: Its key in config.json, where that is not the name in camelCase.
        option: Its option, where that is not the name with dashes.
        path: It is a path, and counts from the config file's folder.
        live: A reload changes it while the server runs.
        choices: All that it can be, where that is a few words.
        secret: It is never shown.
    """
    facts = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "key": key,
        "option": option,
        "path": path,
        "live": live,
        "choices": choices,
        "secret": secret,
    }
    return field(default=default, metadata=facts)


@dataclass(frozen=True, slots=True)
class General:
    """What clients see of the server, and where its files lie."""

    server_name: str = _option("actionHero API", "the name of the server, for its log")
    welcome_message: str = _option(
        "Hello! Welcome to the actionHero api", "what a client is greeted with", live=True
    )
    default_chat_room: str = _option(
        "defaultRoom", "the room that every client starts in", live=True
    )
    default_limit: int = _option(
        100, "the param `limit` of a request that does not set it", minimum=0, live=True
    )
    default_offset: int = _option(
        0, "the param `offset` of a request that does not set it", minimum=0, live=True
    )
    flat_file_directory: str = _option(
        "./public/", "the folder that `file` serves", option="public", path=True
    )
    directory_file_type: str = _option(
        "index.html", "the file that stands for its folder when a client asks for the folder"
    )
    actions_directory: str = _option(
        "./actions/", "the folder of your action files", option="actions", path=True
    )
    workers: int = _option(
        1,
        "processes that serve, on the same ports; more than 1 need Redis, over which they are "
        "one server",
        minimum=1,
        maximum=256,
    )
    server_error_message: str = _option(
        "The server experienced an internal error",
        "what a client is told when an action fails in a way that is not its business",
        live=True,
    )
    announce_limit: int = _option(
        1000,
        "rooms of more members than this do not announce who comes and goes; 0 = never announce",
        minimum=0,
        live=True,
    )


@dataclass(frozen=True, slots=True)
class TcpServer:
    """Where the server listens, and with which certificate."""

    enable: bool = _option(True, "listen on `port`", option="tcp-server")
    secure: bool = _option(False, "speak TLS, on `port` and on everything in `listen`")
    port: int = _option(
        5000, "the port to listen on; 0 lets the system choose one", minimum=0, maximum=65535
    )
    bind_ip: str = _option("0.0.0.0", "the address to listen on", key="bindIP")
    key_file: str = _option(
        "./certs/server-key.pem", "the private key for TLS, as PEM", path=True, live=True
    )
    cert_file: str = _option(
        "./certs/server-cert.pem",
        "the certificate for TLS, as PEM, and after it those that link it to its authority",
        path=True,
        live=True,
    )
    ca_file: str = _option(
        "",
        "the certificates, as PEM, of the authorities whose clients may come in: with it each "
        "client has to show a certificate that one of them has signed",
        path=True,
        live=True,
    )
    listen: tuple[str, ...] = _option(
        (),
        "a Twisted server endpoint description to listen on, instead of port and IP, "
        "such as `unix:/run/actionhero.sock`; may be given several times",
    )
    trusted_proxies: tuple[str, ...] = _option(
        ("127.0.0.0/8", "::1"),
        "an address or network of the proxies that may connect to a `haproxy:` endpoint of "
        "`listen`; may be given several times",
        live=True,
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may use. Times are in seconds, sizes in bytes."""

    max_line_length: int = _option(
        65536, "bytes of one line; a longer one is refused and skipped", minimum=64, live=True
    )
    max_connections: int = _option(
        0,
        "clients that may be connected at once; past it one gets an error line and is closed; "
        "0 = as many as the limit of open files allows, less a reserve for files",
        minimum=0,
        live=True,
    )
    max_connections_per_ip: int = _option(
        0,
        "clients of one address (under IPv6 of one /64) that may be connected at once; past it "
        "one gets an error line and is closed; 0 = no limit of its own",
        minimum=0,
        key="maxConnectionsPerIP",
        live=True,
    )
    request_rate: float = _option(
        0.0,
        "requests a second that one client may make in the long run; what comes faster waits, "
        "and the client is not read from meanwhile; 0 = any number",
        minimum=0,
        live=True,
    )
    request_burst: int = _option(
        0,
        "requests that a client may make at once after a rest, where `requestRate` is set; "
        "0 = a second's worth",
        minimum=0,
        live=True,
    )
    max_pending_actions: int = _option(
        100,
        "actions of one client that run at once; past it the client is not read from "
        "until one ends",
        minimum=1,
        live=True,
    )
    action_timeout: float = _option(
        30.0,
        "seconds that an action may run before its client gets an error",
        minimum=0.001,
        live=True,
    )
    max_outbox_bytes: int = _option(
        1024 * 1024,
        "bytes of what others say that wait for a client which does not read; "
        "past it the client is closed as a slow consumer",
        minimum=1024,
        live=True,
    )
    write_timeout: float = _option(
        30.0,
        "seconds without any progress in sending to a client before it is closed",
        minimum=0.001,
        live=True,
    )
    tls_handshake_timeout: float = _option(
        10.0, "seconds that a TLS handshake may take", minimum=0.001, live=True
    )
    proxy_header_timeout: float = _option(
        5.0, "seconds that a proxy has to send the whole PROXY header", minimum=0.001, live=True
    )
    idle_timeout: float = _option(
        0.0,
        "seconds of silence after which a client gets a goodbye and is closed; running actions "
        "and files on their way are no silence; 0 = never",
        minimum=0,
        live=True,
    )
    ping_interval: float = _option(
        0.0,
        "seconds between two lines that tell a client that the server lives; 0 = none",
        minimum=0,
        live=True,
    )
    close_timeout: float = _option(
        5.0,
        "seconds that a client has to take its last lines and hang up",
        minimum=0.001,
        live=True,
    )
    drain_timeout: float = _option(
        20.0, "seconds that running actions have to end when the server stops", minimum=0, live=True
    )
    max_params: int = _option(
        100, "sticky params of one client, beside action, limit and offset", minimum=1, live=True
    )
    max_param_bytes: int = _option(
        16384, "bytes of all sticky params of one client, keys and values", minimum=256, live=True
    )
    max_room_name_length: int = _option(64, "characters of a room's name", minimum=1, live=True)
    max_json_depth: int = _option(
        64, "levels of nesting in a JSON request", minimum=2, maximum=500, live=True
    )
    max_cache_entries: int = _option(
        10_000,
        "entries of the cache; past it the least recently used one goes",
        minimum=1,
        live=True,
    )


@dataclass(frozen=True, slots=True)
class Log:
    """What is written about connections, requests and the server itself, and where."""

    format: str = _option(
        "text",
        "how the lines of both logs look: text, or JSON with one object a line",
        option="log-format",
        choices=("text", "json"),
    )
    file: str = _option(
        "",
        "the file of the server's own log; empty for where twistd puts it",
        option="log-file",
        path=True,
    )
    requests: bool = _option(
        True,
        "log each connection and each request (who, what, how long, outcome)",
        option="log-requests",
    )
    request_file: str = _option(
        "",
        "the file of the request log; empty for standard output",
        option="request-log",
        path=True,
    )
    params: bool = _option(
        False, "write the params of requests to the log too", option="log-params"
    )
    filter_params: tuple[str, ...] = _option(
        ("password", "passwd", "secret", "token", "authorization"),
        "params whose values no log shows, in upper or lower case; may be given several times",
        option="filter-param",
    )
    blocked_seconds: float = _option(
        0.25,
        "seconds that an action may block all others before it is logged with its stack, "
        "at least 0.05; 0 = never logged",
        minimum=0,
    )


@dataclass(frozen=True, slots=True)
class Redis:
    """Several server processes as one: they share rooms, the cache and counters over Redis."""

    enable: bool = _option(
        False, "be one of several processes that Redis joins", option="use-redis"
    )
    url: str = _option(
        "",
        "where Redis is: `redis://[:password@]host:port/db`, `rediss://…` for TLS, or "
        "`unix:/path?db=N`; it wins over the fields below, and means `enable`",
        option="redis",
        secret=True,
    )
    host: str = _option("127.0.0.1", "the host of Redis", option="redis-host")
    port: int = _option(6379, "its port", option="redis-port", minimum=1, maximum=65535)
    password: str = _option("", "its password", option="redis-password", secret=True)
    database: int = _option(0, "its database", key="DB", option="redis-db", minimum=0)
    prefix: str = _option(
        "actionhero:",
        "what all keys and channels begin with; servers of different prefixes are apart",
        option="redis-prefix",
    )

    @property
    def is_on(self) -> bool:
        """Whether Redis is asked for."""
        return self.enable or bool(self.url)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, one attribute for each section of ``config.json``."""

    general: General = field(default_factory=General)
    tcp_server: TcpServer = field(default_factory=TcpServer)
    limits: Limits = field(default_factory=Limits)
    log: Log = field(default_factory=Log)
    redis: Redis = field(default_factory=Redis)


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What is known of one field, for the file's reader, the options and the docs.

    Attributes:
        section: The attribute of `Config` that holds the field's section.
        name: The field's name in that section.
        section_key: The section's key in config.json.
        key: The field's key in config.json.
        option: Its option, without the dashes in front.
        type: ``str``, ``int``, ``float``, ``bool`` or ``tuple`` (of strings).
        default: Its default.
        help: What it means.
        minimum: The smallest number allowed, or None.
        maximum: The largest number allowed, or None.
        path: Whether it is a path.
        live: Whether a reload changes it while the server runs.
        choices: All that it can be; empty where it can be anything.
        secret: Whether it is never shown.
    """

    section: str
    name: str
    section_key: str
    key: str
    option: str
    type: type
    default: Any
    help: str
    minimum: float | None
    maximum: float | None
    path: bool
    live: bool
    choices: tuple[str, ...]
    secret: bool

    def check(self, value: object) -> Any:
        """The value, checked, as the field's type.

        Raises:
            ValueError: It is of another type or out of range; the text says what was expected.
        """
        if self.type is tuple:
            if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
                raise ValueError("must be a list of strings")
            return tuple(value)
        if self.type is float and type(value) is int and abs(value) <= _LARGEST_EXACT:
            value = float(value)
        if type(value) is not self.type:
            raise self._wrong_type(shown(value))
        if self.type in (int, float):
            self._check_range(value)
        if self.choices and value not in self.choices:
            raise ValueError(f"must be {' or '.join(self.choices)}, not {shown(value)}")
        return value

    def parse(self, text: str) -> Any:
        """Like `check`, for the text of a command-line option."""
        value: object = text
        if self.type in (int, float):
            try:
                value = self.type(text)
            except ValueError:
                raise self._wrong_type(repr(text)) from None
        return self.check(value)

    def _wrong_type(self, shown: str) -> ValueError:
        return ValueError(f"must be {_TYPE_NAMES[self.type]}, not {shown}")

    def _check_range(self, value: Any) -> None:
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"must be a finite number, not {value}")
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"must be at least {self.minimum:g}, not {_number(value)}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"must be at most {self.maximum:g}, not {_number(value)}")


HIDDEN: Final = "[HIDDEN]"
"""Stands for a secret."""

_LARGEST_EXACT: Final = 2**53
"""Whole numbers up to this one are floats without a loss."""

_TYPE_NAMES: Final = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def shown(value: object) -> str:
    """A value as an error shows it: as JSON, and not too long."""
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else shown(value)


def _camel(name: str) -> str:
    return re.sub(r"_(.)", lambda match: match[1].upper(), name)


def fields() -> Iterator[FieldInfo]:
    """Every field of the configuration, in order."""
    for section in dataclasses.fields(Config):
        section_class = _section_class(section.name)
        hints = get_type_hints(section_class)
        for item in dataclasses.fields(section_class):
            facts = item.metadata
            yield FieldInfo(
                section=section.name,
                name=item.name,
                section_key=_camel(section.name),
                key=facts["key"] or _camel(item.name),
                option=facts["option"] or item.name.replace("_", "-"),
                type=tuple if get_args(hints[item.name]) else hints[item.name],
                default=item.default,
                help=facts["help"],
                minimum=facts["minimum"],
                maximum=facts["maximum"],
                path=facts["path"],
                live=facts["live"],
                choices=facts["choices"],
                secret=facts["secret"],
            )


def _section_class(name: str) -> Any:
    return get_type_hints(Config)[name]


def as_json(config: Config) -> str:
    """The configuration as a config file of it would be written, without its secrets."""
    sections: dict[str, dict[str, Any]] = {}
    for info in fields():
        value = getattr(getattr(config, info.section), info.name)
        if info.secret and value:
            value = HIDDEN
        sections.setdefault(info.section_key, {})[info.key] = plain(value)
    return json.dumps(sections, indent=2, ensure_ascii=False)


def values(config: Config) -> dict[tuple[str, str], Any]:
    """The values of a configuration by section and field, as `build` takes them."""
    return {
        (info.section, info.name): getattr(getattr(config, info.section), info.name)
        for info in fields()
    }


def plain(value: Any) -> Any:
    """A value as a config file has it: whole numbers without a decimal point."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def build(*layers: Mapping[tuple[str, str], Any]) -> Config:
    """The configuration made of the defaults and of layers of values, the last one winning."""
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for (section, name), value in layer.items():
            merged.setdefault(section, {})[name] = value
    sections = {name: _section_class(name)(**values) for name, values in merged.items()}
    return Config(**sections)

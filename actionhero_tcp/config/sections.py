"""The configuration: its sections, their fields and defaults.

A field of these frozen classes is the only home of its default, its type, its
range and its help. The keys of the file, the options of the command line and
docs/configuration.md are all made from the fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .field import option

MAX_SECONDS: Final = 864_000
"""No time is longer than ten days: the system's calls that wait take no more than 24."""

BUILTIN_ACTIONS: Final = (
    "actionsView",
    "cacheTest",
    "createChatRoom",
    "file",
    "randomNumber",
    "sleepTest",
    "status",
)
"""The names of the actions that come with the server."""


@dataclass(frozen=True, slots=True)
class General:
    """The server as clients see it, and the places of its files."""

    server_name: str = option("actionHero API", "the name of the server, for its log")
    welcome_message: str = option(
        "Hello! Welcome to the actionHero api", "what a client is greeted with", live=True
    )
    default_chat_room: str = option(
        "defaultRoom",
        "the room that every client starts in",
        form=(r"\S+", "one word"),
        live=True,
    )
    default_limit: int = option(
        100, "the param `limit` of a request that does not set it", minimum=0, live=True
    )
    default_offset: int = option(
        0, "the param `offset` of a request that does not set it", minimum=0, live=True
    )
    flat_file_directory: str = option(
        "./public/", "the folder that `file` serves", option="public", path=True
    )
    directory_file_type: str = option(
        "index.html",
        "the file that stands for its folder when a client asks for the folder",
        form=(r"(?!\.\.?$)[^/\0]+", "the name of a file, without its folder"),
    )
    actions_directory: str = option(
        "./actions/", "the folder of your action files", option="actions", path=True
    )
    builtin_actions: tuple[str, ...] = option(
        BUILTIN_ACTIONS,
        "a stock action to serve; may be given several times, and those that are not given are "
        "not served; `createChatRoom` is for clients of later actionHero versions",
        choices=BUILTIN_ACTIONS,
    )
    workers: int = option(
        1,
        "processes that serve, on the same ports; more than 1 need Redis, over which they are "
        "one server",
        minimum=1,
        maximum=256,
    )
    development_mode: bool = option(
        False,
        "load action files and the config file when they change, and tell clients of faults in "
        "action files; not for production",
    )
    starting_chat_rooms: tuple[str, ...] = option(
        (),
        "a room that exists without members, for clients of the dialect of actionHero 29, whose "
        "other rooms exist while somebody is in them; may be given several times",
        live=True,
    )
    simultaneous_actions: int = option(
        100,
        "actions of one client of actionHero 4.2 or later that run at once; "
        "`pendingActionsPolicy` has what happens then; actionHero has 5",
        minimum=1,
        live=True,
    )
    pending_actions_policy: str = option(
        "wait",
        "what happens to the next action of a client of actionHero 4.2 or later which runs "
        "`simultaneousActions`: it waits, or gets an error",
        choices=("wait", "refuse"),
        live=True,
    )
    private_rooms: str = option(
        "@",
        "what the names of rooms begin with into which only the application takes clients; empty "
        "= clients may enter every room",
        form=(r"\S*", "one word"),
    )
    tracing: bool = option(
        False, "make a span of OpenTelemetry for each action; needs the extra `otel`"
    )
    server_error_message: str = option(
        "The server experienced an internal error",
        "what a client is told when an action fails in a way that is not its business",
        live=True,
    )
    strict_params: bool = option(
        False, "refuse requests with params that their actions do not declare"
    )
    announce_limit: int = option(
        1000,
        "rooms of more members than this do not announce who comes and goes; 0 = never announce",
        minimum=0,
        live=True,
    )


@dataclass(frozen=True, slots=True)
class TcpServer:
    """Where the server listens, and with which certificate."""

    enable: bool = option(True, "listen on `port`", option="tcp-server")
    secure: bool = option(False, "speak TLS, on `port` and on everything in `listen`")
    port: int = option(
        5000, "the port to listen on; 0 lets the system choose one", minimum=0, maximum=65535
    )
    bind_ip: str = option("0.0.0.0", "the address to listen on", key="bindIP")
    dialect: str = option(
        "2012",
        "the dialect that clients speak: `2012`, or `29` for clients of actionHero 9 to 29; for "
        "single endpoints of `listen` a prefix, such as `dialect29:tcp:5001`",
        choices=("2012", "29"),
    )
    compatibility: str = option(
        "none",
        "the version of actionHero that clients of the dialect of 2012 expect where versions "
        "differ: `3.1` or `4.2`; `none` for its documentation of 2012",
        choices=("none", "3.1", "4.2"),
    )
    one_line_at_a_time: bool = option(
        False,
        "write at most one line in a packet to clients of the dialect of 2012, and 200 lines a "
        "second: for npm's `actionhero-client` 1.0.0 to 3.0.0, which takes a packet for one line",
    )
    delimiter: str = option(
        "",
        "what ends a client's line in the dialect of actionHero 29, where a carriage return counts "
        "as a line feed; empty for a line feed",
        form=(r"[\s\S]{0,16}", "at most 16 characters"),
    )
    max_data_length: int = option(
        0,
        "bytes of one line of a client of the dialect of actionHero 29; 0 = as "
        "`limits.maxLineLength` says, which holds in any case",
        minimum=0,
    )
    set_keep_alive: bool = option(
        True,
        "have the kernel probe silent clients by TCP keep-alive, and close those that are gone",
    )
    key_file: str = option(
        "./certs/server-key.pem", "the private key for TLS, as PEM", path=True, live=True
    )
    cert_file: str = option(
        "./certs/server-cert.pem",
        "the certificate for TLS, as PEM, and after it those that link it to its authority",
        path=True,
        live=True,
    )
    ca_file: str = option(
        "",
        "the certificates, as PEM, of the authorities whose clients may come in: with it each "
        "client has to show a certificate that one of them has signed",
        path=True,
        live=True,
    )
    listen: tuple[str, ...] = option(
        (),
        "a Twisted server endpoint description to listen on, instead of port and IP, "
        "such as `unix:/run/actionhero.sock`; may be given several times",
    )
    backlog: int = option(
        4096,
        "connections that may wait in the kernel until the server accepts them, for each "
        "listening socket; the kernel's `net.core.somaxconn` caps it",
        minimum=1,
        maximum=65535,
    )
    trusted_proxies: tuple[str, ...] = option(
        ("127.0.0.0/8", "::1"),
        "an address or network of the proxies that may connect to a `haproxy:` endpoint of "
        "`listen`; `unix:/path` (or `unix:` for all) for whoever may connect to a UNIX socket; "
        "may be given several times",
        live=True,
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one client. Times are in seconds, sizes in bytes."""

    max_line_length: int = option(
        65536, "bytes of one line; a longer one is refused and skipped", minimum=64, live=True
    )
    max_connections: int = option(
        0,
        "clients that may be connected at once; past it one gets an error line and is closed; "
        "0 = as many as the limit of open files allows, less a reserve for files",
        minimum=0,
        live=True,
    )
    max_connections_per_ip: int = option(
        0,
        "clients of one address (under IPv6 of one /64) that may be connected at once; past it "
        "one gets an error line and is closed; 0 = no limit",
        minimum=0,
        key="maxConnectionsPerIP",
        live=True,
    )
    request_rate: float = option(
        0.0,
        "requests a second that one client may make in the long run; what comes faster waits, "
        "and the client is not read from meanwhile; 0 = any number",
        minimum=0,
        live=True,
    )
    request_burst: int = option(
        0,
        "requests that a client may make at once after a rest, where `requestRate` is set; "
        "0 = a second's worth",
        minimum=0,
        live=True,
    )
    max_pending_actions: int = option(
        100,
        "actions of one client that run at once; past it the client is not read from "
        "until one ends",
        minimum=1,
        live=True,
    )
    action_timeout: float = option(
        30.0,
        "seconds that an action may run before its client gets an error",
        minimum=0.001,
        maximum=MAX_SECONDS,
        live=True,
    )
    max_outbox_bytes: int = option(
        1024 * 1024,
        "bytes of what others say, and of what the application sends beside responses, that wait "
        "for a client which does not read; past it the client is closed as a slow consumer",
        minimum=1024,
        live=True,
    )
    write_timeout: float = option(
        30.0,
        "seconds without any progress in sending to a client before it is closed",
        minimum=0.001,
        maximum=MAX_SECONDS,
        live=True,
    )
    tls_handshake_timeout: float = option(
        10.0, "seconds that a TLS handshake may take", minimum=0.001, maximum=MAX_SECONDS, live=True
    )
    proxy_header_timeout: float = option(
        5.0,
        "seconds that a proxy has to send the whole PROXY header",
        minimum=0.001,
        maximum=MAX_SECONDS,
        live=True,
    )
    announce_delay: float = option(
        1.0,
        "seconds after its welcome until a client that sends nothing is announced to its room; one "
        "that leaves before is never announced; 0 = announced at once",
        minimum=0,
        maximum=60,
        live=True,
    )
    idle_timeout: float = option(
        0.0,
        "seconds of silence after which a client gets a goodbye and is closed; running actions "
        "and files on their way are no silence; 0 = never",
        minimum=0,
        maximum=MAX_SECONDS,
        live=True,
    )
    ping_interval: float = option(
        0.0,
        "seconds between two lines that tell a client that the server lives; 0 = none",
        minimum=0,
        maximum=MAX_SECONDS,
        live=True,
    )
    close_timeout: float = option(
        5.0,
        "seconds that a client has to take its last lines and hang up",
        minimum=0.001,
        maximum=MAX_SECONDS,
        live=True,
    )
    drain_timeout: float = option(
        20.0,
        "seconds that running actions have to end when the server stops",
        minimum=0,
        maximum=MAX_SECONDS,
        live=True,
    )
    max_params: int = option(
        100, "sticky params of one client, beside action, limit and offset", minimum=1, live=True
    )
    max_param_bytes: int = option(
        16384, "bytes of all sticky params of one client, keys and values", minimum=256, live=True
    )
    max_rooms: int = option(
        100,
        "rooms that one client is in at once, by `roomAdd` of actionHero 29 or by the application",
        minimum=1,
        live=True,
    )
    max_room_name_length: int = option(64, "characters of a room's name", minimum=1, live=True)
    max_json_depth: int = option(
        64, "levels of nesting in a JSON request", minimum=2, maximum=500, live=True
    )
    max_cache_entries: int = option(
        10_000,
        "entries of the cache; past it the least recently used one goes",
        minimum=1,
        live=True,
    )
    max_cache_bytes: int = option(
        64 * 1024 * 1024,
        "bytes of all keys and values of the cache; past it the least recently used entries go; "
        "Redis has its own `maxmemory`",
        minimum=65536,
        live=True,
    )
    max_members_shown: int = option(
        1000,
        "members of a room that `roomView` names; `membersCount` is always the true number",
        minimum=0,
        live=True,
    )
    max_connection_memory: int = option(
        8 * 1024 * 1024,
        "bytes that one client may make the server hold, as estimated: lines, params, running "
        "requests and queued output; past it the client is not read from until half is released",
        minimum=256 * 1024,
        live=True,
    )
    max_memory: int = option(
        0,
        "bytes that all clients of one process may make it hold, as estimated; from three "
        "quarters of it on the heaviest clients are not read from, from seven eighths on new "
        "ones are refused, and past it the heaviest are closed; 0 = half of the memory that the "
        "machine or the control group has, divided by `general.workers`",
        minimum=0,
        live=True,
    )
    memory_timeout: float = option(
        30.0,
        "seconds that a client may stay unread because of `maxMemory` before it is closed",
        minimum=0.001,
        maximum=MAX_SECONDS,
        live=True,
    )
    threads: int = option(
        10,
        "threads for actions with `blocking=True`; clients take turns, and one that already "
        "has one does not take the last free one",
        minimum=1,
        maximum=1000,
        live=True,
    )
    max_background_tasks: int = option(
        1000,
        "background tasks that run at once, each of an `api.background` or a run of an `@every`; "
        "past it `api.background` raises an error",
        minimum=1,
        live=True,
    )
    max_waiting_for_thread: int = option(
        100,
        "blocking actions of one client that wait for a thread; past it one gets an error",
        minimum=1,
        live=True,
    )


ERRORS, SLOW = "errors", "slow"
"""The values of `log.requests` beside true, false and a share."""


@dataclass(frozen=True, slots=True)
class Log:
    """What is written about connections, requests and the server itself, and where."""

    format: str = option(
        "text",
        "how the lines of both logs look: text, or JSON with one object a line",
        option="log-format",
        choices=("text", "json"),
    )
    file: str = option(
        "",
        "the file of the server's own log; empty for where twistd puts it",
        option="log-file",
        path=True,
    )
    level: str = option(
        "info",
        "the least level of lines in the server's own log; also of what the application and its "
        "libraries log by Python's `logging`",
        option="log-level",
        choices=("debug", "info", "warn", "error", "critical"),
    )
    requests: bool | str | float = option(
        True,
        "log each connection and each request (who, what, how long, outcome); of the requests "
        "only those with an error (`errors`), these and those that took `slowSeconds` (`slow`), "
        "or these and a share of the others (0.01: each hundredth); to turn it on or off needs a "
        "restart",
        option="log-requests",
        only=(ERRORS, SLOW),
        live=True,
    )
    slow_seconds: float = option(
        1.0,
        "seconds from which on a request is slow, where `requests` is `slow`",
        minimum=0.001,
        live=True,
    )
    request_file: str = option(
        "",
        "the file of the request log; empty for standard output",
        option="request-log",
        path=True,
    )
    params: bool = option(False, "write the params of requests to the log too", option="log-params")
    filter_params: tuple[str, ...] = option(
        ("password", "passwd", "secret", "token", "authorization"),
        "params whose values no log shows, in upper or lower case; may be given several times",
        option="filter-param",
    )
    max_queued_bytes: int = option(
        4 * 1024 * 1024,
        "bytes of lines that wait for each log while its reader or disk takes none; lines "
        "beyond it are dropped, counted, and the log tells how many once it flows again",
        minimum=4096,
        option="log-max-queued-bytes",
    )
    blocked_seconds: float = option(
        0.25,
        "seconds that an action may block all others before it is logged with its stack, "
        "at least 0.05; 0 = never logged",
        minimum=0,
        maximum=MAX_SECONDS,
    )


@dataclass(frozen=True, slots=True)
class Redis:
    """Several server processes as one: they share rooms, the cache and counters over Redis."""

    enable: bool = option(False, "be one of several processes that Redis joins", option="use-redis")
    url: str = option(
        "",
        "where Redis is: `redis://[[user]:password@]host:port/db`, `rediss://…` for TLS, or "
        "`unix:[[user]:password@]/path?db=N`, or "
        "`redis+sentinel://[[user]:password@]host,host/name/db`, or "
        "`redis+cluster://[[user]:password@]host,host`; it replaces `host`, "
        "`port`, `username`, `password`, `DB` and `secure`, and means `enable`",
        option="redis",
        secret=True,
    )
    host: str = option("127.0.0.1", "the host of Redis", option="redis-host")
    port: int = option(6379, "its port", option="redis-port", minimum=1, maximum=65535)
    username: str = option(
        "", "the ACL user to log in as; empty for the default user", option="redis-username"
    )
    password: str = option("", "its password", option="redis-password", secret=True)
    database: int = option(0, "its database", key="DB", option="redis-db", minimum=0)
    prefix: str = option(
        "actionhero:",
        "what all keys and channels begin with; servers of different prefixes are apart",
        option="redis-prefix",
    )
    max_pending_bytes: int = option(
        33554432,
        "bytes of commands that wait for Redis to execute them, of all clients together; messages "
        "beyond it do not reach the other processes, and are counted",
        option="redis-max-pending-bytes",
        minimum=65536,
    )
    required: bool = option(
        False,
        "report the server as not ready (`/readyz`) while Redis is unreachable; otherwise it "
        "counts as ready, and runs standalone",
        option="redis-required",
        live=True,
    )
    secure: bool = option(False, "speak TLS with Redis", option="redis-secure")
    ca_file: str = option(
        "",
        "the certificates, as PEM, of the authorities that may have signed the certificate of "
        "Redis; empty for those that the system trusts",
        option="redis-ca-file",
        path=True,
    )
    cert_file: str = option(
        "", "the certificate to show to Redis, as PEM", option="redis-cert-file", path=True
    )
    key_file: str = option("", "its private key, as PEM", option="redis-key-file", path=True)
    server_name: str = option(
        "",
        "the name that the certificate of Redis must have; empty for the host's",
        option="redis-server-name",
    )

    @property
    def is_on(self) -> bool:
        """Whether Redis is asked for."""
        return self.enable or bool(self.url)


@dataclass(frozen=True, slots=True)
class Web:
    """The web port: health, metrics, the live page, and clients over WebSocket."""

    port: int = option(
        0, "the port to serve HTTP on; 0 = none", option="web-port", minimum=0, maximum=65535
    )
    bind_ip: str = option(
        "127.0.0.1", "the address to serve HTTP on", key="bindIP", option="web-bind-ip"
    )
    secure: bool = option(
        False, "speak HTTPS, with the certificate of `tcpServer`", option="web-secure"
    )
    path_prefix: str = option(
        "",
        "the path below which everything is served, such as `/actionhero`, where a proxy hands "
        "on only that",
        option="web-path-prefix",
        form=(r"(/?[A-Za-z0-9._~-]+)*/?", "a path of letters, digits and `._~-`"),
    )
    token: str = option(
        "",
        "what opens the live page; empty = one that is made at each start, and is in the log",
        option="web-token",
        secret=True,
        form=(r"[A-Za-z0-9._~-]*", "letters, digits and `._~-`"),
    )
    page: bool = option(True, "serve the live page", option="web-page")
    web_socket: bool = option(True, "take clients over WebSocket, at `/ws`", option="web-socket")
    max_connections: int = option(
        1024,
        "HTTP connections at once, those over WebSocket not among them, and at most a quarter of "
        "the limit of open files; one past it takes the place of the one that was served the "
        "longest ago",
        option="web-max-connections",
        minimum=1,
    )
    allowed_hosts: tuple[str, ...] = option(
        (),
        "a host name under which the web port is reached, beside the names of loopback and "
        "`bindIP`; `*` for any, behind a proxy that checks it; may be given several times",
        option="web-allowed-host",
    )
    trusted_proxies: tuple[str, ...] = option(
        (),
        "an address or network of the proxies whose `X-Forwarded-For` says where clients over "
        "WebSocket are; may be given several times",
        option="web-trusted-proxy",
    )
    allowed_origins: tuple[str, ...] = option(
        (),
        "the origin of a web site whose pages may connect over WebSocket, such as "
        "`https://app.example`; may be given several times",
        option="web-allowed-origin",
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, one attribute for each section of ``config.json``."""

    general: General = field(default_factory=General)
    tcp_server: TcpServer = field(default_factory=TcpServer)
    limits: Limits = field(default_factory=Limits)
    log: Log = field(default_factory=Log)
    redis: Redis = field(default_factory=Redis)
    web: Web = field(default_factory=Web)

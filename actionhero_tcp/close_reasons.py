"""Why connections end: every one has one of these reasons, in the log and in the counters."""

from __future__ import annotations

from typing import Final

QUIT: Final = "quit"
CLIENT_CLOSED: Final = "client closed"
CONNECTION_LOST: Final = "connection lost"
CLOSED_BY_APPLICATION: Final = "closed by the application"
SERVER_STOPPED: Final = "server stopped"
SLOW_CONSUMER: Final = "slow consumer"
WRITE_TIMEOUT: Final = "write timeout"
IDLE_TIMEOUT: Final = "idle timeout"
HANDSHAKE_FAILED: Final = "TLS handshake failed"
HANDSHAKE_CUT_OFF: Final = "TLS handshake cut off"
NOT_TLS: Final = "not TLS"
NO_COMMON_TLS: Final = "no common TLS version or cipher"
NO_CLIENT_CERTIFICATE: Final = "no client certificate"
UNKNOWN_CLIENT_CERTIFICATE: Final = "unknown client certificate"
EXPIRED_CLIENT_CERTIFICATE: Final = "expired client certificate"
REFUSED_BY_TLS_CLIENT: Final = "TLS refused by the client"
HANDSHAKE_TIMEOUT: Final = "TLS handshake timeout"
UNTRUSTED_PROXY: Final = "untrusted proxy"
BAD_PROXY_HEADER: Final = "bad PROXY header"
PROXY_HEADER_TIMEOUT: Final = "PROXY header timeout"
TOO_MANY_CONNECTIONS: Final = "too many connections"
TOO_MANY_OF_ADDRESS: Final = "too many connections of one address"
REFUSED: Final = "refused by the application"
HTTP_REQUEST: Final = "HTTP request"
TLS_ON_PLAIN_PORT: Final = "TLS on a plain port"
FILE_CUT: Final = "file cut short"
NO_DESCRIPTORS: Final = "no file descriptor"
OUT_OF_MEMORY: Final = "memory limit"

TLS_FAILURES: Final = (
    HANDSHAKE_FAILED,
    HANDSHAKE_CUT_OFF,
    NOT_TLS,
    NO_COMMON_TLS,
    NO_CLIENT_CERTIFICATE,
    UNKNOWN_CLIENT_CERTIFICATE,
    EXPIRED_CLIENT_CERTIFICATE,
    REFUSED_BY_TLS_CLIENT,
    HANDSHAKE_TIMEOUT,
)
"""Why TLS handshakes fail."""

MEANINGS: Final = {
    QUIT: "the client said `quit`, `exit` or `close`, or sent Ctrl-D or Ctrl-C",
    CLIENT_CLOSED: "the client hung up",
    CONNECTION_LOST: "the connection broke: a reset, or a peer that no longer answers",
    CLOSED_BY_APPLICATION: "an action called `connection.close()`",
    SERVER_STOPPED: "the server stopped",
    SLOW_CONSUMER: "more of what others said, or the application sent beside responses, waited "
    "for the client than `maxOutboxBytes`",
    WRITE_TIMEOUT: "the client took nothing of what waited for it for `writeTimeout`",
    IDLE_TIMEOUT: "the client was silent for `idleTimeout`",
    HANDSHAKE_FAILED: "the TLS handshake failed in another way; the log has OpenSSL's words",
    HANDSHAKE_CUT_OFF: "the client left during its TLS handshake",
    NOT_TLS: "the client spoke something else than TLS on a port with TLS",
    NO_COMMON_TLS: "the client offered no TLS version, cipher or key exchange of the server's",
    NO_CLIENT_CERTIFICATE: "`caFile` asks for a certificate, and the client has shown none",
    UNKNOWN_CLIENT_CERTIFICATE: "the client's certificate is of no authority in `caFile`",
    EXPIRED_CLIENT_CERTIFICATE: "the client's certificate has expired, or is not valid yet",
    REFUSED_BY_TLS_CLIENT: "the client refused the handshake, such as the server's certificate; "
    "the log has its alert",
    HANDSHAKE_TIMEOUT: "the TLS handshake took longer than `tlsHandshakeTimeout`",
    UNTRUSTED_PROXY: "it came to a `haproxy:` endpoint from none of `trustedProxies`",
    BAD_PROXY_HEADER: "what came first was no PROXY header; the log says what was wrong with it",
    PROXY_HEADER_TIMEOUT: "the PROXY header took longer than `proxyHeaderTimeout`",
    TOO_MANY_CONNECTIONS: "`maxConnections` clients were connected already",
    TOO_MANY_OF_ADDRESS: "`maxConnectionsPerIP` clients of its address were connected already",
    REFUSED: "an `@on_connect` hook did not let the client in; the log says what it was told",
    HTTP_REQUEST: "the client's first line was an HTTP request; nothing of it was served",
    TLS_ON_PLAIN_PORT: "the client began a TLS handshake on a port without TLS",
    OUT_OF_MEMORY: "clients held as much memory as `maxMemory` allows; the client held the most, "
    "or was not read from for `memoryTimeout`, or it was new",
    FILE_CUT: "a file on its way became shorter, or could not be read; the log says which",
    NO_DESCRIPTORS: "the process had no file descriptor left for it; actions have open too many",
}
"""Each reason and what it means; docs/operations.md has the same list."""

"""What clients of other protocols send first: HTTP requests, TLS handshakes.

A web page can have any browser send a request to this port, and its body may hold lines. TLS
clients send bytes that a server somewhere else has chosen. So what they send is never served.
"""

from __future__ import annotations

import re
from typing import Final

HTTP: Final = "HTTP"
TLS: Final = "TLS"

_METHOD: Final = rb"[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]+"
_TARGET: Final = rb"(?:/|\*|[A-Za-z][A-Za-z0-9+.-]*://)"
_VERSION: Final = rb"[ \t]+HTTP/[0-9]+(?:\.[0-9]+)?[ \t\r]*"

_REQUEST_LINE: Final = re.compile(
    rb"(?:%b%b[^ \t]*|[ \t]*CONNECT[ \t]+[^ \t]+)%b" % (_METHOD, _TARGET, _VERSION), re.IGNORECASE
)
_REQUEST_START: Final = re.compile(_METHOD + _TARGET)

_TLS_HANDSHAKE: Final = b"\x16\x03"
"""The first bytes of each TLS client: a record of a handshake, of any version since SSL 3."""


def is_http_request_line(line: bytes) -> bool:
    """Whether a line is a request line of HTTP, in any of the forms of its target.

    Method and version may be in lower case, with blanks more than needed: some servers read
    those as well, so some clients send them.
    """
    return _REQUEST_LINE.fullmatch(line) is not None


def begins_http_request(data: bytes) -> bool:
    """Whether a line that is too long to be kept begins as a request line of HTTP does."""
    return _REQUEST_START.match(data) is not None


def begins_tls(data: bytes) -> bool:
    """Whether a connection's first bytes are those of a TLS client."""
    return data.startswith(_TLS_HANDSHAKE)

"""What a client can be given: its limits, and how it speaks TLS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TIMEOUT: Final = 30.0
"""Seconds that a call may take unless it is told otherwise; actions have as long on the server."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds that one attempt to connect may take, up to the server's welcome."""


FIRST_RETRY: Final = 0.5
LONGEST_RETRY: Final = 30.0
"""Attempts to connect come at intervals, in seconds, that grow from the one to the other."""


MAX_PORT: Final = 65_535
"""The highest number of a TCP port."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a client.

    Attributes:
        max_pending: As many calls may be without an answer, those that wait for a connection
            included; one more fails at once.
        max_parts: As many parts of an answer may wait to be taken; one more fails the stream.
        max_line_bytes: An answer may be so long; a longer one ends the connection.
        max_file_bytes: A file that is returned as bytes may be so large; the call for a larger
            one fails. Content that goes to a function has no limit.
    """

    max_pending: int = 10_000
    max_parts: int = 10_000
    max_line_bytes: int = 16 * 1024 * 1024
    max_file_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TLS:
    """How to speak TLS.

    Attributes:
        ca_file: The certificates of the authorities to trust, as PEM; by default those of the
            system.
        cert_file: The certificate that the client shows, and after it those that link it to its
            authority, as PEM; by default it shows none.
        key_file: The private key of that certificate, as PEM, not encrypted.
        server_name: The name that the server's certificate must hold; by default the host that
            is connected to. It cannot be turned off.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together: give both or none")


def check_port(port: int | None) -> None:
    """Check the number of a port before anything connects.

    Raises:
        ValueError: It is none; the text says what it may be.
    """
    if port is not None and not 1 <= int(port) <= MAX_PORT:
        raise ValueError(f"{port} is no port: expected 1 to {MAX_PORT}")

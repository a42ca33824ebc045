"""Finds out why a server does not greet."""

from __future__ import annotations

import socket
import ssl
from typing import Final

from .server_address import ServerAddress

PROBE_SECONDS: Final = 3.0
"""How long each step of a probe may take."""

NEEDS_TLS: Final = "; it speaks TLS: add --tls"


def hint(place: ServerAddress) -> str:
    """Return what may help to reach a server that has not greeted; empty where nothing is known."""
    return NEEDS_TLS if place.context is None and speaks_tls(place) else ""


def speaks_tls(place: ServerAddress) -> bool:
    """Return whether TLS is spoken there, with whatever certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _connect(place) as stream, context.wrap_socket(stream):
            return True
    except ssl.SSLError as error:
        # An alert is an answer in TLS; what a server without TLS says is none.
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def _connect(place: ServerAddress) -> socket.socket:
    if place.port is not None:
        return socket.create_connection((place.host, place.port), PROBE_SECONDS)
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(PROBE_SECONDS)
    try:
        stream.connect(place.path)
    except BaseException:
        stream.close()
        raise
    return stream

"""A TLS 1.3 client that asks for new keys, over and over; Python's own `ssl` cannot."""

from __future__ import annotations

import ctypes
import ctypes.util
import socket
from typing import Any, Final

REQUESTED: Final = 1
"""The peer is to answer with new keys of its own."""

_WANT_READ: Final = 2
_CHUNK: Final = 65536


def library() -> Any:
    """OpenSSL's libssl; None where there is none."""
    name = ctypes.util.find_library("ssl")
    if name is None:
        return None
    found = ctypes.CDLL(name)
    for function in ("TLS_client_method", "SSL_CTX_new", "SSL_new", "BIO_s_mem", "BIO_new"):
        getattr(found, function).restype = ctypes.c_void_p
    return found


class KeyUpdater:
    """One client, on a blocking socket.

    Args:
        stream: The connected socket.
    """

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        lib = self._lib = library()
        context = ctypes.c_void_p(lib.SSL_CTX_new(ctypes.c_void_p(lib.TLS_client_method())))
        self._ssl = ctypes.c_void_p(lib.SSL_new(context))
        lib.SSL_CTX_free(context)
        memory = ctypes.c_void_p(lib.BIO_s_mem())
        self._input = ctypes.c_void_p(lib.BIO_new(memory))
        self._output = ctypes.c_void_p(lib.BIO_new(memory))
        lib.SSL_set_bio(self._ssl, self._input, self._output)
        lib.SSL_set_connect_state(self._ssl)
        self._buffer = ctypes.create_string_buffer(_CHUNK)

    def shake_hands(self) -> None:
        """Does the handshake, and waits for the welcome."""
        while True:
            outcome = self._lib.SSL_do_handshake(self._ssl)
            self.stream.sendall(self._written())
            if outcome == 1:
                break
            assert self._lib.SSL_get_error(self._ssl, outcome) == _WANT_READ
            self._receive()
        while self._lib.SSL_read(self._ssl, self._buffer, _CHUNK) <= 0:
            self._receive()

    def updates(self, count: int) -> bytes:
        """So many requests for new keys, as they go over the wire."""
        parts = []
        for _ in range(count):
            assert self._lib.SSL_key_update(self._ssl, REQUESTED) == 1
            assert self._lib.SSL_do_handshake(self._ssl) == 1
            parts.append(self._written())
        return b"".join(parts)

    def lines(self, data: bytes) -> bytes:
        """Data of the application, as it goes over the wire."""
        self._lib.SSL_write(self._ssl, data, len(data))
        return self._written()

    def close(self) -> None:
        """Hangs up."""
        self.stream.close()
        self._lib.SSL_free(self._ssl)
        self._ssl = ctypes.c_void_p(None)

    def _receive(self) -> None:
        data = self.stream.recv(_CHUNK)
        assert data, "the server hung up"
        self._lib.BIO_write(self._input, data, len(data))

    def _written(self) -> bytes:
        parts = []
        while (size := self._lib.BIO_read(self._output, self._buffer, _CHUNK)) > 0:
            parts.append(self._buffer.raw[:size])
        return b"".join(parts)

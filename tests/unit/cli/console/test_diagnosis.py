"""Why a server does not greet."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.cli.console import diagnosis
from actionhero_tcp.cli.console.diagnosis import NEEDS_TLS, hint, speaks_tls
from actionhero_tcp.cli.console.server_address import ServerAddress
from actionhero_tcp.client.settings import TLS


class HintTests(SynchronousTestCase):
    """Places that speak something."""

    def place(self, answer: bytes) -> ServerAddress:
        """A place where one client is heard, and gets this answer."""
        # A step may take long on a busy machine.
        self.patch(diagnosis, "PROBE_SECONDS", 60.0)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(f"{folder.name}/socket")
        server.listen()

        def serve() -> None:
            stream, _ = server.accept()
            with stream, contextlib.suppress(ConnectionError):
                stream.recv(1)
                stream.sendall(answer)
                # Until the client has read it; a reset would overtake the answer.
                while stream.recv(4096):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 60)
        return ServerAddress(f"unix:{folder.name}/socket")

    def test_an_alert_is_tls(self) -> None:
        # A fatal alert: handshake failure.
        place = self.place(b"\x15\x03\x03\x00\x02\x02\x28")
        self.assertEqual(NEEDS_TLS, hint(place))

    def test_a_welcome_is_no_tls(self) -> None:
        self.assertEqual("", hint(self.place(b'{"welcome":"hello"}\r\n')))

    def test_nobody_is_there(self) -> None:
        self.assertIs(False, speaks_tls(ServerAddress(f"unix:{Path(self.mktemp()).absolute()}")))

    def test_where_tls_is_spoken_already_nothing_is_tried(self) -> None:
        place = ServerAddress("127.0.0.1:1")
        place.secure(TLS())
        self.patch(diagnosis, "speaks_tls", lambda place: self.fail("tried"))
        self.assertIsInstance(place.context, ssl.SSLContext)
        self.assertEqual("", hint(place))

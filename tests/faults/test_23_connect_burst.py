"""Many clients that connect all at once."""

from __future__ import annotations

import resource
import socket

from tests.faults.harness import FaultTestCase, Stopwatch
from tests.support import PATIENCE
from tests.support.integration import WELCOME, Talker, trusting_context

CLIENTS = 1000


class BurstTests(FaultTestCase):
    """All of them are welcomed; none hangs in a queue that has overflowed."""

    number = 23

    def setUp(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 4 * CLIENTS), before[1]))

    def burst(self) -> list[socket.socket]:
        """Sockets that begin to connect before the server can accept any."""
        streams = []
        for _ in range(CLIENTS):
            stream = socket.socket()
            self.addCleanup(stream.close)
            stream.setblocking(False)
            stream.connect_ex(("127.0.0.1", self.running.port))
            streams.append(stream)
        return streams

    def test_burst(self) -> None:
        self.begin("--no-log-requests", "--announce-limit=0", "--tls-handshake-timeout=600")
        before, watch = self.state(), Stopwatch()
        clients = []
        for stream in self.burst():
            stream.settimeout(PATIENCE)
            if self.pair:
                context = trusting_context(self.running)
                stream = context.wrap_socket(stream, server_hostname="localhost")
                self.addCleanup(stream.close)
            clients.append(Talker(stream))
        self.assertEqual({WELCOME}, {client.line() for client in clients})
        seconds = watch.seconds
        for client in clients:
            client.close()
        self.assert_back(before)
        self.note(
            f"{CLIENTS:,} clients connect at once",
            f"all of them are welcomed, the last one after {seconds:.1f} s; nothing left behind",
        )
        self.finish()


class TLSBurstTests(BurstTests):
    """The same over TLS."""

    pair = "ec"

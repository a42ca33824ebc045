"""`tcpServer.oneLineAtATime`: what a client reads at once from the installed daemon.

Over TLS a line is a record, and one read never gives two records: so there it can be seen.
"""

from __future__ import annotations

import json
import ssl

from tests.support.integration import OwnDaemonTestCase, connect, secure

OPTIONS = ("--one-line-at-a-time",)


class OneLineTests(OwnDaemonTestCase):
    """Clients that take whatever they read at once for one line."""

    def read_all(self, stream: ssl.SSLSocket) -> list[bytes]:
        """Each read until the server hangs up."""
        reads = []
        while chunk := stream.recv(1_000_000):
            reads.append(chunk)
        return reads

    def test_each_read_is_one_line(self) -> None:
        running = self.start(*OPTIONS, pair="ec")
        with secure(running) as speaker, secure(running) as stream:
            stream.sendall(b"randomNumber\n" * 10 + b"sleepTest\nsay hello\nquit\n")
            speaker.sendall(b"say one\nsay two\nquit\n")
            reads = self.read_all(stream)
            self.read_all(speaker)
        messages = [json.loads(chunk) for chunk in reads]
        self.assertIn("welcome", messages[0])
        answers = [m["messageCount"] for m in messages if m["context"] == "response"]
        self.assertEqual(list(range(1, 14)), sorted(answers))
        self.assertEqual("Bye!", next(m for m in messages if m.get("messageCount") == 13)["status"])

    def test_all_lines_arrive_over_tcp(self) -> None:
        running = self.start(*OPTIONS)
        with connect(running) as stream:
            stream.sendall(b"paramsView\n" * 50 + b"quit\n")
            received = b""
            while chunk := stream.recv(1_000_000):
                received += chunk
        lines = [json.loads(line) for line in received.splitlines()]
        self.assertEqual(list(range(52)), [line["messageCount"] for line in lines])

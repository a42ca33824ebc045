"""Tests of `actionhero_tcp.net.backlog` with real sockets or processes."""

from __future__ import annotations

import socket
import tempfile
from types import SimpleNamespace
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from actionhero_tcp.net import backlog


def waiting_room(stream: socket.socket) -> int:
    """How many connections may wait on a listening TCP socket, as the kernel has it."""
    # struct tcp_info: tcpi_sacked of a socket that listens is its backlog.
    facts = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(facts[28:32], "little")


class SetBacklogTests(TestCase):
    """`set_backlog`."""

    async def test_a_port_gets_it_whatever_its_endpoint_said(self) -> None:
        from twisted.internet import reactor

        for text in ("tcp:0:interface=127.0.0.1", "tcp:0:interface=127.0.0.1:backlog=1"):
            port: Any = await serverFromString(reactor, text).listen(Factory())
            backlog.set_backlog(port, 300)
            self.assertEqual(300, waiting_room(port.socket))
            await port.stopListening()

    async def test_more_connections_wait_on_a_unix_socket(self) -> None:
        from twisted.internet import reactor

        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/socket"
            port: Any = await serverFromString(reactor, f"unix:{path}").listen(Factory())
            backlog.set_backlog(port, 200)
            for _ in range(150):
                client = socket.socket(socket.AF_UNIX)
                self.addCleanup(client.close)
                client.setblocking(False)
                # It would be refused with EAGAIN.
                self.assertEqual(0, client.connect_ex(path))
            await port.stopListening()

    def test_a_port_that_has_no_socket_is_left_alone(self) -> None:
        for port in (SimpleNamespace(), SimpleNamespace(socket="none")):
            before = dict(vars(port))
            backlog.set_backlog(port, 1)
            self.assertEqual(before, vars(port))

    def test_a_socket_that_cannot_listen_is_left_alone(self) -> None:
        one, other = socket.socketpair()
        with one, other:
            backlog.set_backlog(SimpleNamespace(socket=one), 1)
            one.sendall(b"x")
            self.assertEqual(b"x", other.recv(1))

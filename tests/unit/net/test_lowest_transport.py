"""Tests of `actionhero_tcp.net.lowest_transport`, over a fake socket."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net import lowest_transport
from tests.support import FakeSocket


class LowestTransportTests(SynchronousTestCase):
    """What is asked of a transport that is closing."""

    def wrapped(self) -> tuple[Any, StringTransport]:
        bottom = StringTransport()
        return SimpleNamespace(transport=SimpleNamespace(transport=bottom)), bottom

    def test_the_lowest_transport_is_below_all_wrappers(self) -> None:
        top, bottom = self.wrapped()
        self.assertIs(bottom, lowest_transport.lowest(top))
        self.assertIs(bottom, lowest_transport.lowest(bottom))

    def test_progress_is_that_of_the_lowest(self) -> None:
        top, bottom = self.wrapped()
        self.assertEqual(0, lowest_transport.progress(top))
        bottom.taken_bytes = 7  # type: ignore[attr-defined]
        self.assertEqual(7, lowest_transport.progress(top))

    def test_a_transport_that_is_no_descriptor_counts_as_drained(self) -> None:
        self.assertTrue(lowest_transport.is_drained(StringTransport()))

    def test_hanging_up_closes_the_lowest(self) -> None:
        top, bottom = self.wrapped()
        lowest_transport.hang_up(top)
        self.assertTrue(bottom.disconnecting)

    def test_tcp_sockets_get_nodelay_and_keepalive(self) -> None:
        sock = FakeSocket()
        lowest_transport.set_socket_options(SimpleNamespace(transport=SimpleNamespace(socket=sock)))
        self.assertEqual(1, sock.options[socket.IPPROTO_TCP, socket.TCP_NODELAY])
        self.assertEqual(1, sock.options[socket.SOL_SOCKET, socket.SO_KEEPALIVE])
        self.assertEqual(60, sock.options[socket.IPPROTO_TCP, socket.TCP_KEEPIDLE])
        self.assertEqual(15, sock.options[socket.IPPROTO_TCP, socket.TCP_KEEPINTVL])
        self.assertEqual(4, sock.options[socket.IPPROTO_TCP, socket.TCP_KEEPCNT])
        self.assertEqual(120_000, sock.options[socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT])

    def test_without_keep_alive(self) -> None:
        sock = FakeSocket()
        lowest_transport.set_socket_options(SimpleNamespace(socket=sock), keep_alive=False)
        self.assertEqual(0, sock.options[socket.SOL_SOCKET, socket.SO_KEEPALIVE])

    def test_ipv6_sockets_too(self) -> None:
        sock = FakeSocket()
        sock.family = socket.AF_INET6
        lowest_transport.set_socket_options(SimpleNamespace(socket=sock))
        self.assertEqual(6, len(sock.options))

    def test_other_sockets_are_left_alone(self) -> None:
        sock = FakeSocket()
        sock.family = socket.AF_UNIX
        lowest_transport.set_socket_options(SimpleNamespace(socket=sock))
        lowest_transport.set_socket_options(StringTransport())
        self.assertEqual({}, sock.options)

    def test_a_socket_that_is_gone_already_does_no_harm(self) -> None:
        sock = FakeSocket()
        sock.setsockopt = sock.setsockopt_fails  # type: ignore[method-assign]
        lowest_transport.set_socket_options(SimpleNamespace(socket=sock))
        self.assertEqual({}, sock.options)

"""Endpoints: descriptions, TLS over any of them, UNIX sockets that somebody else holds."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import (
    AdoptedStreamServerEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.ssl import CertificateOptions
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.net.transport import (
    UNIXTransport,
    write_at_once,
)
from actionhero_tcp.server.endpoints import InheritedUNIXEndpoint, TLSEndpoint, described, shared
from actionhero_tcp.server.proxied import ProxiedEndpoint
from tests import support
from tests.support.sockets import Listener, SocketTestCase, hand_over
from tools import certs


def open_as(name: str) -> int:
    """How many descriptors of this process lead to one thing."""
    folder = Path("/proc/self/fd")
    return sum(path.is_symlink() and os.readlink(path) == name for path in folder.iterdir())


class DescribedTests(SynchronousTestCase):
    """`described`."""

    def refusal(self, text: str) -> str:
        """Why there is no such endpoint; one line."""
        error = str(self.assertRaises(StartError, described, text, support.Reactor()))
        self.assertEqual(1, len(error.splitlines()), error)
        return error

    def test_an_endpoint_of_twisted(self) -> None:
        self.assertIsInstance(described("tcp:0", support.Reactor()), TCP4ServerEndpoint)

    def test_what_is_none(self) -> None:
        self.assertEqual(
            "--listen foo:bar: this is no endpoint description: Unknown endpoint type: 'foo'",
            self.refusal("foo:bar"),
        )
        for text in ("", "nope", "tcp:x", "ssl:1:privateKey=/none", "systemd:domain=NOPE:index=0"):
            self.assertTrue(self.refusal(text).startswith(f"--listen {text}: "))

    def test_a_socket_that_systemd_has_not_handed_over(self) -> None:
        hand_over(self)
        for text in ("systemd:domain=INET:index=0", "systemd:domain=UNIX:name=x"):
            self.assertEqual(
                f"--listen {text}: systemd has handed over no such socket; "
                "is the socket unit active?",
                self.refusal(text),
            )

    def test_a_unix_socket_of_systemd_behind_a_proxy(self) -> None:
        with socket.socket(socket.AF_UNIX) as local:
            hand_over(self, local)
            endpoint = described("haproxy:systemd:domain=UNIX:index=0", support.Reactor())
            self.assertIsInstance(endpoint, ProxiedEndpoint)
            self.assertIsInstance(endpoint.endpoint, InheritedUNIXEndpoint)

    def test_sockets_that_systemd_has_handed_over(self) -> None:
        with socket.socket() as stream, socket.socket(socket.AF_UNIX) as local:
            hand_over(self, stream, local)
            reactor = support.Reactor()
            endpoint = described("systemd:domain=INET:index=0", reactor)
            self.assertIsInstance(endpoint, AdoptedStreamServerEndpoint)
            endpoint = described("systemd:domain=UNIX:index=1", reactor)
            self.assertIsInstance(endpoint, InheritedUNIXEndpoint)


class InheritedUNIXTests(SocketTestCase):
    """A UNIX socket that this test holds, as systemd does."""

    def held(self, address: str) -> socket.socket:
        """A listening socket that stays open."""
        held = socket.socket(socket.AF_UNIX)
        self.addCleanup(held.close)
        held.bind(address)
        held.listen(7)
        return held

    async def listen(self, held: socket.socket) -> Any:
        """A port on another descriptor of a socket."""
        endpoint = InheritedUNIXEndpoint(self.reactor, os.dup(held.fileno()))
        port = await endpoint.listen(self.factory)
        write_at_once(port)
        return port

    async def hears(self, address: str) -> bytes:
        """What a new client hears."""
        endpoint = UNIXClientEndpoint(self.reactor, address)
        client = await connectProtocol(endpoint, Listener())
        return await client.lost

    async def test_it_serves_and_stops_and_serves_again(self) -> None:
        held = self.held(self.path)
        for _ in range(2):
            port = await self.listen(held)
            self.assertEqual(1, self.factory.numPorts)
            self.assertEqual(b"hello", await self.hears(self.path))
            self.assertIsInstance(self.factory.transports[-1], UNIXTransport)
            await port.stopListening()
            self.assertEqual(0, self.factory.numPorts)

    async def test_who_connects_meanwhile_waits(self) -> None:
        held = self.held(self.path)
        port = await self.listen(held)
        await port.stopListening()
        client = await connectProtocol(UNIXClientEndpoint(self.reactor, self.path), Listener())
        self.assertEqual(b"", client.heard)
        port = await self.listen(held)
        self.assertEqual(b"hello", await client.lost)
        await port.stopListening()

    async def test_the_file_and_its_mode_are_left_alone(self) -> None:
        held = self.held(self.path)
        os.chmod(self.path, 0o600)
        port = await self.listen(held)
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path).st_mode))
        await port.stopListening()
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path).st_mode))

    async def test_a_file_that_is_gone_does_not_matter(self) -> None:
        held = self.held(self.path)
        port = await self.listen(held)
        os.remove(self.path)
        await port.stopListening()

    async def test_an_abstract_address(self) -> None:
        address = f"\0actionhero-test-{os.getpid()}"
        port = await self.listen(self.held(address))
        self.assertEqual(b"hello", await self.hears(address))
        await port.stopListening()

    async def test_it_says_where_it_listens(self) -> None:
        port = await self.listen(self.held(self.path))
        self.assertEqual(self.path.encode(), port.getHost().name)
        await port.stopListening()

    async def test_the_descriptor_is_its_own_and_it_keeps_none(self) -> None:
        held = self.held(self.path)
        name = os.readlink(f"/proc/self/fd/{held.fileno()}")
        port = await self.listen(held)
        self.assertEqual(2, open_as(name))
        await port.stopListening()
        self.assertEqual(1, open_as(name))


class UNIXModeTests(SocketTestCase):
    """The mode of a UNIX socket's file."""

    async def mode(self, text: str) -> int:
        """The mode of the file where this description has it."""
        port = await described(text, self.reactor).listen(self.factory)
        mode = stat.S_IMODE(os.stat(self.path).st_mode)
        await port.stopListening()
        return mode

    async def test_the_owner_and_the_group_may_connect(self) -> None:
        for text in (
            f"unix:{self.path}",
            f"unix:address={self.path}",
            f"unix:{self.path}:backlog=9",
        ):
            self.assertEqual(0o660, await self.mode(text))

    async def test_behind_a_proxy_too(self) -> None:
        endpoint = described(f"haproxy:unix:{self.path}", self.reactor)
        port = await endpoint.listen(self.factory)
        self.assertEqual(0o660, stat.S_IMODE(os.stat(self.path).st_mode))
        await port.stopListening()

    async def test_a_description_can_say_another_one(self) -> None:
        self.assertEqual(0o666, await self.mode(f"unix:{self.path}:mode=666"))
        self.assertEqual(0o600, await self.mode(f"unix:{self.path}:lockfile=0:mode=600"))

    async def test_shared_by_workers_too(self) -> None:
        port = await shared(f"unix:{self.path}", self.reactor).listen(self.factory)
        self.assertEqual(0o660, stat.S_IMODE(os.stat(self.path).st_mode))
        await port.stopListening()

    def test_a_colon_in_its_path(self) -> None:
        endpoint = described(r"unix:/run/a\:mode\=666", self.reactor)
        self.assertEqual((0o660, "/run/a:mode=666"), (endpoint._mode, endpoint._address))


class SharedTests(SynchronousTestCase):
    """`shared`, and what workers are handed instead of an endpoint."""

    def test_those_without_tls(self) -> None:
        reactor = support.Reactor()
        for text, kind in (
            ("tcp:0", TCP4ServerEndpoint),
            ("tcp6:0", TCP6ServerEndpoint),
            ("unix:/x", UNIXServerEndpoint),
            ("haproxy:tcp:0", TCP4ServerEndpoint),
        ):
            self.assertIsInstance(shared(text, reactor), kind)

    def test_others_are_refused(self) -> None:
        for text in ("ssl:0", "haproxy:ssl:0", "nonsense"):
            error = self.assertRaises(StartError, shared, text, support.Reactor())
            self.assertEqual(
                f"--listen {text}: workers can share tcp:, tcp6:, unix:, systemd:; for TLS set "
                "tcpServer.secure",
                str(error),
            )

    def test_what_is_no_description_is_refused(self) -> None:
        error = self.assertRaises(StartError, shared, "tcp:x", support.Reactor())
        self.assertIn("--listen tcp:x: this is no endpoint description", str(error))

    def test_a_worker_has_what_it_is_handed_in_place_of_the_endpoint(self) -> None:
        reactor, handed = support.Reactor(), object()
        self.assertIs(handed, described("systemd:domain=INET:index=7", reactor, handed))
        proxied = described("haproxy:unix:/x", reactor, handed)
        self.assertIsInstance(proxied, ProxiedEndpoint)
        self.assertIs(handed, proxied.endpoint)


class TLSEndpointTests(SocketTestCase):
    """TLS over a UNIX socket, which Twisted has no description for."""

    async def test_it_speaks_tls_with_the_certificate(self) -> None:
        pair = certs.make(Path(self.mktemp()))
        endpoint = TLSEndpoint(
            described(f"unix:{self.path}", self.reactor),
            support.make_certificates(pair),
        )
        port = await endpoint.listen(self.factory)
        write_at_once(port)
        client = wrapClientTLS(CertificateOptions(), UNIXClientEndpoint(self.reactor, self.path))
        listener = await connectProtocol(client, Listener())
        self.assertEqual(b"hello", await listener.lost)
        await port.stopListening()

"""`actionhero_tcp.testing`: the real server in the process of its test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import TestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.testing import LoggedError, RealServer
from tests.support.kit import write_project


class Lines(LineReceiver):
    """A client that keeps the lines it gets."""

    def __init__(self) -> None:
        self.lines: DeferredQueue[dict[str, Any]] = DeferredQueue()
        self.lost: Deferred[None] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        self.lines.put(json.loads(line))

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(None)

    async def ask(self, line: str) -> dict[str, Any]:
        """Sends a line, and gives the next one that comes."""
        self.sendLine(line.encode())
        return await self.lines.get()


class RealServerTests(TestCase):
    """`RealServer`: trial finds what it leaves behind in the reactor."""

    timeout = 60

    def setUp(self) -> None:
        self.folder = write_project(self)

    def make(self, **options: object) -> RealServer:
        return RealServer(self, actions=self.folder / "actions", **options)

    async def connect(self, server: RealServer, leave: bool = True) -> Lines:
        """A client that has been welcomed, and leaves at the end of the test."""
        endpoint: Any = HostnameEndpoint(reactor, "localhost", server.port)
        if server.secure:
            certificate = Certificate.loadPEM(Path(server.cert_file).read_text())
            trust = trustRootFromCertificates([certificate])
            endpoint = wrapClientTLS(optionsForClientTLS("localhost", trustRoot=trust), endpoint)
        client = await connectProtocol(endpoint, Lines())
        if leave:
            self.addCleanup(lambda: client.lost)
            self.addCleanup(client.transport.loseConnection)
        self.assertEqual("defaultRoom", (await client.lines.get())["room"])
        return client

    async def test_serves(self) -> None:
        server = self.make()
        self.assertEqual("127.0.0.1", server.host)
        client = await self.connect(server)
        await client.ask("paramAdd name=Ada")
        self.assertEqual("Hello, Ada!", (await client.ask("greet"))["greeting"])
        self.assertEqual(1, len(server.api.connections))

    async def test_serves_with_tls(self) -> None:
        server = self.make(secure=True)
        client = await self.connect(server)
        self.assertIn("error", await client.ask("greet"))
        self.assertTrue(Path(server.cert_file).is_file())

    async def test_a_certificate_of_ones_own(self) -> None:
        first = self.make(secure=True)
        key_file = first.cert_file.replace("cert", "key")
        second = self.make(secure=True, key_file=key_file, cert_file=first.cert_file)
        self.assertEqual(first.cert_file, second.cert_file)
        await self.connect(second)

    async def test_threads_are_the_reactors(self) -> None:
        client = await self.connect(self.make())
        self.assertFalse((await client.ask("block"))["main"])
        self.assertEqual(0, (await client.lines.get())["size"])

    async def test_stops_in_good_order(self) -> None:
        server = self.make()
        client = await self.connect(server)
        client.sendLine(b"later")
        await client.ask("roomView")
        stopped = server.stop()
        self.assertIs(stopped, server.stop())
        self.assertEqual("Server going down NOW", (await client.lines.get())["status"])
        self.assertTrue((await client.lines.get())["late"])
        await stopped
        await client.lost

    async def test_at_the_end_of_its_test_it_waits_for_nobody(self) -> None:
        for secure in (False, True):
            client = await self.connect(self.make(secure=secure), leave=False)
            client.sendLine(b"never")
            await client.ask("roomView")

    async def test_one_that_is_stopping_then_is_waited_for(self) -> None:
        server = self.make()
        client = await self.connect(server, leave=False)
        client.sendLine(b"never")
        await client.ask("roomView")
        server.stop()

    def hook(self, body: str) -> None:
        """Gives the servers a hook of the start that waits, and one of the stop that does."""
        (self.folder / "actions" / "pool.py").write_text(
            "from twisted.internet.task import deferLater\n"
            "from actionhero_tcp import ActionError, on_start, on_stop\n"
            "@on_start\nasync def begin(api):\n"
            f"    await deferLater(api.reactor, 0)\n    {body}\n"
            "@on_stop\nasync def end(api):\n"
            "    await deferLater(api.reactor, 0)\n    api.state.pool.append('closed')\n"
        )

    async def test_hooks_of_the_start_and_the_stop(self) -> None:
        self.hook("api.state.pool = ['open']")
        server = self.make()
        self.assertFalse(hasattr(server, "port"))
        await server.started()
        await server.started()
        await self.connect(server)
        self.assertEqual(["open"], server.api.state.pool)
        await server.stop()
        self.assertEqual(["open", "closed"], server.api.state.pool)

    async def test_a_hook_that_keeps_it_from_starting(self) -> None:
        self.hook("raise ActionError('no database')")
        server = self.make()
        for _ in range(2):
            error = await self.assertFailure(server.started(), StartError)
            self.assertIn("refuses the start: no database", str(error))

    async def test_hooks_that_wait_for_nothing_have_run_at_once(self) -> None:
        (self.folder / "actions" / "pool.py").write_text(
            "from actionhero_tcp import on_start\n"
            "@on_start\ndef begin(api):\n    api.state.pool = 'open'\n"
        )
        server = self.make()
        self.assertEqual("open", server.api.state.pool)
        await self.connect(server)

    def test_one_that_does_so_at_once(self) -> None:
        (self.folder / "actions" / "pool.py").write_text(
            "from actionhero_tcp import ActionError, on_start\n"
            "@on_start\ndef begin(api):\n    raise ActionError('no database')\n"
        )
        error = self.assertRaises(StartError, self.make)
        self.assertIn("refuses the start: no database", str(error))

    async def test_one_that_starts_at_the_end_of_its_test_is_stopped(self) -> None:
        self.hook("await deferLater(api.reactor, 60)")
        self.make()

    async def test_a_bug_in_an_action_is_an_error_of_the_test(self) -> None:
        client = await self.connect(self.make())
        await client.ask("paramAdd how=raise")
        self.assertIn("internal error", (await client.ask("break_"))["error"])
        self.assertEqual(1, len(self.flushLoggedErrors(LoggedError)))

    def test_a_port_that_is_taken(self) -> None:
        server = self.make()
        error = self.assertRaises(StartError, self.make, port=server.port)
        self.assertEqual(
            f"cannot listen on TCP 127.0.0.1:{server.port}: Address already in use", str(error)
        )

    def test_what_keeps_it_from_starting(self) -> None:
        self.assertRaises(StartError, self.make, secure=True, key_file="/none")
        self.assertRaises(TypeError, self.make, nope=1)

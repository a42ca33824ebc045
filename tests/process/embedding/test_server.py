"""`Server` in asyncio's event loops and on Twisted's reactor, on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop
from twisted.internet import asyncioreactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from actionhero_tcp import ActionError, Api, Connection, Server, action, on_start, on_stop
from actionhero_tcp import client as twisted_client
from actionhero_tcp.client import TLS, AnswerError, CallError
from actionhero_tcp.client.aio import Client
from actionhero_tcp.errors import StartError
from actionhero_tcp.testing.certificates import make
from tests.support import PATIENCE, wait_for
from tests.support.ports import reserve

HERE: dict[str, Any] = {"port": 0, "bindIP": "127.0.0.1"}
CONFIG = {"tcpServer": HERE}

happened: list[str] = []


@action
async def greet(api: Api, connection: Connection, *, name: str) -> dict[str, object]:
    """Greets, after a wait in asyncio where that is there."""
    if sys.modules.get("asyncio") and asyncio._get_running_loop() is not None:
        await asyncio.sleep(0)
    await deferLater(api.reactor, 0)
    return {"greeting": f"Hello, {name}!"}


@action(blocking=True)
def thread(api: Api, connection: Connection) -> dict[str, object]:
    """Names its thread."""
    return {"thread": threading.current_thread().name}


@action
async def hang(api: Api, connection: Connection) -> None:
    """Never ends by itself."""
    happened.append("hangs")
    try:
        await Deferred()
    finally:
        happened.append("cancelled")


@on_start
async def opens(api: Api) -> None:
    """Opens something, which takes a moment."""
    await deferLater(api.reactor, 0.01)
    api.state.opened = True
    happened.append("opened")


@on_stop
async def closes(api: Api) -> None:
    """Closes it."""
    await deferLater(api.reactor, 0)
    happened.append("closed")


@on_start
async def refuses(api: Api) -> None:
    """Keeps the server from starting."""
    raise ActionError("no database")


@on_start
async def waits(api: Api) -> None:
    """Never ends by itself."""
    await Deferred()


def on_both_loops(
    test: Callable[[Any], Coroutine[Any, Any, None]],
) -> Callable[[Any], None]:
    """A test that runs on asyncio's own event loop, and on uvloop's."""

    def run(self: Any) -> None:
        for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
            happened.clear()
            unseen: list[object] = []

            async def main() -> None:
                loop = asyncio.get_running_loop()
                loop.set_exception_handler(lambda _, context: unseen.append(context))  # noqa: B023
                async with asyncio.timeout(2 * PATIENCE):
                    await test(self)

            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(main())
            self.assertEqual([], unseen)

    return run


class AsyncioTests(SynchronousTestCase):
    """In an event loop of asyncio; the process has Twisted's own reactor beside it."""

    def setUp(self) -> None:
        # Twisted's own is put back for other tests of this process.
        self.patch(asyncioreactor, "callWithLogger", asyncioreactor.callWithLogger)

    @on_both_loops
    async def test_it_serves_in_the_running_loop(self) -> None:
        async with Server(actions=[greet, thread], hooks=[opens, closes], config=CONFIG) as server:
            self.assertEqual(["opened"], happened)
            self.assertTrue(server.api.state.opened)
            self.assertEqual((f"127.0.0.1:{server.port}",), server.addresses)
            self.assertEqual(f"<Server 127.0.0.1:{server.port}>", repr(server))
            async with Client("127.0.0.1", server.port) as client:
                answer = await client.action("greet", name="Ada")
                self.assertEqual("Hello, Ada!", answer["greeting"])
                self.assertIn("blocking", (await client.action("thread"))["thread"])
                self.assertEqual(1, len(server.api.connections))
        self.assertEqual(["opened", "closed"], happened)
        self.assertEqual("<Server not started>", repr(server))

    def test_nothing_is_left(self) -> None:
        def state() -> tuple[object, ...]:
            handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
            threads = {thread.name for thread in threading.enumerate()}
            return len(os.listdir("/proc/self/fd")), threads, handlers

        async def serve() -> None:
            async with (
                Server(actions=[thread], config=CONFIG) as server,
                Client("127.0.0.1", server.port) as client,
            ):
                await client.action("thread")

        # Twisted keeps a descriptor from the first port on.
        asyncio.run(serve())
        before = state()
        for _ in range(3):
            asyncio.run(serve())
        self.assertEqual(before, state())

    @on_both_loops
    async def test_it_starts_again_after_a_stop(self) -> None:
        server = Server(actions=[greet], hooks=[opens, closes], config=CONFIG)
        for _ in range(2):
            await server.start()
            async with Client("127.0.0.1", server.port) as client:
                await client.action("greet", name="Ada")
            await server.stop()
            await server.stop()
        self.assertEqual(["opened", "closed"] * 2, happened)

    @on_both_loops
    async def test_two_do_not_meet(self) -> None:
        config = {"tcpServer": HERE, "web": {"port": 0, "page": False}}
        async with (
            Server(actions=[greet], config=config) as one,
            Server(actions=[thread], config=config) as other,
        ):
            async with (
                Client("127.0.0.1", one.port) as client,
                Client("127.0.0.1", other.port) as neighbour,
            ):
                await client.action("greet", name="Ada")
                with self.assertRaises(AnswerError):
                    await neighbour.action("greet", name="Ada")
                await neighbour.say("hello")
                self.assertEqual(1, len(one.api.connections))
                self.assertNotEqual(one.api.stats.id, other.api.stats.id)
            await one.stop()
            async with Client("127.0.0.1", other.port) as client:
                await client.action("thread")

    @on_both_loops
    async def test_tls_beside_another_reactor(self) -> None:
        """Twisted's TLS would take its clock from the global reactor, which does not run here."""
        folder = Path(self.mktemp())
        key, certificate = make(folder)
        tls = {**HERE, "secure": True, "keyFile": str(key), "certFile": str(certificate)}
        async with Server(actions=[greet], config={"tcpServer": tls}) as server:
            options = TLS(ca_file=str(certificate))
            async with Client("localhost", server.port, tls=options) as client:
                answers = await asyncio.gather(
                    *(client.action("greet", name="x" * 1000) for _ in range(20))
                )
                self.assertEqual(20, len(answers))

    @on_both_loops
    async def test_described_endpoints_and_the_web_port_with_tls_beside_another_reactor(
        self,
    ) -> None:
        folder = Path(self.mktemp())
        key, certificate = make(folder)
        tls = {**HERE, "secure": True, "keyFile": str(key), "certFile": str(certificate)}
        web = {"port": reserve(self), "secure": True}
        described = f"ssl:0:privateKey={key}:certKey={certificate}:interface=127.0.0.1"
        options = TLS(ca_file=str(certificate))
        trust = ssl.create_default_context(cafile=str(certificate))
        async with (
            Server(actions=[greet], config={"tcpServer": tls, "web": web}),
            Server(actions=[greet], config={"tcpServer": {"listen": [described]}}) as server,
        ):
            port = int(server.addresses[0].rpartition(":")[2])
            async with Client("localhost", port, tls=options) as client:
                answers = await asyncio.gather(
                    *(client.action("greet", name="x" * 1000) for _ in range(20))
                )
                self.assertEqual(20, len(answers))
            reader, writer = await asyncio.open_connection("localhost", web["port"], ssl=trust)
            writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.assertIn(b"200 OK", await reader.read())
            writer.close()

    def test_servers_of_several_threads_start_at_once(self) -> None:
        errors: list[BaseException] = []

        async def serve() -> None:
            async with (
                Server(actions=[greet], config=CONFIG) as server,
                Client("127.0.0.1", server.port) as client,
            ):
                await client.action("greet", name="Ada")

        def run() -> None:
            try:
                for _ in range(3):
                    asyncio.run(serve())
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE)
        self.assertEqual([], errors)

    def test_run_is_for_the_main_thread(self) -> None:
        errors: list[str] = []

        def run() -> None:
            try:
                Server(actions=[greet], config=CONFIG).run()
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(PATIENCE)
        self.assertIn("for the main thread; in another thread await start()", errors[0])

    def test_a_folder_is_no_list_of_functions(self) -> None:
        for folder in ("actions", Path("actions")):
            with self.assertRaisesRegex(
                StartError, "list of functions, not 'actions'; a folder is"
            ):
                Server(actions=folder)  # type: ignore[arg-type]

    @on_both_loops
    async def test_a_start_that_fails_leaves_nothing_open(self) -> None:
        server = Server(actions=[greet], hooks=[refuses], config=CONFIG)
        with self.assertRaises(StartError) as caught:
            await server.start()
        self.assertIn("no database", str(caught.exception))
        with self.assertRaises(RuntimeError):
            print(server.port)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", reserve(self)))
            taken.listen()
            where = {"port": taken.getsockname()[1], "bindIP": "127.0.0.1"}
            server = Server(actions=[greet], config={"tcpServer": where})
            with self.assertRaises(StartError) as caught:
                await server.start()
            self.assertIn("Address already in use", str(caught.exception))
        await server.start()
        await server.stop()

    @on_both_loops
    async def test_a_start_can_be_cancelled(self) -> None:
        server = Server(actions=[greet], hooks=[waits, closes], config=CONFIG)
        starting = asyncio.create_task(server.start())
        await asyncio.sleep(0)
        with self.assertRaises(RuntimeError):
            await server.start()
        starting.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await starting
        self.assertEqual("<Server not started>", repr(server))
        self.assertEqual([], happened)

    @on_both_loops
    async def test_a_stop_waits_for_actions_and_can_be_cut_short(self) -> None:
        limits = {"drainTimeout": 1000, "actionTimeout": 1000}
        server = Server(actions=[hang], config={"tcpServer": HERE, "limits": limits})
        await server.start()
        client = Client("127.0.0.1", server.port)
        await client.connect()
        call = client.action("hang")
        while happened != ["hangs"]:
            await asyncio.sleep(0.005)
        stopping = asyncio.create_task(server.stop())
        # The ports are closed, but the action goes on.
        while server.addresses:
            await asyncio.sleep(0.005)
        self.assertFalse(stopping.done())
        self.assertEqual(["hangs"], happened)
        stopping.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await stopping
        self.assertEqual(["hangs", "cancelled"], happened)
        with self.assertRaises(CallError):
            await call
        await client.disconnect()

    @on_both_loops
    async def test_an_actions_folder_and_a_reload(self) -> None:
        folder = Path(self.mktemp()).absolute()
        (folder / "actions").mkdir(parents=True)
        (folder / "actions" / "shout.py").write_text(
            "from actionhero_tcp import action\n\n\n@action\n"
            "def shout(api, connection, *, text: str):\n    return {'text': text.upper()}\n"
        )
        path = folder / "config.json"
        document: dict[str, Any] = {
            "tcpServer": HERE,
            "general": {"actionsDirectory": "actions", "welcomeMessage": "one"},
        }
        path.write_text(json.dumps(document))
        async with Server(config=path) as server:
            async with Client("127.0.0.1", server.port) as client:
                self.assertEqual("A", (await client.action("shout", text="a"))["text"])
                self.assertEqual("one", client.welcome["welcome"])
            document["general"]["welcomeMessage"] = "two"
            path.write_text(json.dumps(document))
            self.assertTrue(server.reload())
            async with Client("127.0.0.1", server.port) as client:
                self.assertEqual("two", client.welcome["welcome"])

    @on_both_loops
    async def test_unix_sockets_have_an_address_and_no_port(self) -> None:
        # The path of a socket has at most 107 characters.
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = Path(folder) / "socket"
        config = {"tcpServer": {"enable": False, "listen": [f"unix:{path}"]}}
        async with Server(actions=[greet], config=config) as server:
            self.assertEqual((f"unix:{path}",), server.addresses)
            with self.assertRaises(RuntimeError):
                print(server.port)

    @on_both_loops
    async def test_run_is_not_for_a_loop_that_runs(self) -> None:
        with self.assertRaises(RuntimeError):
            Server(actions=[greet], config=CONFIG).run()

    def test_a_loop_that_was_closed_under_it_does_not_trouble_the_next(self) -> None:
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        off = {"log": {"blockedSeconds": 0}}
        loop.run_until_complete(Server(actions=[greet], config={**CONFIG, **off}).start())
        loop.close()
        asyncio.run(self.serve_once())

    async def serve_once(self) -> None:
        """Serves one client."""
        async with (
            Server(actions=[greet], config=CONFIG) as server,
            Client("127.0.0.1", server.port) as client,
        ):
            await client.action("greet", name="Ada")

    def test_blocking_actions_that_never_return_do_not_hold_the_stop(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        release = threading.Event()
        entered = threading.Event()

        @action(blocking=True)
        def stuck(api: Api, connection: Connection) -> None:
            entered.set()
            release.wait(2 * PATIENCE)

        async def serve() -> None:
            limits = {"drainTimeout": 0, "closeTimeout": 0.1}
            server = Server(actions=[stuck], config={"tcpServer": HERE, "limits": limits})
            await server.start()
            client = Client("127.0.0.1", server.port)
            await client.connect()
            call = asyncio.ensure_future(client.action("stuck"))
            while not entered.is_set():
                await asyncio.sleep(0.005)
            await server.stop()
            await asyncio.gather(call, return_exceptions=True)
            await client.disconnect()

        try:
            asyncio.run(serve())
            self.assertFalse(release.is_set())
        finally:
            release.set()
        wait_for(
            lambda: any("blocking actions still run" in str(e.get("log_format")) for e in events),
            "a warning",
        )


class TwistedTests(TestCase):
    """On Twisted's reactor, which is that of this test run."""

    async def test_it_serves(self) -> None:
        happened.clear()
        async with (
            Server(actions=[greet], hooks=[opens, closes], config=CONFIG) as server,
            twisted_client.Client("127.0.0.1", server.port) as client,
        ):
            answer = await client.action("greet", name="Ada")
            self.assertEqual("Hello, Ada!", answer["greeting"])
        self.assertEqual(["opened", "closed"], happened)

    async def test_a_start_that_fails(self) -> None:
        server = Server(actions=[greet], hooks=[refuses], config=CONFIG)
        with self.assertRaises(StartError):
            await server.start()

    async def test_a_start_can_be_cancelled(self) -> None:
        server = Server(actions=[greet], hooks=[waits], config=CONFIG)
        starting = Deferred.fromCoroutine(server.start())
        starting.cancel()
        with self.assertRaises((CancelledError, asyncio.CancelledError)):
            await starting
        async with Server(actions=[greet], config=CONFIG):
            pass
        self.assertEqual("<Server not started>", repr(server))

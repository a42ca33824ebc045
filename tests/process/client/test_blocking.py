"""Tests of `actionhero_tcp.client.blocking` with real sockets or processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.blocking import Client
from actionhero_tcp.client.outcomes import (
    AnswerError,
    CallError,
    CallTimeout,
    ConnectionLost,
    FileTooLarge,
)
from actionhero_tcp.client.settings import TLS, Limits
from tests.support import PATIENCE
from tests.support.conversations import encode
from tests.support.integration import DaemonTestCase, OwnDaemonTestCase, make_pair
from tests.support.ports import reserve
from tests.unit.client.test_protocol import CONTENTS

ACTIONS = """
from actionhero_tcp import ActionError, action


@action
def notify(api, connection):
    api.send_socket_message(connection, {"news": "You have mail"})


@action
def hangUp(api, connection):
    connection.send({"news": "farewell"})
    connection.close()


@action
async def tail(api, connection, *, lines: int = 3, fails: bool = False):
    for line in range(lines):
        yield {"line": line}
    if fails:
        raise ActionError("no more")


@action
def echo(api, connection, *, name: str = "", timeout: str = ""):
    return {"name": name, "timeout": timeout}
"""


FILES = {
    **{f"public/{name}": content for name, content in CONTENTS.items()},
    "actions/some.py": ACTIONS,
}


class CallTests(DaemonTestCase):
    """All calls."""

    files = FILES
    options = ("--announce-limit=0",)

    def client(self, **options: Any) -> Client:
        """A connected client."""
        client = Client("127.0.0.1", self.daemon.port, timeout=PATIENCE, **options)
        client.connect()
        self.addCleanup(client.close)
        return client

    def test_a_session(self) -> None:
        with Client("localhost", self.daemon.port) as client:
            self.assertEqual("defaultRoom", client.room)
            self.assertEqual("defaultRoom", client.welcome["room"])
            answer = client.action("cacheTest", key="k", value="line one\nline two ☃")
            self.assertEqual("line one\nline two ☃", answer["cacheTestResults"]["loadResp"])
            self.assertEqual(1, answer.number)
            self.assertGreater(answer.seconds, 0)
            self.assertEqual({"b": "x = y", "a": "1"}, self.with_params(client))
            self.assertEqual("kitchen", client.room_change("kitchen")["room"])
            self.assertEqual("kitchen", client.room)
            self.assertEqual(1, client.room_view()["roomStatus"]["membersCount"])
            self.assertEqual(32, len(client.details()["details"]["public"]["id"]))
            self.assertEqual("OK", client.say("hooray!")["status"])
            self.assertIn("stats", client.status())
            names = [action["name"] for action in client.actions()["actions"]]
            self.assertIn("notify", names)
            self.assertEqual("OK", client.line("say raw")["status"])
            self.assertEqual({}, client.param_view("nope")["params"])
            self.assertTrue(client.connected)
        self.assertFalse(client.connected)
        self.assertEqual(0, client.late)

    def test_threads_can_share_one(self) -> None:
        client = self.client()
        wrong: list[object] = []

        def talk(name: str) -> None:
            for number in range(200):
                asked = f"{name}-{number}"
                try:
                    heard = client.action("echo", name=asked)["name"]
                except CallError as error:
                    heard = error
                if heard != asked:
                    wrong.append((asked, heard))

        threads = [threading.Thread(target=talk, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], wrong)

    def test_a_callback_can_make_a_call(self) -> None:
        client, heard = self.client(), list[object]()
        client.on_message = lambda message: heard.append(client.action("echo", name="x")["name"])
        client.action("notify")
        client.action("echo")
        self.assertEqual(["x"], heard)

    def with_params(self, client: Client) -> dict[str, str]:
        client.param_add("a", 7)
        client.param_add("c", "")
        client.params_delete()
        client.param_add("b", "x = y")
        client.param_add("c", "z")
        client.param_add("a", 1)
        client.param_delete("c")
        self.assertEqual({"b": "x = y"}, client.param_view("b")["params"])
        self.assertEqual(client.params, client.params_view()["params"])
        return client.params

    def test_an_answer_in_parts(self) -> None:
        client = self.client()
        lines = [part["line"] for part in client.stream("tail", lines=5)]
        self.assertEqual([0, 1, 2, 3, 4], lines)
        self.assertEqual(0, next(client.stream("tail", {"lines": 500}))["line"])
        got = []
        with self.assertRaises(AnswerError):
            got.extend(client.stream("tail", fails=True))
        self.assertEqual("OK", client.details()["status"])

    def test_params_may_have_any_name(self) -> None:
        client = self.client()
        answer = client.action("echo", {"timeout": "t"}, name="n")
        self.assertEqual(("n", "t"), (answer["name"], answer["timeout"]))

    def test_errors_raise(self) -> None:
        client = self.client()
        error = self.assertRaises(AnswerError, client.action, "cacheTest")
        self.assertEqual("key is a required parameter for this action", str(error))
        self.assertEqual("response", error.answer["context"])
        self.assertRaises(AnswerError, client.room_change, "two words")
        for call in (client.say, client.room_change, client.line, client.param_view):
            self.assertRaises(ValueError, call, "two\nlines")
        self.assertRaises(ValueError, client.param_add, "a=b", "c")
        self.assertRaises(ValueError, client.param_add, "a", "b\nc")
        self.assertRaises(ValueError, client.line, "")
        self.assertEqual("defaultRoom", client.room_view()["room"])

    def test_every_file_arrives_as_it_is(self) -> None:
        client = self.client()
        for name, content in CONTENTS.items():
            self.assertEqual(content, client.file(name), name)
            parts: list[bytes] = []
            self.assertEqual(len(content), client.file(name, parts.append))
            self.assertEqual(content, b"".join(parts))
        error = self.assertRaises(AnswerError, client.file, "nope")
        self.assertEqual("The file, nope, is not found.", str(error))
        self.assertEqual(0, client.late)

    def test_a_file_may_be_too_large(self) -> None:
        client = self.client(limits=Limits(max_file_bytes=1000))
        self.assertRaises(FileTooLarge, client.file, "binary")
        self.assertEqual(CONTENTS["text"], client.file("text"))

    def test_a_time_limit(self) -> None:
        client = self.client()
        self.assertRaises(CallTimeout, client.action, "sleepTest", sleepDuration=200, timeout=0.05)
        self.assertEqual(4, client.action("sleepTest", sleepDuration=300).number + 2)
        self.assertEqual(1, client.late)

    def test_what_others_say_is_heard(self) -> None:
        one, two = self.client(), self.client()
        said: list[Any] = []
        news: list[Any] = []
        one.on_say, one.on_message = said.append, news.append
        two.say("hello")
        one.details()
        one.action("notify")
        self.assertEqual(["hello"], [message["message"] for message in said])
        self.assertEqual([{"news": "You have mail", "context": "api"}], news)
        said.clear()
        threading.Timer(0.05, lambda: two.say("again")).start()
        begin = time.monotonic()
        one.listen(0.5)
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)
        self.assertEqual(["again"], [message["message"] for message in said])

    def test_what_a_callback_raises_comes_through(self) -> None:
        one, two = self.client(), self.client()

        def fail(message: object) -> None:
            raise KeyError("mine")

        one.on_say = fail
        two.say("hello")
        self.assertRaises(KeyError, one.listen, PATIENCE)
        self.assertEqual("OK", one.say("still here")["status"])

    def test_a_loss_is_told_and_connect_sets_all_again(self) -> None:
        client = self.client()
        client.param_add("a", "1")
        client.room_change("attic")
        news: list[Any] = []
        client.on_message = news.append
        with self.assertRaises(ConnectionLost):
            client.action("hangUp")
            client.details()
        self.assertEqual(["farewell"], [message["news"] for message in news])
        self.assertFalse(client.connected)
        self.assertRaises(ConnectionLost, client.details)
        client.connect()
        self.assertEqual({"a": "1"}, client.params_view()["params"])
        self.assertEqual("attic", client.room_view()["room"])


class ConnectTests(SynchronousTestCase):
    """Servers that do not let anybody in."""

    def listen(self, serve: Callable[[socket.socket], object]) -> int:
        """A server for one client; its port."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def run() -> None:
            with listener.accept()[0] as stream:
                serve(stream)

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join, PATIENCE)
        return int(listener.getsockname()[1])

    def fails(self, port: int, **options: Any) -> CallError:
        client = Client("127.0.0.1", port, **options)
        error = self.assertRaises(CallError, client.connect)
        self.assertFalse(client.connected)
        return error

    def test_nobody_listens(self) -> None:
        port = reserve(self)
        error = self.fails(port)
        self.assertIsInstance(error, ConnectionLost)
        self.assertIn("refused", str(error))

    def test_refused_with_a_reason(self) -> None:
        line = encode({"context": "response", "error": "too many", "messageCount": 0})
        error = self.fails(self.listen(lambda stream: stream.sendall(line)))
        self.assertEqual("the server does not let us in: too many", str(error))

    def test_hangs_up(self) -> None:
        self.assertEqual("the server has hung up", str(self.fails(self.listen(lambda _: None))))

    def test_says_nothing(self) -> None:
        port = self.listen(lambda stream: stream.recv(1))
        error = self.fails(port, connect_timeout=0.1)
        self.assertIsInstance(error, CallTimeout)
        self.assertIn("welcome", str(error))

    def test_speaks_something_else(self) -> None:
        port = self.listen(lambda stream: stream.sendall(b"SSH-2.0-OpenSSH\r\n"))
        self.assertIn("SSH-2.0", str(self.fails(port)))

    def test_does_not_take_back_what_was_sticky(self) -> None:
        welcome = encode({"welcome": "hello", "context": "api", "messageCount": 0})
        full = encode({"context": "response", "error": "no room", "messageCount": 1})

        def serve(stream: socket.socket) -> None:
            stream.sendall(welcome)
            self.assertEqual(b"roomChange attic\n", stream.recv(100))
            stream.sendall(full)

        client = Client("127.0.0.1", self.listen(serve))
        client._sticky.change("attic")
        error = self.assertRaises(ConnectionLost, client.connect)
        self.assertEqual("what was sticky could not be set again: no room", str(error))

    def test_without_a_connection(self) -> None:
        client = Client("127.0.0.1", 1)
        for call in (client.details, lambda: client.file("a"), lambda: client.listen(0)):
            self.assertIn("connect()", str(self.assertRaises(ConnectionLost, call)))
        client.disconnect()

    def test_places_that_are_none(self) -> None:
        self.assertRaises(ValueError, Client, "localhost")
        self.assertRaises(ValueError, Client, "unix:/x", tls=True)


class OtherTransportTests(OwnDaemonTestCase):
    """TLS, with certificates of clients too, and UNIX sockets."""

    def test_unix(self) -> None:
        running = self.start("--listen=unix:server.sock", files=FILES)
        with Client(f"unix:{running.folder / 'server.sock'}") as client:
            self.assertEqual(CONTENTS["binary"], client.file("binary"))

    def test_tls(self) -> None:
        running = self.start(pair="ec", files=FILES)
        trusted = TLS(ca_file=str(running.folder / "certs" / "server-cert.pem"))
        with Client("localhost", running.port, tls=trusted) as client:
            self.assertEqual(CONTENTS["binary"], client.file("binary"))
            self.assertRaises(
                CallTimeout, client.action, "sleepTest", sleepDuration=500, timeout=0.05
            )
            self.assertIn("stats", client.status())
        stranger = Client("localhost", running.port, tls=True)
        self.assertIn("verify failed", str(self.assertRaises(ConnectionLost, stranger.connect)))
        wrong = TLS(ca_file=trusted.ca_file, server_name="example.org")
        other = Client("127.0.0.1", running.port, tls=wrong)
        self.assertIn("example.org", str(self.assertRaises(ConnectionLost, other.connect)))
        with Client("127.0.0.1", running.port, tls=trusted) as client:
            self.assertIn("stats", client.status())

    def test_tls_with_a_certificate_of_the_clients(self) -> None:
        folder = Path(self.mktemp())
        key, cert = make_pair(folder)
        running = self.start(f"--ca-file={cert.resolve()}", pair="ec")
        ca_file = str(running.folder / "certs" / "server-cert.pem")
        tls = TLS(ca_file=ca_file, cert_file=str(cert), key_file=str(key))
        with Client("localhost", running.port, tls=tls) as client:
            self.assertIn("stats", client.status())
        with self.assertRaises(ConnectionLost):
            Client("localhost", running.port, tls=TLS(ca_file=ca_file)).connect()


class ImportTests(SynchronousTestCase):
    """What a script pays for."""

    def test_loads_no_reactor(self) -> None:
        code = (
            "import sys, actionhero_tcp.client.blocking\n"
            "print('twisted.internet.reactor' in sys.modules)"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual("False\n", ran.stdout, ran.stderr)

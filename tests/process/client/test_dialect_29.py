"""All three clients and the console in the dialect of actionHero 29, against the daemon."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

from actionhero_tcp.client import AnswerError, Client, ConnectionLost, aio, blocking
from tests.process.cli.test_piped import talk
from tests.process.client.test_aio import coroutine
from tests.process.client.test_blocking import FILES
from tests.support import PATIENCE, wait_for
from tests.support.integration import prepared_daemon
from tests.unit.client.test_protocol import CONTENTS

OPTIONS = (
    "--listen=tcp:0:interface=127.0.0.1",
    "--listen=dialect29:tcp:0:interface=127.0.0.1",
    *("--starting-chat-rooms=hall", "--starting-chat-rooms=attic", "--announce-limit=0"),
)
LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


class DialectTests(TestCase):
    """One daemon with a port for each dialect."""

    timeout = 4 * PATIENCE

    def setUp(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        running = stack.enter_context(prepared_daemon(FILES, *OPTIONS))
        wait_for(lambda: len(LISTENING.findall(running.log)) == 2, "two ports")
        self.first, self.later = map(int, LISTENING.findall(running.log))

    async def use(self, client: Any, cut: Callable[[], object]) -> None:
        """Makes every call of a client that reconnects."""
        said: list[Any] = []
        client.on_say = said.append
        details = (await client.details())["data"]
        self.assertEqual(([], []), (client.rooms, details["rooms"]))
        self.assertTrue((await client.room_add("hall"))["data"])
        self.assertEqual("OK", (await client.say("hello  you"))["status"])
        await client.room_add("attic")
        with self.assertRaises(AnswerError):
            await client.room_add("nowhere")
        self.assertEqual(["hall", "attic"], client.rooms)
        self.assertIn(details["id"], (await client.room_view("hall"))["data"]["members"])
        await client.say("up here", room="attic")
        self.assertEqual(["hello  you", "up here"], [each["message"] for each in said])
        await client.param_add("key", "old")
        self.assertEqual("old", (await client.param_view("key"))["data"])
        with self.assertRaises(AnswerError):
            await client.action("cacheTest")
        self.assertEqual({}, client.params)
        answer = await client.action("cacheTest", key="key", value="line one\nline two ☃")
        self.assertIn("cacheTestResults", answer)
        self.assertIn("cacheTest", (await client.documentation())["data"])
        self.assertIn("actions", await client.actions())
        for name in CONTENTS:
            self.assertEqual(CONTENTS[name], await client.file(name), name)
        self.assertEqual(CONTENTS["text"][3:], await client.file("text", offset=3))
        with self.assertRaises(AnswerError):
            await client.file("nope")
        lines = [part["line"] async for part in client.stream("tail", lines=5)]
        self.assertEqual([0, 1, 2, 3, 4], lines)
        await client.room_leave("attic")
        await client.param_add("key", "new")
        cut()
        with self.assertRaises(ConnectionLost):
            await client.details()
        self.assertEqual("new", (await client.param_view("key"))["data"])
        self.assertEqual(["hall"], (await client.details())["data"]["rooms"])

    def test_twisted(self) -> Deferred[None]:
        async def run() -> None:
            client = Client("127.0.0.1", self.later, dialect=29, timeout=PATIENCE)
            async with client:
                await self.use(client, lambda: client._link._connection.drop("cut"))  # type: ignore[union-attr]

        return ensureDeferred(run())

    @coroutine
    async def test_asyncio(self) -> None:
        client = aio.Client("127.0.0.1", self.later, dialect=29, timeout=PATIENCE)
        async with client:
            await self.use(client, lambda: client._link._connection.drop("cut"))  # type: ignore[union-attr]

    def test_blocking(self) -> None:
        with (
            blocking.Client("127.0.0.1", self.later, dialect=29, timeout=PATIENCE) as client,
            blocking.Client("127.0.0.1", self.first, timeout=PATIENCE) as other,
        ):
            heard: list[Any] = []
            said: list[Any] = []
            client.on_say, other.on_say = heard.append, said.append
            client.room_add("hall")
            other.room_change("hall")
            client.say("hello")
            other.say("good day")
            self.assertEqual(2, other.room_view()["roomStatus"]["membersCount"])
            self.assertEqual(2, client.room_view()["data"]["membersCount"])
            self.assertEqual(["hello", "good day"], [each["message"] for each in heard])
            self.assertIn("hello", [each["message"] for each in said])
            self.assertEqual(CONTENTS["binary"], client.file("binary"))
            self.assertEqual(4, [part["line"] for part in client.stream("tail", lines=5)][-1])
            client.close()
            client.connect()
            self.assertEqual(["hall"], client.details()["data"]["rooms"])
            self.assertRaises(ValueError, client.room_change, "attic")
            self.assertRaises(ValueError, other.room_add, "attic")

    def console(self, lines: bytes, status: int) -> list[dict[str, Any]]:
        """The answers to these lines."""
        ran = talk("--dialect=29", f"127.0.0.1:{self.later}", lines=lines)
        self.assertEqual((status, b""), (ran.returncode, ran.stderr))
        return [json.loads(line) for line in ran.stdout.splitlines()]

    def test_console(self) -> None:
        lines = b"roomAdd hall\nsay hall hello\nfile text\nfile nope\nfile\nquit\n"
        added, said, text, nope, nothing, bye = self.console(lines, 1)
        self.assertEqual((True, "OK"), (added["data"], said["status"]))
        self.assertEqual(CONTENTS["text"].decode(), text["text"])
        self.assertIn("not found", nope["error"])
        self.assertIn("file takes a path", nothing["error"])
        self.assertEqual({"status": "Bye", "context": "api"}, bye)
        self.assertEqual([], self.console(b"\n", 0))

"""Files whatever else goes on, for all three clients, against the installed daemon."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

from actionhero_tcp.client import (
    TLS,
    AnswerError,
    CallError,
    CallTimeout,
    Client,
    ConnectionLost,
    aio,
    blocking,
)
from tests.support import PATIENCE, Daemon
from tests.support.integration import prepared_daemon
from tests.support.nodes import Proxy
from tests.unit.client.test_protocol import CONTENTS

ACTIONS = """
from twisted.internet.task import deferLater

from actionhero_tcp import action, before_action


@action
async def babble(api, connection):
    while True:
        api.rooms.say("defaultRoom", "hello")
        await deferLater(api.reactor, 0.002)


@before_action("file")
async def think(api, connection, call):
    await deferLater(api.reactor, 0.02)
"""

REFUSE = """
from actionhero_tcp import ActionError, before_action


@before_action("actionsView")
def refuse(api, connection, call):
    raise ActionError("log in first")
"""

LARGE = random.Random(7).randbytes(1_000_000)
NAMES = ("text", "looks like answers", "binary", "empty")

FILES = {
    **{f"public/{name}": CONTENTS[name] for name in NAMES},
    "public/large": LARGE,
    "actions/some.py": ACTIONS,
}


class FileTestCase(TestCase):
    """Tests with a daemon each, for TCP and for TLS."""

    timeout = 4 * PATIENCE

    def start(
        self, *options: str, files: dict[str, Any] = FILES, pair: str = ""
    ) -> tuple[Daemon, TLS | bool]:
        """A daemon that lives as long as the test, and how to speak to it."""
        stack = ExitStack()
        self.addCleanup(stack.close)
        options = ("--announce-limit=0", "--action-timeout=600", *options)
        running = stack.enter_context(prepared_daemon(files, *options, pair=pair))
        tls = TLS(ca_file=str(running.folder / "certs" / "server-cert.pem")) if pair else False
        return running, tls

    def babble(self, running: Daemon, tls: TLS | bool) -> None:
        """Has the room spoken to without a pause."""
        client = blocking.Client("localhost", running.port, tls=tls)
        client.connect()
        self.addCleanup(client.close)
        with self.assertRaises(CallTimeout):
            client.action("babble", timeout=0.05)

    def twisted(
        self, use: Callable[[Any], Awaitable[None]], port: int, tls: TLS | bool
    ) -> Deferred[None]:
        """Has the client for Twisted used."""
        client = Client("localhost", port, tls=tls, timeout=PATIENCE, retry=lambda _: 0.02)

        async def run() -> None:
            async with client:
                await use(client)

        return ensureDeferred(run())

    def asyncio(self, use: Callable[[Any], Awaitable[None]], port: int, tls: TLS | bool) -> None:
        """Has the client for asyncio used."""

        async def run() -> None:
            async with (
                asyncio.timeout(4 * PATIENCE),
                aio.Client(
                    "localhost", port, tls=tls, timeout=PATIENCE, retry=lambda _: 0.02
                ) as client,
            ):
                await use(client)

        asyncio.run(run())


class ChatterTests(FileTestCase):
    """A room that speaks while a hook and a rate limit delay each request for a file."""

    def listen(self, client: Any) -> list[Any]:
        """What others say from now on."""
        said: list[Any] = []
        client.on_say = said.append
        return said

    async def fetch(self, client: Any) -> None:
        said = self.listen(client)
        asked = [(name, client.file(name)) for name in NAMES]
        for name, file in asked:
            self.assertEqual(CONTENTS[name], await file, name)
        await client.file("text")
        self.assertGreater(len(said), 5)

    def fetch_and_wait(self, port: int, tls: TLS | bool) -> None:
        with blocking.Client("localhost", port, tls=tls, timeout=PATIENCE) as client:
            said = self.listen(client)
            for name in NAMES:
                self.assertEqual(CONTENTS[name], client.file(name), name)
            client.file("text")
            self.assertGreater(len(said), 5)

    async def check(self, pair: str) -> None:
        running, tls = self.start("--request-rate=4", pair=pair)
        self.babble(running, tls)
        await self.twisted(self.fetch, running.port, tls)
        self.asyncio(self.fetch, running.port, tls)
        self.fetch_and_wait(running.port, tls)

    def test_tcp(self) -> Deferred[None]:
        return ensureDeferred(self.check(""))

    def test_tls(self) -> Deferred[None]:
        return ensureDeferred(self.check("ec"))


class RawTests(FileTestCase):
    """A server that does not say whether it sends headers: files come raw, between marks."""

    async def fetch(self, client: Any) -> None:
        for name in NAMES:
            self.assertEqual(CONTENTS[name], await client.file(name), name)
        parts: list[bytes] = []
        self.assertEqual(len(LARGE), await client.file("large", parts.append))
        self.assertEqual(LARGE, b"".join(parts))
        with self.assertRaises(AnswerError):
            await client.file("nope")
        with self.assertRaises(CallError):
            await client.file("large", offset=7)

    async def check(self, pair: str) -> None:
        files = {**FILES, "actions/refuse.py": REFUSE}
        running, tls = self.start(files=files, pair=pair)
        await self.twisted(self.fetch, running.port, tls)
        self.asyncio(self.fetch, running.port, tls)
        with blocking.Client("localhost", running.port, tls=tls, timeout=PATIENCE) as client:
            self.assertEqual(CONTENTS["looks like answers"], client.file("looks like answers"))
            self.assertEqual(LARGE, client.file("large"))

    def test_tcp(self) -> Deferred[None]:
        return ensureDeferred(self.check(""))

    def test_tls(self) -> Deferred[None]:
        return ensureDeferred(self.check("ec"))


class ResumeTests(FileTestCase):
    """Connections that are lost again and again in the middle of a file."""

    def proxy(self, running: Daemon) -> Proxy:
        """A proxy that cuts each connection after 300,000 bytes."""
        proxy = Proxy(running.port)
        self.addCleanup(proxy.close)
        proxy.cut_after = 300_000
        return proxy

    async def fetch(self, client: Any) -> None:
        seen: list[Any] = []
        parts: list[bytes] = []

        def progress(*how_far: int | None) -> None:
            seen.append(how_far)

        size = await client.file("large", parts.append, progress=progress)
        self.assertEqual((len(LARGE), LARGE), (size, b"".join(parts)))
        self.assertEqual(((size, size), sorted(seen)), (seen[-1], seen))
        self.assertEqual(LARGE, await client.file("large"))

    def fetch_and_wait(self, port: int, tls: TLS | bool) -> None:
        client = blocking.Client("localhost", port, tls=tls, timeout=PATIENCE)
        self.addCleanup(client.close)
        content, losses = b"", 0
        parts: list[bytes] = []
        while len(content) < len(LARGE):
            client.connect()
            try:
                client.file(
                    "large", parts.append, offset=len(content), digest=hashlib.sha256(content)
                )
            except ConnectionLost:
                losses += 1
            content = b"".join(parts)
        self.assertEqual(LARGE, content)
        self.assertGreater(losses, 2)

    async def check(self, pair: str) -> None:
        running, tls = self.start(pair=pair)
        proxy = self.proxy(running)
        await self.twisted(self.fetch, proxy.port, tls)
        self.asyncio(self.fetch, proxy.port, tls)
        self.fetch_and_wait(proxy.port, tls)
        self.assertGreater(proxy.cuts, 10)

    def test_tcp(self) -> Deferred[None]:
        return ensureDeferred(self.check(""))

    def test_tls(self) -> Deferred[None]:
        return ensureDeferred(self.check("ec"))

"""A real Redis for tests."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import hiredis
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.endpoint import TlsFiles
from actionhero_tcp.redis.link import RedisLink
from actionhero_tcp.redis.protocol import Command, RedisError
from tests.support import PATIENCE, WITH_PARENT, wait_for
from tests.support.ports import ReservedPort


class RedisServer:
    """A `redis-server` on a port of its own, which can be stopped, hung and started again.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        options: Its options.
    """

    def __init__(self, *options: str) -> None:
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        self.options = options
        self.folder = tempfile.mkdtemp()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, for `redis.url`."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it, empty."""
        self.run("--save", "", "--appendonly", "no", *self.options)

    def run(self, *arguments: str) -> None:
        """Starts the program on the reserved port, and waits until it answers.

        Args:
            arguments: What comes before the port and the address.
        """
        address = ["--port", str(self.port), "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(
            [*WITH_PARENT, "redis-server", *arguments, *address],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self.answers, f"an answer of redis-server on port {self.port}")

    def answers(self) -> bool:
        """Whether it answers anything at all."""
        with contextlib.suppress(OSError), self._connect() as stream:
            stream.sendall(b"PING\r\n")
            return bool(stream.recv(1))
        return False

    def ask(self, *command: str) -> bytes:
        """The raw reply to a command."""
        with self._connect() as stream:
            words = [word.encode() for word in command]
            parts = [b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(w), w) for w in words)]
            stream.sendall(b"".join(parts) + b"PING\r\n")
            reply = b""
            while not reply.endswith(b"+PONG\r\n"):
                chunk = stream.recv(65536)
                assert chunk, reply
                reply += chunk
        return reply.removesuffix(b"+PONG\r\n")

    def keys(self) -> list[str]:
        """All its keys, sorted."""
        lines = self.ask("KEYS", "*").decode().split("\r\n")
        return sorted(lines[2::2])

    def send(self, number: int) -> None:
        """Sends it a signal: SIGSTOP hangs it, SIGCONT lets it go on."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Ends it at once; what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.send_signal(signal.SIGCONT)
            self.process.wait()
            self.process = None

    def close(self) -> None:
        """Ends it for good."""
        self.kill()
        self._reserved.release()
        shutil.rmtree(self.folder)

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)


class BlockingLink:
    """A `RedisLink` for tests without a reactor: a call blocks until its reply is there."""

    def __init__(self, server: RedisServer) -> None:
        self._stream = server._connect()
        self._reader = hiredis.Reader()
        self.close = self._stream.close

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """See `RedisLink.call`; the Deferred has fired."""
        self._stream.sendall(hiredis.pack_command(command))
        while (reply := self._reader.gets()) is False:
            chunk = self._stream.recv(65536)
            assert chunk, "Redis has hung up"
            self._reader.feed(chunk)
        if isinstance(reply, hiredis.ReplyError):
            return fail(RedisError(str(reply)))
        return succeed(reply)

    def call_cache(self, command: Command, on_done: Callable[[], object]) -> Deferred[Any]:
        """See `RedisLink.call_cache`."""
        on_done()
        return self.call(*command)


@contextlib.contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """A running Redis."""
    server = RedisServer(*options)
    try:
        server.start()
        yield server
    finally:
        server.close()


class RedisTestCase(TestCase):
    """Tests of the line to a Redis of their own, which they start themselves."""

    timeout = 60

    def setUp(self) -> None:
        self.server = RedisServer()
        self.addCleanup(self.server.close)
        self.events: list[str] = []
        self.heard: list[tuple[bytes, bytes]] = []

    def link(self, url: str = "", tls: TlsFiles | None = None) -> RedisLink:
        """A link that is started, and stopped when the test ends."""
        link = RedisLink(RedisAddress.parse(url or self.server.url), reactor, tls=tls)
        link.report_to(
            lambda: self.events.append("came"),
            lambda: self.events.append("went"),
            lambda channel, message: self.heard.append((channel, message)),
        )
        link.start()
        self.addCleanup(self.until, lambda: link.is_idle)
        self.addCleanup(link.stop)
        return link

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for something."""
        while not condition():
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]

    async def failure(self, call: Deferred[Any]) -> str:
        """How a call fails."""
        with self.assertRaises(RedisError) as context:
            await call
        return str(context.exception)

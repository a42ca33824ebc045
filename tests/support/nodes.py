"""Several real nodes with a real Redis, what may come between them, and clients of all."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from tests.support import PATIENCE, Daemon, wait_for
from tests.support.integration import WELCOME, Talker, prepared_daemon, request, without_requests
from tests.support.redis_server import RedisServer

ACTIONS = """
from actionhero_tcp import action


@action
def logIn(api, connection, *, team: str):
    connection.attributes["team"] = team


@action
def announce(api, connection, *, room: str, text: str):
    api.rooms.say(room, text)


@action
def enrol(api, connection, *, client: str, room: str):
    return {"known": api.rooms.join(client, room)}


@action
def dismiss(api, connection, *, client: str, room: str):
    return {"known": api.rooms.leave(client, room)}


@action
def command(api, connection, *, room: str, text: str, but: str = ""):
    api.rooms.broadcast(room, text, context="command", exclude=but)


@action
async def keep(api, connection, *, key: str, value: str):
    return {"kept": await api.cache.save(key, value)}


@action
async def fetch(api, connection, *, key: str):
    entry = await api.cache.load(key)
    return {"value": entry and entry.value, "size": await api.cache.size()}


@action
def whisper(api, connection, *, to: str, text: str):
    return {"sent": api.send_socket_message(to, {"whisper": text})}
"""

ENTERED = "I have entered the room"
LEFT = "I have left the room"

PROMISED = 15.0
"""Seconds after which all is consistent again, which only `make faults` checks: a machine that is
busy makes it longer."""


class Member(Talker):
    """A client that keeps what it hears apart from the answers that it gets.

    Attributes:
        node: Its node.
        name: Its id.
        sent: How many lines it has sent.
        heard: All that it has heard since the last `forget`, in order.
    """

    def __init__(self, node: Daemon, room: str) -> None:
        super().__init__(node.connect())
        self.node = node
        self.sent = 0
        self.heard: list[dict[str, Any]] = []
        assert self.line() == WELCOME
        answer = self.ask(f"roomChange {room}")
        assert answer.get("room") == room, answer
        self.name = self.id()

    def send(self, data: bytes) -> None:
        """Sends whole lines."""
        self.sent += data.count(b"\n")
        super().send(data)

    def ask(self, line: str) -> dict[str, Any]:
        """Sends a line, and gives the answer to it."""
        self.send(line.encode() + b"\n")
        while (message := self.message()).get("messageCount") != self.sent:
            if message["context"] != "response":
                self.heard.append(message)
        return message

    def catch_up(self) -> None:
        """Reads all that its node has sent it so far."""
        self.ask("paramsView")

    def forget(self) -> None:
        """Forgets what it has heard."""
        self.catch_up()
        self.heard.clear()

    @property
    def members(self) -> list[str]:
        """The members of its room, sorted, as its node knows them."""
        found: list[str] = self.ask("roomView")["roomStatus"]["members"]
        return sorted(found)

    @property
    def status(self) -> dict[str, Any]:
        """The status of its node."""
        found: dict[str, Any] = self.ask(request("status"))["stats"]
        return found

    def words(self, speaker: Member) -> list[str]:
        """What it has heard of a speaker, announcements included."""
        self.catch_up()
        return [each["message"] for each in self.heard if each["from"] == speaker.name]


class Nodes:
    """Some nodes with one Redis.

    Args:
        stack: Ends all of it.
        count: How many nodes.
        options: More options of each.
        proxied: Whether each reaches Redis through a proxy of its own.
        login: The user and the password that they log in to Redis with.
        redis: The Redis; one of its own, that runs, by default.

    Attributes:
        redis: The Redis.
        proxies: The proxies, one for each node.
        running: The nodes.
    """

    def __init__(
        self,
        stack: ExitStack,
        count: int = 3,
        *options: str,
        proxied: bool = False,
        login: str = ":",
        redis: Any = None,
    ) -> None:
        self.redis: Any = redis or RedisServer()
        stack.callback(self.redis.close)
        if redis is None:
            self.redis.start()
        self.proxies: list[Proxy] = []
        self.running: list[Daemon] = []
        self._stack = stack
        for _ in range(count):
            url = self._url(proxied, login)
            self.running.append(self.start("--redis", url, *options))

    def _url(self, proxied: bool, login: str) -> str:
        """Where a new node finds Redis."""
        if not proxied and login == ":":
            url: str = self.redis.url
            return url
        port = self.redis.port
        if proxied:
            self.proxies.append(Proxy(port))
            self._stack.callback(self.proxies[-1].close)
            port = self.proxies[-1].port
        return f"redis://{login}@127.0.0.1:{port}"

    def start(self, *options: str) -> Daemon:
        """Another node."""
        return self._stack.enter_context(
            prepared_daemon({"actions/cluster.py": ACTIONS}, "--no-log-requests", *options)
        )

    def member(self, index: int, room: str = "r") -> Member:
        """A new client of a node."""
        member = Member(self.running[index], room)
        self._stack.callback(member.close)
        return member

    def members(self, each: int = 2, room: str = "r") -> list[Member]:
        """New clients of all nodes, so many of each, who know of each other."""
        found = [
            self.member(index, room) for index in range(len(self.running)) for _ in range(each)
        ]
        self.agree(found)
        for member in found:
            member.forget()
        return found

    def agree(self, members: Sequence[Member], what: str = "") -> float:
        """Waits until all these, and no others, are in every one's list.

        Returns:
            How many seconds it took.
        """
        begin = time.monotonic()
        expected = sorted(member.name for member in members)
        wait_for(
            lambda: all(member.members == expected for member in members),
            f"{len(members)} members who know of each other {what}",
        )
        return time.monotonic() - begin

    def assert_well(self) -> None:
        """No node has ended, or logged a traceback."""
        for node in self.running:
            log = without_requests(node.log)
            assert node.process.poll() is None, log
            assert "Traceback" not in log, log
            assert "Unhandled" not in log, log


def converse(members: Sequence[Member], label: str, each: int = 5) -> None:
    """All talk, and all others hear all of it, once and in order."""
    for number in range(each):
        for index, member in enumerate(members):
            member.ask(f"say {label} {index} {number}")
    for listener in members:
        for index, speaker in enumerate(members):
            if speaker is not listener:
                expected = [f"{label} {index} {number}" for number in range(each)]
                wait_for(
                    lambda s=speaker, x=listener, e=expected: (
                        of(x.words(s), label)[: each + 1] == e
                    ),
                    f"{expected[0]!r} and so on at {listener.name}",
                )
        assert not listener.words(listener), "an echo"


def of(words: Sequence[str], label: str) -> list[str]:
    """Those that begin with a label."""
    return [word for word in words if word.startswith(f"{label} ")]


def assert_nothing_doubled(members: Sequence[Member]) -> None:
    """Nobody has heard twice what was said once: here no two say the same."""
    for member in members:
        member.catch_up()
        said = [
            (each["from"], each["message"])
            for each in member.heard
            if each["message"] not in (ENTERED, LEFT)
        ]
        assert len(said) == len(set(said)), said


class Proxy:
    """A TCP proxy between a node and Redis, which can stall, cut and delay.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        stalled: Whether nothing passes.
        delay: Seconds after which what comes is passed on.
        cut_after: After so many bytes to the node each connection is cut; 0 for never.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.stalled = False
        self.delay = 0.0
        self.cut_after = 0
        self.cuts = 0
        self._closed = False
        self._pairs: list[_Pair] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Cuts all connections."""
        for pair in tuple(self._pairs):
            pair.doomed = True

    def close(self) -> None:
        """Ends it."""
        self._closed = True
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._closed:
            streams = [stream for pair in self._pairs for stream in pair.streams]
            waiting = [] if self.stalled else [self._listener, *streams]
            ready, _, _ = select.select(waiting, [], [], 0.005)
            if self._listener in ready:
                self._accept()
            for pair in tuple(self._pairs):
                self._serve(pair, ready)
        for stream in [self._listener, *(s for pair in self._pairs for s in pair.streams)]:
            stream.close()

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._target), PATIENCE)
        except OSError:
            near.close()
        else:
            self._pairs.append(_Pair(near, far))

    def _serve(self, pair: _Pair, ready: list[Any]) -> None:
        try:
            for stream in pair.streams:
                if stream in ready:
                    pair.read(stream, time.monotonic() + self.delay)
            if not self.stalled:
                pair.write(self.cut_after)
        except (OSError, EOFError):
            pair.doomed = True
        if pair.doomed:
            self.cuts += 1
            self._pairs.remove(pair)
            for stream in pair.streams:
                stream.close()


class _Pair:
    """A connection of the node, and the one to Redis that belongs to it."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.streams = (near, far)
        self.doomed = False
        self._near, self._far = near, far
        self._queue: list[tuple[float, socket.socket, bytes]] = []
        self._passed = 0

    def read(self, stream: socket.socket, due: float) -> None:
        """Takes what has come."""
        data = stream.recv(65536)
        if not data:
            raise EOFError
        self._queue.append((due, self._far if stream is self._near else self._near, data))

    def write(self, cut_after: int) -> None:
        """Passes on what is due; cuts where it is time to."""
        now = time.monotonic()
        while self._queue and self._queue[0][0] <= now:
            _, stream, data = self._queue.pop(0)
            if cut_after and stream is self._near:
                data = data[: max(0, cut_after - self._passed)]
                self._passed += len(data)
                self.doomed = self._passed >= cut_after
            stream.sendall(data)


@contextlib.contextmanager
def nodes(count: int = 3, *options: str, **more: Any) -> Iterator[Nodes]:
    """Some nodes that end with the context."""
    with ExitStack() as stack:
        yield Nodes(stack, count, *options, **more)

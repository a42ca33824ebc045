"""Clients for the soak: each does what clients do, at random, and keeps account of it."""

from __future__ import annotations

import json
import random
import re
import socket
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.crowd import Crowd, Peer
from tests.faults.fuzz import Source
from tests.faults.ledger import Ledger, Visit
from tests.support.integration import WELCOME, request

ENTERED = "I have entered the room"
LEFT = "I have left the room"

_SAID = re.compile(
    rb'\{"message":"(\d+) (\d+) x*","room":"[^"]*","from":"([0-9a-f]{32})",'
    rb'"context":"user","sentAt":\d{13}\}'
)

_payload = random.Random(12).randbytes


def _file(name: str, size: int) -> bytes:
    """A file's content: a line that says what it is, and bytes that look like anything."""
    looks = b'\r\n{"context":"response","messageCount":1}\r\n'
    content = _payload(size // 2) + looks + _payload(size // 2)
    return b"FILE %b %d\n" % (name.encode(), len(content)) + content


FILES = {name: _file(name, size) for name, size in (("small", 2_000), ("large", 300_000))}


@dataclass
class Account:
    """What the bots of a soak share.

    Attributes:
        whole: Whether a connection is closed as a whole, as over TLS and WebSocket.
        rooms: How many rooms they talk in.
        chance: Where their choices come from.
        ledger: Who said what, and who heard it.
        counts: How often something was done.
    """

    whole: bool
    rooms: int
    chance: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    counts: Counter[str] = field(default_factory=Counter)


Then = Callable[[dict[str, Any]], None]
"""What is done with an answer; raises AssertionError where it is not the right one."""


class Bot(Peer):
    """One client.

    Attributes:
        id: Its id, once it knows it.
        waiting: What is to be done with the answers that are still to come, by their numbers.
        settled: Whether it knows who is in its room, and has not asked for another.
        leaving: Whether it has said that it goes.
        stalled: Whether it does not read for a while.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket, account: Account) -> None:
        super().__init__(crowd, stream)
        self.id = ""
        self.waiting: dict[int, Then] = {}
        self.action_done = self.leaving = self.stalled = False
        self._account = account
        self._chance = account.chance
        self._requests = self._visits = self._said = 0
        self._visit: Visit | None = None
        self._welcomed = False
        self._buffer = b""
        self._files: deque[tuple[int, bytes]] = deque()
        self.ask("detailsView", self._introduced)
        self.change_room()

    # Asking

    def ask(self, line: str | bytes, then: Then) -> None:
        """Sends a line."""
        self._requests += 1
        self.waiting[self._requests] = then
        self.send((line.encode() if isinstance(line, str) else line) + b"\n")

    def act(self) -> None:
        """Does one of the things that clients do."""
        (act,) = self._chance.choices(ACTS, WEIGHTS)
        self._account.counts[act.__name__] += 1
        act(self)

    def say(self) -> None:
        """Says something in its room."""
        assert self._visit is not None
        filler = "x" * int(self._chance.random() * 200)
        self.ask(f"say {self._visit.number} {self._said} {filler}", self._has_said)
        self._said += 1

    def say_much(self) -> None:
        """Says many things at once."""
        for _ in range(20):
            self.say()

    def change_room(self) -> None:
        """Goes to another room, and looks who is there."""
        self.action_done = False
        room = f"room{self._chance.randrange(self._account.rooms)}"
        self.ask(f"roomChange {room}", self._left_room)
        self.ask("roomView", self._saw_room)

    def use_params(self) -> None:
        """Sets a param and looks at it."""
        value = str(self._chance.random())
        self.ask(f"paramAdd key={value}", _is_ok)
        self.ask("paramView key", _has(params={"key": value}))

    def run_action(self) -> None:
        """Asks for an action that answers at once."""
        self.ask(request("randomNumber"), _has_key("randomNumber"))

    def use_cache(self) -> None:
        """Saves, loads and deletes."""
        value = str(self._chance.random())
        expected = {
            **{"key": self.id, "value": value, "saveResp": "new record"},
            **{"loadResp": value, "deleteResp": True},
        }
        line = request("cacheTest", key=self.id, value=value)
        self.ask(line, _has(cacheTestResults=expected))

    def sleep(self) -> None:
        """Asks for an action that takes its time."""
        duration = self._chance.randrange(1, 50)
        self.ask(request("sleepTest", sleepDuration=duration), _has(sleepDuration=duration))

    def fetch_file(self) -> None:
        """Fetches a file, and right behind it something else."""
        name = self._chance.choice(("small", "small", "large"))
        self.ask(request("file", fileName=name), _never)
        self._files.append((self._requests, FILES[name]))
        self.ask("paramView nothing", _has(params={}))

    def err(self) -> None:
        """Sends what is an error."""
        self.ask(self._chance.choice(ERRORS), _has_key("error"))

    # Faults

    def stall(self) -> None:
        """Reads no more until it is woken, and goes on asking."""
        self.stalled = True
        self.pause()
        for _ in range(3):
            self.fetch_file()

    def wake(self) -> None:
        """Reads again."""
        self.stalled = False
        self.resume()

    def crash(self) -> None:
        """Is gone in mid-line."""
        self.send(self._chance.choice((b"say 0 1", b'{"action":"sleepTe', b"x" * 50_000)))
        self.reset()

    def quit(self) -> None:
        """Says goodbye, with an action still running."""
        self.sleep()
        self.ask("quit", _has(status="Bye!"))
        self.leaving = True

    def half_close(self) -> None:
        """Sends no more, and waits for its answers, where the transport knows such a thing."""
        if self._account.whole:
            self.quit()
        else:
            self.sleep()
            self.leaving = True
            self.finish()

    # Getting

    def received(self, data: bytes) -> None:
        """Takes lines and files out of what came."""
        self._buffer += data
        while self._buffer and not self.end:
            if self._files and self._buffer.startswith(b"F"):
                number, content = self._files[0]
                if len(self._buffer) < len(content):
                    return
                assert self._buffer.startswith(content), "the content of a file differs"
                self._buffer = self._buffer[len(content) :]
                self._files.popleft()
                del self.waiting[number]
            elif self._files:
                line, end, rest = self._buffer.partition(b"\r\n")
                if not end:
                    return
                self._buffer = rest
                self._line(line)
            else:
                *lines, self._buffer = self._buffer.split(b"\r\n")
                for line in lines:
                    self._line(line)
                return

    def _line(self, line: bytes) -> None:
        if match := _SAID.fullmatch(line):
            visit, number, speaker = match.groups()
            self._account.ledger.hears(self.id, speaker.decode(), int(visit), int(number))
            return
        if not self._welcomed:
            assert line == WELCOME, line
            self._welcomed = True
            return
        message = json.loads(line.decode())
        if message["context"] == "response":
            then = self.waiting.pop(message["messageCount"], None)
            assert then is not None, f"{line!r} answers nothing, or what was answered before"
            self._account.counts["answers"] += 1
            then(message)
        else:
            assert message["context"] == "user", line
            if self._visit is not None and message["message"] == ENTERED:
                self._visit.entered(message["from"])
            elif self._visit is not None and message["message"] == LEFT:
                self._visit.left(message["from"])

    def _introduced(self, answer: dict[str, Any]) -> None:
        self.id = answer["details"]["public"]["id"]
        self._account.ledger.joins(self.id)

    def _left_room(self, answer: dict[str, Any]) -> None:
        _is_ok(answer)
        self._end_visit()

    def _saw_room(self, answer: dict[str, Any]) -> None:
        members = answer["roomStatus"]["members"]
        assert self.id in members, answer
        self._visits += 1
        self._said = 0
        self._visit = self._account.ledger.visit(self.id, self._visits, members)
        self.action_done = True

    def _has_said(self, answer: dict[str, Any]) -> None:
        _is_ok(answer)
        assert self._visit is not None
        self._visit.said += 1

    def _end_visit(self) -> None:
        if self._visit is not None:
            self._account.ledger.ends(self._visit)
            self._visit = None

    def ended(self) -> None:
        """It is gone: with all its answers, if it did not crash."""
        crashed = self.end == "left"
        self._account.counts["gone"] += 1
        if not crashed:
            assert self.leaving and self.end == "closed", f"the connection was {self.end}"
            assert not self.waiting, f"{len(self.waiting)} requests without an answer"
            assert not self._buffer, self._buffer[:100]
        self._end_visit()
        if self.id:
            self._account.ledger.leaves(self.id, crashed)


def _has(**fields: Any) -> Then:
    def check(answer: dict[str, Any]) -> None:
        for key, value in fields.items():
            assert answer.get(key) == value, f"{answer} where {key} should be {value}"

    return check


def _has_key(key: str) -> Then:
    def check(answer: dict[str, Any]) -> None:
        assert key in answer, f"{answer} has no {key}"

    return check


def _never(answer: dict[str, Any]) -> None:
    raise AssertionError(f"{answer} instead of a file")


_is_ok = _has(status="OK")

ERRORS = (
    b"noSuchAction",
    b"paramAdd",
    b"say",
    b"paramAdd key=\xff\xfe",
    b'{"action":"randomNumber"',
    b'{"action":"cacheTest"}',
    b"x" * 70_000,
)

CHOICES: tuple[tuple[Callable[[Bot], None], int], ...] = (
    (Bot.say, 400),
    (Bot.say_much, 10),
    (Bot.change_room, 30),
    (Bot.use_params, 100),
    (Bot.run_action, 150),
    (Bot.use_cache, 100),
    (Bot.sleep, 100),
    (Bot.fetch_file, 30),
    (Bot.err, 40),
    (Bot.stall, 8),
    (Bot.crash, 10),
    (Bot.quit, 10),
    (Bot.half_close, 10),
)
ACTS, WEIGHTS = zip(*CHOICES, strict=True)


class Junkie(Peer):
    """Sends junk, and crashes."""

    def __init__(self, crowd: Crowd, stream: socket.socket, source: Source, chunks: int) -> None:
        super().__init__(crowd, stream)
        self.send(b"\n".join(source.next() for _ in range(chunks)))

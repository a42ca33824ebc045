"""What several test modules use: stand-ins, a client without a network, a real daemon."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from hypothesis import settings
from twisted.internet.testing import Clock, MemoryReactorClock, StringTransportWithDisconnection

from actionhero_tcp.app.cache import LocalCache
from actionhero_tcp.app.hook_runner import Hooks
from actionhero_tcp.config import configuration
from actionhero_tcp.config.settings import LiveSettings, Settings
from actionhero_tcp.connection.connected_client import ConnectedClient
from actionhero_tcp.connection.memory import Account, MemoryBudget
from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.daemon.systemd import Notifier
from actionhero_tcp.dispatch.commands import Commands
from actionhero_tcp.dispatch.time_limits import TimeLimit
from actionhero_tcp.embedding.composition import Composition, build
from actionhero_tcp.logs.param_filter import ParamFilter
from actionhero_tcp.net import tls
from actionhero_tcp.server.platform import Platform
from actionhero_tcp.server.protocol import ActionHeroProtocol
from actionhero_tcp.server.service import ActionHeroService
from actionhero_tcp.stats import Stats
from tests.support.ports import reserved_port

PROPERTY = settings(max_examples=200)
"""For property tests; see `tests.PROFILE` for the rest of their settings."""

ROOT = Path(__file__).parent.parent.parent
TWISTD = Path(sys.executable).parent / "twistd"

PATIENCE = 60.0
"""Seconds after which something that a test waits for is taken to have failed."""

WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
"""Before a command: its process is killed when the thread that started it ends, be it stopped by
SIGSTOP, and be the tests killed before they can clean up."""


class ListOutlet:
    """An outbox that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.said: list[bytes] = []
        self.files: list[Any] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def send_event(self, data: bytes) -> None:
        self.said.append(data)

    def send_file(self, reader: Any) -> None:
        self.files.append(reader)

    def hold(self) -> Any:
        raise NotImplementedError

    def wait(self) -> None:
        return None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All answers, parsed."""
        return [json.loads(line) for line in self.sent]

    @property
    def heard(self) -> list[dict[str, Any]]:
        """All that others said, parsed."""
        return [json.loads(line) for line in b"".join(self.said).splitlines()]


class StubMembership:
    """Whoever takes clients into rooms; remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def check(self, room: object) -> None:
        self.asked.append(("check", room))

    def join(self, client: Client, room: str) -> bool:
        self.asked.append(("join", client, room))
        return True

    def leave(self, client: Client, room: str) -> bool:
        self.asked.append(("leave", client, room))
        return True


class StubOwner:
    """Whoever holds the transport; remembers what it was told."""

    def __init__(self) -> None:
        self.rooms = StubMembership()
        self.closed: list[str] = []
        self.settlements = 0

    def close(self, reason: str) -> None:
        self.closed.append(reason)

    def action_done(self) -> None:
        self.settlements += 1


class Writer:
    """A transport that keeps each write, and pauses its producer after some of them.

    Attributes:
        writes: What was written, write by write.
        producer: Who is registered.
        room: How many writes it takes before it pauses its producer, at every write.
    """

    def __init__(self, room: int = 1_000_000) -> None:
        self.writes: list[bytes] = []
        self.producer: Any = None
        self.streaming: bool | None = None
        self.room = room

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self.room -= 1
        if self.room <= 0 and self.producer is not None:
            self.producer.pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self.producer is None
        self.producer, self.streaming = producer, streaming

    def unregisterProducer(self) -> None:
        self.producer = None


class FakeSocket:
    """A socket that takes what its script says.

    Attributes:
        script: For each send: how many bytes it takes, or the errno it fails with, negative.
            After its end everything is taken.
        taken: What it has taken, send by send.
    """

    family = socket.AF_INET

    def __init__(self, script: Iterable[int] = ()) -> None:
        self.script = list(script)
        self.taken: list[bytes] = []
        self.offered: list[int] = []
        self.options: dict[tuple[int, int], int] = {}
        self.error = 0
        self.shut: list[int] = []

    def send(self, data: Any) -> int:
        self.offered.append(len(data))
        size = self.script.pop(0) if self.script else len(data)
        if size < 0:
            raise OSError(-size, os.strerror(-size))
        self.taken.append(bytes(data[:size]))
        return min(size, len(data))

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self.options[level, option] = value

    def getsockopt(self, level: int, option: int) -> int:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR)
        return self.error

    def setblocking(self, blocking: bool) -> None:
        assert not blocking

    def shutdown(self, how: int) -> None:
        self.shut.append(how)

    def fileno(self) -> int:
        return -1

    def setsockopt_fails(self, *_: int) -> None:
        raise OSError(errno.EINVAL, "no")

    def close(self) -> None:
        """Nothing to close."""


class OutboxOwner:
    """Whoever an outbox tells; remembers what, in order, and how often that it is full."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.filled = 0

    def outbox_blocked(self) -> None:
        self.told.append("blocked")

    def outbox_filled(self) -> None:
        self.filled += 1

    def outbox_drained(self) -> None:
        self.told.append("drained")

    def outbox_file_cut(self, error: Exception) -> None:
        self.told.append(f"cut: {error}")

    def outbox_overflowed(self) -> None:
        self.told.append("overflowed")


class Soon:
    """The reactor's next pass, by hand."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def __call__(self, call: Callable[[], None]) -> None:
        self.calls.append(call)

    def one_pass(self) -> int:
        calls, self.calls = self.calls, []
        for call in calls:
            call()
        return len(calls)

    def run(self) -> None:
        while self.one_pass():
            pass


def make_live(values: dict[tuple[str, str], Any] | None = None) -> LiveSettings:
    """The settings in force that have these values, by (section, field)."""
    return LiveSettings(Settings(configuration.build(values or {})))


def make_certificates(files: Iterable[object]) -> tls.Certificates:
    """Certificates of these files: a key, its certificate, and perhaps authorities."""
    context = tls.load(*map(str, files))
    return tls.Certificates(lambda: context)


def make_commands(rooms: Any, values: dict[tuple[str, str], Any] | None = None) -> Commands:
    """The verbs, with no hooks around them, in settings of these values."""
    live = make_live(values)
    hooks = Hooks(ParamFilter(()), live, Clock())
    return Commands(rooms, live, hooks, WriteBatch(lambda call: None))


def make_connection() -> ConnectedClient:
    """A connection with a `ListOutlet` and a `StubOwner`."""
    return ConnectedClient(ListOutlet(), StubOwner(), "127.0.0.1:4321", make_account())


def make_budget(**limits: int) -> MemoryBudget:
    """A memory budget with these limits, or with wide ones."""
    wide = {"max_memory": 1 << 40, "max_connection_memory": 1 << 40}
    live = make_live({("limits", name): value for name, value in {**wide, **limits}.items()})
    return MemoryBudget(live, 1, Clock(), Stats())


def make_account() -> Account:
    """An account of a budget of its own."""
    return make_budget().account()


class Reactor(MemoryReactorClock):
    """A reactor without a network, whose threads are its tests' business."""

    running = True

    def __init__(self) -> None:
        super().__init__()
        self.hasRun = True

    def callFromThread(self, call: Any, *args: Any) -> None:
        call(*args)


def scheduled(reactor: Any) -> list[Any]:
    """The delayed calls that are to come to something.

    The timers of time limits and of the cache stay for a while with nothing to end.
    """
    return [each for each in reactor.getDelayedCalls() if not _is_idle(each.func)]


def _is_idle(call: Any) -> bool:
    owner = getattr(call, "__self__", None)
    if isinstance(owner, TimeLimit):
        return not owner._ends
    return isinstance(owner, LocalCache) and not owner._expiries


def make_platform(reactor: Any, **calls: Any) -> Platform:
    """The process around a server: nothing is told, and no start fails."""
    return Platform(reactor, Notifier(reactor), **{"fail": lambda error: None, **calls})


def make_service(
    values: dict[tuple[str, str], Any] | None = None, reactor: Any = None
) -> tuple[ActionHeroService, Any]:
    """The service of `make_server`, and the reactor."""
    server, reactor = make_server(values, reactor)
    return server.service, reactor


def make_server(
    values: dict[tuple[str, str], Any] | None = None, reactor: Any = None
) -> tuple[Composition, Any]:
    """The daemon of a configuration, composed as usual, on a clock that stands still.

    Clients are announced at once, unless the values say otherwise.

    Args:
        values: Values by (section, field), as `config.build` takes them.
        reactor: A reactor of the test's own.

    Returns:
        The server, not started, and the reactor.
    """
    reactor = Reactor() if reactor is None else reactor
    settings = {
        ("log", "requests"): False,
        ("log", "blocked_seconds"): 0.0,
        ("limits", "announce_delay"): 0.0,
        **(values or {}),
    }
    return build(configuration.build(settings), make_platform(reactor)), reactor


class Client:
    """A client of a factory, over a `StringTransportWithDisconnection`."""

    def __init__(self, service: ActionHeroService, reactor: Any) -> None:
        self.reactor = reactor
        protocol = service.factory.buildProtocol(None)
        assert isinstance(protocol, ActionHeroProtocol)
        self.protocol = protocol
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = protocol
        self.prepare(self.transport)
        protocol.makeConnection(self.transport)
        reactor.advance(0)

    def prepare(self, transport: Any) -> None:
        """Gives the transport the ways to close that a `StringTransport` lacks."""
        transport.abortConnection = transport.loseConnection
        transport.loseWriteConnection = transport.loseConnection

    def send(self, data: bytes) -> None:
        """Delivers bytes to the server, in one chunk, and lets it finish its work."""
        self.protocol.dataReceived(data)
        self.reactor.advance(0)

    def raw(self) -> bytes:
        """What the server has sent since the last call."""
        data = self.transport.value()
        self.transport.clear()
        return data

    def lines(self) -> list[dict[str, Any]]:
        """What the server has sent since the last call, parsed."""
        data = self.raw()
        assert not data or data.endswith(b"\r\n"), data
        return [json.loads(line) for line in data.split(b"\r\n")[:-1]]

    def ask(self, line: str) -> dict[str, Any]:
        """Sends one line, and gives the only line that came back."""
        self.raw()
        self.send(line.encode() + b"\n")
        (answer,) = self.lines()
        return answer


class Daemon:
    """A real ``twistd actionhero`` process.

    Attributes:
        port: Where it listens, on 127.0.0.1; 0 where it has no TCP port.
        process: The process.
        folder: Its working folder.
    """

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
        self.process = process
        self.folder = folder
        self.port = port

    @property
    def log(self) -> str:
        """What it has written to standard output and standard error."""
        return (self.folder / "log.txt").read_text()

    def wait_for_log(self, text: str, count: int = 1) -> str:
        """Wait until the log holds a text; a thread writes it, after the event.

        Lines of the server's log keep their order among themselves, as those of the request
        log do. A line of one log says nothing about the other log.

        Args:
            text: What to look for.
            count: How often it has to be there at least.

        Returns:
            The log.
        """
        return cast(
            str,
            wait_for(
                lambda: log if (log := self.log).count(text) >= count else "",
                f"{count} x {text!r} in the log",
            ),
        )

    def connect(self) -> socket.socket:
        """A new TCP connection to it, with a time limit."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends it a signal and waits for its end; gives the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def wait_for(condition: Any, what: str, patience: float = PATIENCE) -> Any:
    """Waits until a condition gives something true, and gives that.

    Args:
        condition: Is called again and again.
        what: What is waited for, for the error.
        patience: Seconds to wait at most.
    """
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.01)
    raise AssertionError(f"waited {patience:g} s in vain for {what}")


@contextmanager
def daemon(
    *options: str,
    folder: str | None = None,
    launcher: Sequence[str] = (),
    descriptors: Sequence[int] = (),
) -> Iterator[Daemon]:
    """A running daemon, on a free port of 127.0.0.1 unless the options say otherwise.

    Args:
        options: More options for ``twistd actionhero``; ``--reactor=`` is one of ``twistd``.
        folder: Its working folder; a new empty one by default.
        launcher: A command that becomes the command which follows it.
        descriptors: What the launcher inherits.
    """
    with tempfile.TemporaryDirectory() as temporary, reserved_port() as port:
        where = Path(folder or temporary)
        reactor = [option for option in options if option.startswith("--reactor=")]
        options = tuple(option for option in options if option not in reactor)
        command = [
            *WITH_PARENT,
            *launcher,
            str(TWISTD),
            *reactor,
            "--nodaemon",
            "--pidfile=",
            "actionhero",
        ]
        command.append("--bind-ip=127.0.0.1")
        if not any(option.startswith("--port") for option in options):
            # Nobody else gets it before this ends, though the daemon may close it earlier.
            command.append(f"--port={port}")
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with open(where / "log.txt", "wb") as log:
            process = subprocess.Popen(
                [*command, *options],
                cwd=where,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=descriptors,
            )
        running = Daemon(process, where, 0)
        try:
            wait_for(lambda: "has started" in running.log or process.poll() is not None, "a start")
            if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", running.log):
                running.port = int(found[1])
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def read_lines(stream: socket.socket, count: int) -> list[bytes]:
    """Reads so many lines from a socket, and checks that nothing follows them as yet."""
    data = b""
    while data.count(b"\r\n") < count:
        chunk = stream.recv(65536)
        assert chunk, f"the connection ended after {data!r}"
        data += chunk
    lines = data.split(b"\r\n")
    assert lines.pop() == b"", data
    assert len(lines) == count, lines
    return lines


def read_all(stream: socket.socket) -> bytes:
    """Reads from a socket until the server closes it."""
    data = b""
    while chunk := stream.recv(65536):
        data += chunk
    return data

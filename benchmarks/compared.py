"""Compares with what people would use otherwise, for the table in README.md.

Each server runs in turn, in rounds, and is asked by the same clients. What counts is its
processor time for each request and each delivery, by the kernel's own clock of its threads, and
its memory for each idle connection. FastAPI is installed into ``build/compared``; NATS comes
from Debian's package; actionHero 29 is set up by `benchmarks.peers`. A peer that cannot be set
up is left out.

Usage: python -m benchmarks.compared
"""

from __future__ import annotations

import base64
import json
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tools.system_packages import need

from . import peers, servers

HERE: Final = Path(__file__).parent
BUILD: Final = HERE / "build" / "compared"
RESULTS: Final = HERE.parent / "docs" / "performance" / "compared.json"

ROUNDS: Final = 5
CLIENTS: Final = 50
REQUESTS_EACH: Final = 200
LISTENERS: Final = 100
MESSAGES: Final = 300
IDLE: Final = 1000

REQUEST: Final = b'{"action":"randomNumber","params":{"a":1}}'
PACKAGES: Final = ("fastapi", "uvicorn", "uvloop", "websockets")


def cpu(server: servers.Server) -> int:
    """Return the processor time of all threads of a server so far, in nanoseconds."""
    tasks = Path(f"/proc/{server.pid}/task")
    return sum(int((each / "schedstat").read_text().split()[0]) for each in tasks.iterdir())


def memory(server: servers.Server) -> int:
    """Return the bytes that a server has resident."""
    pages = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Lines:
    """A client that sends and gets lines."""

    def __init__(self, server: servers.Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), 30)
        self.stream = self.socket.makefile("rb")
        self.greet()

    def greet(self) -> None:
        """Read what the server says at first."""
        self.read()

    def send(self, text: bytes) -> None:
        """Send one message."""
        self.socket.sendall(text + b"\n")

    def read(self) -> bytes:
        """Return the next message."""
        return self.stream.readline()

    def close(self) -> None:
        """Hang up."""
        self.stream.close()
        self.socket.close()


class Frames(Lines):
    """A client over WebSocket."""

    def greet(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while self.stream.readline().strip():
            pass

    def send(self, text: bytes) -> None:
        # A mask of zeros leaves the text as it is.
        self.socket.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)

    def read(self) -> bytes:
        size = self.stream.read(2)[1]
        return self.stream.read(size)


class Subscriber(Lines):
    """A client of NATS."""

    def greet(self) -> None:
        self.stream.readline()
        self.socket.sendall(b'CONNECT {"verbose":false}\r\nSUB room 1\r\nPING\r\n')
        while self.stream.readline() != b"PONG\r\n":
            pass

    def send(self, text: bytes) -> None:
        self.socket.sendall(b"PUB room %d\r\n%s\r\n" % (len(text), text))

    def read(self) -> bytes:
        self.stream.readline()
        return self.stream.readline()


@dataclass(frozen=True)
class Peer:
    """One of the servers that are compared.

    Attributes:
        name: Its name in the results.
        run: Starts it.
        client: What talks to it.
        request: What asks for a random number; None where it has no requests.
        say: What speaks to a room, before the text; None where it has no rooms.
    """

    name: str
    run: Callable[[], AbstractContextManager[servers.Server]]
    client: type[Lines]
    request: bytes | None = REQUEST
    say: bytes | None = None


@contextmanager
def _command(*command: str, port: int) -> Iterator[servers.Server]:
    with (
        TemporaryDirectory() as folder,
        servers._process(port, [*command], folder) as server,
    ):
        yield server


@contextmanager
def fastapi() -> Iterator[servers.Server]:
    """FastAPI's WebSockets on uvicorn with uvloop, as its documentation has them."""
    port = servers.free_port()
    command = (str(BUILD / "bin" / "uvicorn"), "--app-dir", str(HERE / "peers"), "sockets:app")
    options = ("--port", str(port), "--log-level", "warning", "--loop", "uvloop")
    with _command(*command, *options, port=port) as server:
        yield server


def install_fastapi() -> None:
    """Install FastAPI and uvicorn into an environment of the benchmark.

    Raises:
        subprocess.CalledProcessError: They cannot be installed.
    """
    if not (BUILD / "bin" / "uvicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", str(BUILD)], check=True)
        pip = [str(BUILD / "bin" / "pip"), "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, *PACKAGES], check=True)


OURS: Final = ("--no-log-requests", "--announce-limit=0")

PEERS: Final = (
    Peer("actionhero-tcp", lambda: servers.ours(*OURS, reactor="uvloop"), Lines, say=b"say "),
    Peer("asyncio", servers.peer, Lines),
    Peer("FastAPI", fastapi, Frames),
    Peer("actionHero 29", peers.theirs, Lines, say=b"say defaultRoom "),
    Peer("NATS", servers.nats, Subscriber, request=None, say=b""),
)
SET_UP: Final[dict[str, Callable[[], None]]] = {
    "FastAPI": install_fastapi,
    "actionHero 29": peers.set_up,
    "NATS": lambda: need("nats-server"),
}


def available() -> list[Peer]:
    """Set the peers up, and return those that could be."""
    found = []
    for peer in PEERS:
        try:
            SET_UP.get(peer.name, lambda: None)()
        except (OSError, subprocess.CalledProcessError, SystemExit) as error:
            print(f"{peer.name} is left out: {error}", file=sys.stderr)
        else:
            found.append(peer)
    return found


def requests(peer: Peer, server: servers.Server) -> float:
    """Return the microseconds of processor time for a request, one outstanding a client."""
    assert peer.request is not None
    with ExitStack() as stack:
        clients = [peer.client(server) for _ in range(CLIENTS)]
        for client in clients:
            stack.callback(client.close)
        _ask(clients, peer.request, 20)
        before = cpu(server)
        _ask(clients, peer.request, REQUESTS_EACH)
        return (cpu(server) - before) / (CLIENTS * REQUESTS_EACH) / 1000


def _ask(clients: list[Lines], request: bytes, times: int) -> None:
    for _ in range(times):
        for client in clients:
            client.send(request)
        for client in clients:
            answer = client.read()
            assert b"randomNumber" in answer, answer


def deliveries(peer: Peer, server: servers.Server) -> float:
    """Return the microseconds of processor time for a delivery, to a room of listeners."""
    assert peer.say is not None
    with ExitStack() as stack:
        listeners = [peer.client(server) for _ in range(LISTENERS)]
        speaker = peer.client(server)
        for client in (*listeners, speaker):
            stack.callback(client.close)
        _say(speaker, listeners, peer.say, 20)
        before = cpu(server)
        _say(speaker, listeners, peer.say, MESSAGES)
        return (cpu(server) - before) / (LISTENERS * MESSAGES) / 1000


def _say(speaker: Lines, listeners: list[Lines], say: bytes, times: int) -> None:
    for number in range(times):
        text = b"message number %06d" % number
        speaker.send(say + text)
        for client in (*listeners, speaker):
            while text not in client.read() and client is not speaker:
                pass


def idle(peer: Peer, server: servers.Server) -> float:
    """Return the KiB of memory for an idle connection."""
    with ExitStack() as stack:
        # What the first connections load does not count.
        for _ in range(50):
            stack.callback(peer.client(server).close)
        before = memory(server)
        for _ in range(IDLE):
            stack.callback(peer.client(server).close)
        return (memory(server) - before) / IDLE / 1024


def measure(found: list[Peer]) -> dict[str, dict[str, float]]:
    """Measure all of them in rounds that take turns; return the medians."""
    seen: dict[str, dict[str, list[float]]] = {peer.name: {} for peer in found}
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS} …", file=sys.stderr, flush=True)
        for peer in found:
            with peer.run() as server:
                each = seen[peer.name]
                each.setdefault("idle_kib", []).append(idle(peer, server))
                if peer.request is not None:
                    each.setdefault("request_us", []).append(requests(peer, server))
                if peer.say is not None:
                    each.setdefault("delivery_us", []).append(deliveries(peer, server))
    return {
        name: {what: round(statistics.median(values), 2) for what, values in each.items()}
        for name, each in seen.items()
    }


def main() -> int:
    """Measure, print the medians, and write them for README.md."""
    os.sched_setaffinity(0, {1, 0})
    measured = measure(available())
    versions: dict[str, Any] = {"python": sys.version.split()[0], "twisted": version("twisted")}
    RESULTS.write_text(json.dumps({"versions": versions, "medians": measured}, indent=2) + "\n")
    print(json.dumps(measured, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

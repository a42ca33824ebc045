"""Compares with what people would use otherwise, for the table in README.md.

Each server runs in turn, in rounds, and is asked by the same clients. What counts is its
processor time for each request and each delivery, by the kernel's own clock of its threads, and
its memory for each idle connection. The Python servers are installed into ``build/compared``;
NATS comes from Debian's package; actionHero 29 is set up by `benchmarks.peers`. A peer that
cannot be set up is left out.

Usage: python -m benchmarks.compared
"""

from __future__ import annotations

import json
import os
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
from .clients import Frames, Lines, SocketIO, Subscriber, Welcomed

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
ASK: Final = b'420["ask",' + REQUEST + b"]"
"""The same as an event of Socket.IO that is acknowledged."""

REQUIREMENTS: Final = HERE / "peers" / "requirements.txt"
PYTHON: Final = BUILD / "bin" / "python"
LEAST_OF_WEBSOCKETS: Final = 2.0
"""So many times our processor time for a request the Python servers of WebSocket should take."""


def cpu(server: servers.Server) -> int:
    """Return the processor time of all threads of a server so far, in nanoseconds."""
    tasks = Path(f"/proc/{server.pid}/task")
    return sum(int((each / "schedstat").read_text().split()[0]) for each in tasks.iterdir())


def memory(server: servers.Server) -> int:
    """Return the bytes that a server has resident."""
    pages = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


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
def ours_over_websocket() -> Iterator[servers.Server]:
    """Ours, at its web port."""
    port = servers.free_port()
    with servers.ours(*OURS, f"--web-port={port}", reactor="uvloop") as server:
        yield servers.Server(port, server.pid)


def uvicorn(app: str) -> AbstractContextManager[servers.Server]:
    """Run an application of `peers` on uvicorn with uvloop, as its documentation has it."""
    port = servers.free_port()
    options = ("--app-dir", str(HERE / "peers"), "--log-level", "warning", "--loop", "uvloop")
    command = (str(PYTHON), "-m", "uvicorn", app, "--port", str(port), *options)
    return _command(*command, port=port)


def websockets() -> AbstractContextManager[servers.Server]:
    """Run the server of the library `websockets`, on uvloop."""
    port = servers.free_port()
    return _command(str(PYTHON), str(HERE / "peers" / "plain_sockets.py"), str(port), port=port)


def install() -> None:
    """Install the Python servers into an environment of the benchmark.

    Raises:
        subprocess.CalledProcessError: They cannot be installed.
    """
    done = BUILD / "installed.txt"
    wanted = REQUIREMENTS.read_text()
    if not done.exists() or done.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", str(BUILD)], check=True)
        pip = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
        done.write_text(wanted)


TCP: Final = "actionhero-tcp"
WEBSOCKET: Final = "actionhero-tcp, WebSocket"
OURS: Final = ("--no-log-requests", "--announce-limit=0")

PEERS: Final = (
    Peer(TCP, lambda: servers.ours(*OURS, reactor="uvloop"), Lines, say=b"say "),
    Peer("asyncio", servers.peer, Lines),
    Peer(WEBSOCKET, ours_over_websocket, Welcomed),
    Peer("FastAPI", lambda: uvicorn("sockets:app"), Frames),
    Peer("websockets", websockets, Frames),
    Peer("Socket.IO", lambda: uvicorn("events:app"), SocketIO, request=ASK),
    Peer("actionHero 29", peers.theirs, Lines, say=b"say defaultRoom "),
    Peer("NATS", servers.nats, Subscriber, request=None, say=b""),
)
SET_UP: Final[dict[str, Callable[[], None]]] = {
    "FastAPI": install,
    "websockets": install,
    "Socket.IO": install,
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


def ratios(measured: dict[str, dict[str, float]]) -> Iterator[str]:
    """Say how many times our processor time for a request each server of WebSocket takes."""
    ours = {name: measured[name]["request_us"] for name in (TCP, WEBSOCKET)}
    for name in ("FastAPI", "websockets", "Socket.IO"):
        if name in measured:
            each = {kind: measured[name]["request_us"] / us for kind, us in ours.items()}
            met = "met" if each[TCP] >= LEAST_OF_WEBSOCKETS else "missed"
            told = ", ".join(f"{ratio:.2f} x {kind}" for kind, ratio in each.items())
            yield f"a request of {name}: {told} (>= {LEAST_OF_WEBSOCKETS:g} x {TCP}: {met})"


def main() -> int:
    """Measure, print the medians, and write them for README.md."""
    os.sched_setaffinity(0, {1, 0})
    measured = measure(available())
    versions: dict[str, Any] = {"python": sys.version.split()[0], "twisted": version("twisted")}
    RESULTS.write_text(json.dumps({"versions": versions, "medians": measured}, indent=2) + "\n")
    print(json.dumps(measured, indent=2))
    for line in ratios(measured):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())

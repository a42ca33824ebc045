"""Compares with actionHero 29 and its socket server. Usage: python -m benchmarks.peers

The other server is set up in ``build/peers``, from npm and from what is in the folder
``peers``: a generated project, with these files over it. That takes a minute, once.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import load, report, rows, servers
from .load import Result
from .rows import Row

HERE = Path(__file__).parent
SOURCES = HERE / "peers"
BUILD = HERE / "build" / "peers"
STAMP = BUILD / "stamp.txt"

GROUP = "to actionhero 29"
LOGGED_GROUP = "log on in both, to actionhero 29"
TARGET = 1.2
WORKS = tuple(rows.WORKS)
ACTIONS = tuple(work for work in WORKS if work not in ("paramAdd a=b", "detailsView"))
"""Those that actionHero 29 logs; it logs no verbs."""
LISTENERS = 100
SAID = "x" * 20
SAY, THEIR_SAY = f"say {SAID}", f"say defaultRoom {SAID}"
PACKAGES = ("actionhero", "actionhero-socket-server", "ioredis-mock")
ANNOUNCED = ("I have entered the room", "I have left the room")
QUIET_SECONDS = 0.3


def set_up() -> None:
    """Makes the project, where it is not up to date.

    Raises:
        SystemExit: Node or npm is missing, or a step failed.
    """
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"not compared with actionhero 29: {' and '.join(missing)} not found")
    digest = _digest()
    if STAMP.exists() and STAMP.read_text() == digest:
        return
    print(f"setting up actionhero 29 in {BUILD} …", file=sys.stderr, flush=True)
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    shutil.copy(SOURCES / "package.json", BUILD)
    _step(
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--include=dev",
    )
    _step("node_modules/.bin/actionhero", "generate")
    config = BUILD / "node_modules" / "actionhero-socket-server" / "src" / "config" / "socket.ts"
    shutil.copy(config, BUILD / "src" / "config")
    shutil.copytree(SOURCES / "src", BUILD / "src", dirs_exist_ok=True)
    _step("node_modules/.bin/tsc", "--sourceMap", "false")
    STAMP.write_text(digest)


def _digest() -> str:
    """What the project is made from, in short."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in (SOURCES / "package.json", *sorted((SOURCES / "src").rglob("*.ts"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _step(*command: str) -> None:
    done = subprocess.run(
        command, cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed in {BUILD}:\n{done.stdout}")


@contextmanager
def theirs(*settings: str) -> Iterator[servers.Server]:
    """A running actionHero 29, pinned to the same core as ours.

    Args:
        settings: More variables of its environment.
    """
    port = servers.free_port()
    settings += ("NODE_ENV=production", f"PROJECT_ROOT={BUILD}", f"SOCKET_PORT={port}")
    command = ["env", *settings, "node", str(BUILD / "dist" / "server.js")]
    with (
        TemporaryDirectory() as folder,
        servers._process(port, command, folder) as server,
    ):
        yield server


class Client:
    """One connection, for checking what is measured."""

    def __init__(self, server: servers.Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), 30)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, line: str = "") -> list[dict[str, Any]]:
        """Sends a line, if there is one; returns all that comes until nothing more does."""
        if line:
            self._socket.sendall(line.encode() + b"\n")
        self._socket.settimeout(QUIET_SECONDS)
        seen = b""
        try:
            while chunk := self._socket.recv(65536):
                seen += chunk
        except TimeoutError:
            pass
        return [json.loads(part) for part in seen.splitlines()]


def check(name: str, server: servers.Server, say: str) -> None:
    """Looks whether a server answers as it is measured: with one line each, and no error.

    Who comes and goes is told by our server alone, and may be told at any time.

    Raises:
        SystemExit: It does not.
    """

    def expect(asked: str, seen: list[dict[str, Any]], **members: object) -> None:
        seen = [one for one in seen if one.get("message") not in ANNOUNCED]
        if len(seen) != 1 or "error" in seen[0] or not members.items() <= seen[0].items():
            raise SystemExit(f"{name} cannot be measured: to {asked!r} it sent {seen}")

    with Client(server) as client:
        expect("", client.ask(), context="api")
        for work in WORKS:
            expect(work, client.ask(work), context="response")
        with Client(server) as listener:
            expect("", listener.ask(), context="api")
            client.ask()
            expect(say, client.ask(say), context="response", status="OK")
            expect(say, listener.ask(), context="user", message=SAID)


def _ask(server: servers.Server, line: str, outstanding: int) -> Result:
    return load.requests(server.port, server.pid, line, outstanding)


def _say(server: servers.Server, line: str, outstanding: int) -> Result:
    arguments = (LISTENERS, outstanding, load.SECONDS, 1, 1, "", line)
    return load.run(server.pid, "fanout", server.port, *arguments)


Case = tuple[str, str, str, Callable[[servers.Server, str, int], Result]]
"""What is measured: its name, what our server is sent and what theirs, and how."""

CASES: list[Case] = [
    *((work, work, work, _ask) for work in WORKS),
    (f"say, to {LISTENERS} listeners", SAY, THEIR_SAY, _say),
]


@dataclass
class Pair:
    """Two servers that are compared, and what has been measured of them.

    Attributes:
        group: The group of the rows.
        cases: What is measured.
        our: Ours.
        their: The other one.
        ours: Our results, by the row's work.
        base: The other one's.
    """

    group: str
    cases: list[Case]
    our: servers.Server
    their: servers.Server
    ours: dict[str, list[Result]] = field(default_factory=dict)
    base: dict[str, list[Result]] = field(default_factory=dict)

    def measure(self, outstanding: int) -> None:
        """Measures each case once."""
        for name, our_line, their_line, run in self.cases:
            label = rows.label_of(name, outstanding)
            self.base.setdefault(label, []).append(run(self.their, their_line, outstanding))
            self.ours.setdefault(label, []).append(run(self.our, our_line, outstanding))

    def rows(self) -> Iterator[Row]:
        """The rows for what was measured."""
        for label, ours in self.ours.items():
            ratio = _ratio(ours, self.base[label])
            yield rows.at_least(self.group, label, ratio, TARGET, ours)


def measure() -> tuple[list[Row], dict[str, dict[str, float]]]:
    """Requests and deliveries a second, to those of actionHero 29.

    Returns:
        The rows, and for each row's group and work the medians of the other server.
    """
    logged = [case for case in CASES if case[0] in ACTIONS]
    with (
        servers.ours("--no-log-requests") as our,
        theirs() as their,
        servers.ours() as our_logged,
        theirs("LOG_REQUESTS=yes") as their_logged,
    ):
        pairs = [
            Pair(GROUP, CASES, our, their),
            Pair(LOGGED_GROUP, logged, our_logged, their_logged),
        ]
        for pair in pairs:
            check("our server", pair.our, SAY)
            check("actionhero 29", pair.their, THEIR_SAY)
        for number in range(rows.ROUNDS):
            print(f"round {number + 1} of {rows.ROUNDS} …", file=sys.stderr, flush=True)
            for outstanding in rows.OUTSTANDING:
                for pair in pairs:
                    pair.measure(outstanding)
    medians = {
        f"{pair.group}: {label}": _medians(results)
        for pair in pairs
        for label, results in pair.base.items()
    }
    return [row for pair in pairs for row in pair.rows()], medians


def _ratio(ours: list[Result], base: list[Result]) -> float:
    return statistics.median(one.rate / two.rate for one, two in zip(ours, base, strict=True))


def _medians(results: list[Result]) -> dict[str, float]:
    names = [each.name for each in fields(Result) if each.name != "others"]
    return {name: statistics.median(getattr(r, name) for r in results) for name in names}


def versions() -> dict[str, str]:
    """The versions of Node, and of what npm installed."""
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    seen = {"node": node.stdout.strip().removeprefix("v")}
    for package in PACKAGES:
        document = json.loads((BUILD / "node_modules" / package / "package.json").read_text())
        seen[package] = document["version"]
    return seen


def main() -> int:
    """Sets up, measures, prints the table and writes it into docs/performance.md."""
    set_up()
    load.build()
    begin = time.monotonic()
    measured, medians = measure()
    print(report.table(measured))
    report.publish("peers", measured, versions=versions(), theirs=medians)
    missed = sum(not row.met for row in measured)
    seconds = time.monotonic() - begin
    print(f"\n{len(measured) - missed} met, {missed} missed, in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

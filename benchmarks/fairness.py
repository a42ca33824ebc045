"""How long a client waits for its answer while others send the dearest input that there is."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from . import attacking, servers
from .load import LOAD_CORE
from .rows import Row, at_most

ATTACKERS: Final = 20
SECONDS: Final = 10.0
WARM_UP_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.01
TARGET_MS: Final = 100.0

ATTACKS: Final = {
    "tcp": "lines of 64 KB of nested lists",
    "ws": "empty messages over WebSocket",
}
"""What the attackers send."""


def fairness() -> Iterator[Row]:
    """The 99th percentile of the time for which another client waits."""
    for over, what in ATTACKS.items():
        web_port = servers.free_port()
        options = ("--no-log-requests", "--announce-limit=0", f"--web-port={web_port}")
        with servers.ours(*options) as server:
            waits = _attacked(server.port, web_port if over == "ws" else server.port, over)
        label = f"another waits, p99, while {ATTACKERS} clients pipeline {what}"
        yield at_most("fairness", label, _percentile(waits, 0.99) * 1000, TARGET_MS, "ms")


def _attacked(port: int, attacked: int, over: str) -> list[float]:
    seconds = SECONDS + 2 * WARM_UP_SECONDS
    settings = (attacked, over, ATTACKERS, seconds)
    command = ["taskset", "-c", LOAD_CORE, sys.executable, str(Path(attacking.__file__))]
    with subprocess.Popen([*command, *map(str, settings)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(WARM_UP_SECONDS)
        return _waits(port)


def _waits(port: int) -> list[float]:
    """How long each answer took, in seconds."""
    waits = []
    with socket.create_connection(("127.0.0.1", port)) as stream, stream.makefile("rb") as lines:
        lines.readline()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            asked = time.monotonic()
            stream.sendall(b"detailsView\n")
            lines.readline()
            waits.append(time.monotonic() - asked)
            time.sleep(PAUSE_SECONDS)
    return waits


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]

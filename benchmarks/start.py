"""How long a start takes, from the command to the first connection."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Final

from . import load
from .rows import Row, at_most
from .servers import BIN, PATIENCE, free_port

ROUNDS: Final = 7
TARGET_SECONDS: Final = 0.5
TARGET_MEMORY: Final = 60.0
POLL_SECONDS: Final = 0.002


def start() -> Iterator[Row]:
    """The rows of a start with uvloop and the web port, and of what it takes."""
    measured = [_one("uvloop") for _ in range(ROUNDS)]
    seconds, cpu, size = (statistics.median(values) for values in zip(*measured, strict=True))
    kind = "uvloop, msgspec and the web port"
    yield at_most("start", f"from the command to listening, {kind}", seconds, TARGET_SECONDS, "s")
    yield at_most("start", f"processor time until then, {kind}", cpu, TARGET_SECONDS, "s")
    yield at_most("start", f"memory after it, {kind}", size / 2**20, TARGET_MEMORY, "MiB")


def _one(reactor: str) -> tuple[float, float, int]:
    """The time until a start listens, its processor time, and its memory then."""
    port = free_port()
    command = [str(BIN / "twistd"), f"--reactor={reactor}", "--nodaemon", "--pidfile="]
    command += ["actionhero", f"--port={port}", "--bind-ip=127.0.0.1"]
    command += [f"--web-port={free_port()}"]
    with TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/actions")
        os.mkdir(f"{folder}/public")
        began = time.monotonic()
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                while not _listens(port):
                    if process.poll() is not None or time.monotonic() > began + PATIENCE:
                        raise SystemExit(f"{command} did not start")
                    time.sleep(POLL_SECONDS)
                took = time.monotonic() - began
                return took, load.cpu_seconds(process.pid), load.memory(process.pid)
            finally:
                process.terminate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True

"""Builds and runs ``load.c``, the load generator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.system_packages import need

HERE = Path(__file__).parent
PROGRAM = HERE / "build" / "load"
SOURCE = HERE / "load.c"

SERVER_CORE, LOAD_CORE = "0", "1"
SECONDS = 0.6
"""How long one measurement takes, its warm-up aside."""
CONNECTIONS = 50


@dataclass(frozen=True)
class Result:
    """What one measurement saw.

    Attributes:
        rate: Messages a second.
        p50: Half of the answers came within so many microseconds.
        p99: 99 of 100 answers came within so many microseconds.
        most: All came within so many microseconds.
        cpu: Microseconds of the server's processor time for each message.
        others: The same of the other processes that were named.
        p999: 999 of 1,000 answers came within so many microseconds; 0 where that was not measured.
    """

    rate: float
    p50: int
    p99: int
    most: int
    cpu: float
    others: tuple[float, ...] = ()
    p999: int = 0


def build() -> None:
    """Compiles the load generator, where it is not up to date; installs gcc where root may.

    Raises:
        SystemExit: There is no C compiler.
    """
    if PROGRAM.exists() and PROGRAM.stat().st_mtime > SOURCE.stat().st_mtime:
        return
    need("gcc")
    PROGRAM.parent.mkdir(exist_ok=True)
    command = ["gcc", "-O2", "-o", str(PROGRAM), str(SOURCE), "-l:libssl.so.3"]
    subprocess.run(command, check=True)


def run(
    pid: int, mode: str, *arguments: object, others: Sequence[int] = (), waits: bool = False
) -> Result:
    """Runs the load generator against a server.

    Args:
        pid: The server's process, whose processor time is counted.
        mode: See load.c.
        arguments: See load.c.
        others: Further processes whose processor time is counted.
        waits: See `requests`.
    """
    prefix = ["env", "LOAD_WAITS=1"] if waits else []
    return measured(pid, [*prefix, str(PROGRAM), mode, *map(str, arguments)], others)


def measured(pid: int, program: Sequence[str], others: Sequence[int] = ()) -> Result:
    """Runs something that asks a server as load.c does, and writes what that writes.

    Args:
        pid: See `run`.
        program: The command. Where it tells its own processor time, that comes last of `others`.
        others: See `run`.
    """
    pids = (pid, *others)
    command = ["taskset", "-c", LOAD_CORE, *program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        times = {}
        said = []
        for line in process.stderr:
            times[line.strip()] = [cpu_seconds(pid) for pid in pids]
            said.append(line)
        output = process.stdout.read()
    if process.returncode or "end" not in times:
        raise SystemExit(f"{' '.join(command)} failed: {''.join(said)}")
    seen = json.loads(output)
    messages = max(seen["messages"], 1)
    spans = zip(times["begin"], times["end"], strict=True)
    cpu, *more = ((end - begin) * 1e6 / messages for begin, end in spans)
    rate = seen["messages"] / seen["seconds"]
    more += [seen["cpu"]] if "cpu" in seen else []
    return Result(
        rate, seen["p50"], seen["p99"], seen["most"], cpu, tuple(more), seen.get("p999", 0)
    )


def asking(port: int, pid: int, outstanding: int, how: str) -> Result:
    """Has `CONNECTIONS` of our own clients, in one process, do what `requests` does.

    ``how`` they wait for answers is told in asking.py.
    """
    settings = (port, CONNECTIONS, outstanding, SECONDS, how)
    return measured(pid, [sys.executable, str(HERE / "asking.py"), *map(str, settings)])


def requests(
    port: int,
    pid: int,
    line: str,
    outstanding: int,
    *,
    tls: bool = False,
    welcome: int = 1,
    flood: str | None = None,
    others: Sequence[int] = (),
    waits: bool = False,
) -> Result:
    """Has `CONNECTIONS` clients ask, each with so many requests outstanding.

    With ``flood`` one more client sends nothing but this line, as often as the server takes it.
    The processor time of ``others`` is counted too. With ``waits`` the generator sleeps while there
    is nothing to read, for a server that shares its core.
    """
    extra = [] if flood is None else [flood]
    settings = (
        port,
        int(tls),
        CONNECTIONS,
        outstanding,
        SECONDS,
        welcome,
        line,
        *extra,
    )
    return run(pid, "requests", *settings, others=others, waits=waits)


class Held:
    """Idle connections, for as long as the block lasts.

    Attributes:
        rate: How many connected a second.
    """

    def __init__(
        self, port: int, count: int, *, tls: bool = False, line: str | None = None
    ) -> None:
        extra = [] if line is None else [line]
        command = [
            str(PROGRAM),
            "hold",
            str(port),
            str(int(tls)),
            str(count),
            "1",
            *extra,
        ]
        self._process = subprocess.Popen(
            ["taskset", "-c", LOAD_CORE, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        seen = json.loads(self._process.stdout.readline() or "{}")
        if not seen:
            raise SystemExit(f"cannot hold {count} connections")
        self.rate = seen["messages"] / seen["seconds"]

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has taken, of all its threads."""
    # The id of another process' clock is made like this, see clock_getcpuclockid(3); what /proc
    # tells is in hundredths of a second.
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid: int) -> int:
    """The resident memory of a process, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

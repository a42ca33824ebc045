"""One of several processes that a supervisor has started, and what it learns from that.

A worker is `twistd` with the options of its supervisor, and with a few things arranged before:
the supervisor writes a `WorkerSpec` to its standard input, descriptor 3 is a pipe on which the
worker tells how it is, and the descriptors from 4 on are its channels: one for each port, and
where there is a web port one more, for what the supervisor asks.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from ast import literal_eval
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..config import configuration
from ..config.sections import Config
from ..errors import StartError

NOTIFY_DESCRIPTOR: Final = 3
FIRST_CHANNEL: Final = 4

PROGRAM: Final = (
    "import os, signal\n"
    # Those who send these to all processes of the server may send them too early.
    "for number in (signal.SIGHUP, signal.SIGUSR1): signal.signal(number, signal.SIG_IGN)\n"
    # The supervisor handles signals that a terminal sends to all its processes (Ctrl-C).
    "os.setpgid(0, 0)\n"
    f"from {__name__} import main\n"
    "main()"
)

REHEARSAL: Final = 0
"""The number of a worker that only tries whether it could start."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """The supervisor's data for a worker.

    Attributes:
        number: Which worker it is, from 1 on.
        config: The configuration that all of them have.
        sockets: What the supervisor listens on: each socket's family and address.
        watchdog: Within how many seconds it wants a sign of life, again and again; 0 for never.
    """

    number: int
    config: Config
    sockets: Sequence[tuple[int, Any]] = ()
    watchdog: float = 0.0

    @property
    def report_channel(self) -> int | None:
        """The descriptor on which the supervisor asks for health and metrics; None for none."""
        if self.number == REHEARSAL or not self.config.web.port:
            return None
        return FIRST_CHANNEL + len(self.sockets)

    def encode(self) -> bytes:
        """This as `decode` reads it."""
        values = configuration.values(self.config)
        return repr(
            (
                self.number,
                values,
                [(int(family), address) for family, address in self.sockets],
                self.watchdog,
            )
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> WorkerSpec:
        """The output of `encode`."""
        number, values, sockets, watchdog = literal_eval(data.decode())
        return cls(number, configuration.build(values), sockets, watchdog)


place: WorkerSpec | None = None
"""The place of this process; None where it is no worker."""


def command(
    twistd: Mapping[str, Any], arguments: Sequence[str], log_file: str, number: int
) -> list[str]:
    """The command that starts a worker.

    Args:
        twistd: The options of `twistd`. Who it runs as and its umask a worker inherits; in
            the background is where its supervisor is.
        arguments: The arguments after the word ``actionhero``.
        log_file: The file of the server's log; empty for standard output.
        number: The worker's number.

    Raises:
        StartError: One of the options does not go with workers.
    """
    if twistd.get("chroot"):
        raise StartError("--chroot does not go with --workers: there is no Python in there")
    # Without the working folder among those in which Python looks for modules.
    words = [sys.executable, "-P", "-c", PROGRAM, "--nodaemon", "--pidfile="]
    options: dict[str, object] = {name: twistd.get(name) for name in ("reactor", "logger")}
    if twistd.get("syslog"):
        words.append("--syslog")
        options["prefix"] = f"{twistd['prefix']}-worker-{number}"
    options["logfile"] = log_file and os.path.abspath(log_file)
    if (folder := twistd.get("rundir", ".")) != ".":
        options["rundir"] = os.path.abspath(folder)
    words += [f"--{name}={value}" for name, value in options.items() if value]
    return [*words, "actionhero", *arguments]


def rehearse(command: Callable[[int], Sequence[str]], config: Config, listeners: int) -> None:
    """Checks in a separate process whether a worker could start.

    So actions are not loaded into the supervisor, which outlives them.

    Args:
        command: The command that starts a worker, by its number.
        config: The configuration.
        listeners: How many channels a worker has.

    Raises:
        SystemExit: It could not; with what it has said on standard error.
    """
    place = WorkerSpec(REHEARSAL, config, [(socket.AF_INET, ())] * listeners)
    ended = subprocess.run(  # noqa: S603
        command(REHEARSAL),
        input=place.encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if ended.returncode != 0:
        text = ended.stderr.decode("utf-8", "replace").strip()
        raise SystemExit(text or f"a worker would end with status {ended.returncode}")


class Pipe:
    """The way to the supervisor, for a `Notifier`."""

    name = "the supervisor"

    def send(self, data: bytes) -> None:
        """Tells something.

        Raises:
            OSError: There is no room, or nobody reads.
        """
        os.write(NOTIFY_DESCRIPTOR, data + b"\n")

    def close(self) -> None:
        """Does nothing: the supervisor takes its end for the worker's."""


def watch_supervisor(seconds: Callable[[], float]) -> None:
    """Shuts this process down gracefully when its supervisor is gone.

    A thread watches, which also sees it while the reactor is blocked.

    Args:
        seconds: How long stopping may take; then the process is killed.
    """

    def watch() -> None:
        poll = select.poll()
        # Asked for nothing, it still reports that nobody reads what is written here.
        poll.register(NOTIFY_DESCRIPTOR, 0)
        poll.poll()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(seconds())
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="supervisor", daemon=True).start()


def main() -> None:
    """Runs a worker."""
    global place
    place = WorkerSpec.decode(sys.stdin.buffer.read())
    if place.number != REHEARSAL:
        os.set_blocking(NOTIFY_DESCRIPTOR, False)
        end = FIRST_CHANNEL + len(place.sockets) + (place.report_channel is not None)
        for descriptor in range(NOTIFY_DESCRIPTOR, end):
            os.set_inheritable(descriptor, False)
    from twisted.scripts.twistd import run

    run()

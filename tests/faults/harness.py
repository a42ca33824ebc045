"""A daemon that a scenario is played with, and what can be seen of it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults.crowd import Crowd
from tests.support import PATIENCE, Daemon, wait_for
from tests.support.integration import (
    MEGABYTE,
    OwnDaemonTestCase,
    Talker,
    connect,
    memory,
    open_files,
    secure,
)
from tests.support.ports import ReservedPort

NOTES = "FAULTS_NOTES"
"""The variable with the name of the file in which tests note what they saw."""

PROBE = """
import ctypes
import gc

from actionhero_tcp import action


@action
def probe(api, connection):
    connections = api.connections.values()
    return {
        "connections": len(connections),
        "rooms": len(api.rooms),
        "timers": len(api.reactor.getDelayedCalls()),
        "pending": sum(len(each.pending) for each in connections),
        "requests": api.stats.requests,
        "closed": dict(api.stats.closed),
    }


@action
def tidy(api, connection):
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
"""


@dataclass(frozen=True)
class State:
    """What a daemon holds: connections, rooms, timers, running actions and descriptors."""

    connections: int
    rooms: int
    timers: int
    pending: int
    descriptors: int


class FaultTestCase(OwnDaemonTestCase):
    """A scenario over TCP; a subclass with a ``pair`` plays it over TLS.

    One with ``web`` plays it over WebSocket; its observer comes over TCP.

    Attributes:
        number: The number of the scenario.
        pair: For TLS, the kind of the daemon's key.
        web: Whether it is played over WebSocket.
        launcher: What the daemon is started through.
        running: The daemon, once `begin` has been called.
        crowd: Clients of it, in one loop.
        observer: A client in a room of its own that asks how the daemon is.
    """

    number = 0
    pair = ""
    web = False
    launcher: Sequence[str] = ()

    def begin(self, *options: str, files: Mapping[str, str | bytes] | None = None) -> None:
        """Starts the daemon, the crowd and the observer."""
        files = {"actions/probe.py": PROBE, **(files or {})}
        self.running, self.web_port = self.start_one(*options, files=files)
        self.crowd = Crowd(self.running, bool(self.pair), self.web_port)
        self.addCleanup(self.crowd.close)
        self.observer = self.talker()
        self.observer.line()
        self.observer.send(b"roomChange watch\n")
        while self.observer.message().get("room") != "watch":
            pass

    def start_one(
        self, *options: str, files: Mapping[str, str | bytes] | None = None
    ) -> tuple[Daemon, int]:
        """Starts a daemon; gives it and its web port, which is 0 where it has none."""
        web_port = 0
        if self.web:
            reserved = ReservedPort()
            self.addCleanup(reserved.release)
            web_port = reserved.number
            options = (*options, f"--web-port={web_port}", "--web-token=s3cret")
        running = self.start(*options, files=files, pair=self.pair, launcher=self.launcher)
        if web_port:
            wait_for(lambda: "live page on" in running.log, "the web port")
        return running, web_port

    def talker(self, receive_buffer: int = 0) -> Talker:
        """A client on a blocking socket, which has to read its welcome still."""
        stream = (secure if self.pair else connect)(self.running, receive_buffer)
        self.addCleanup(stream.close)
        return Talker(stream)

    def probe(self) -> dict[str, Any]:
        """What the daemon says of itself; by then it has read what was sent to it before."""
        return self.observer.ask("probe")

    def state(self) -> State:
        """What the daemon holds at the moment."""
        seen = self.probe()
        descriptors = len(open_files(self.running))
        return State(
            seen["connections"], seen["rooms"], seen["timers"], seen["pending"], descriptors
        )

    def assert_back(self, before: State) -> None:
        """Waits until the daemon holds what it held before, and no more.

        The timer of the request log, if there is one, comes and goes; those of the time limits and
        of the cache stay for a while with nothing to end.
        """
        now = before

        def back() -> bool:
            nonlocal now
            now = self.state()
            return now.timers <= before.timers + 3 and replace(now, timers=0) == before_timeless

        before_timeless = replace(before, timers=0)
        with contextlib.suppress(AssertionError):
            wait_for(back, "what it held before")
            return
        self.assertEqual(now, before, "something was left behind")

    def limits(self) -> dict[str, int]:
        """How often each limit took effect."""
        limits: dict[str, int] = self.observer.ask("status")["stats"]["limits"]
        return limits

    def closed(self) -> Counter[str]:
        """How many connections have ended, by the reason why."""
        return Counter(self.probe()["closed"])

    def memory(self) -> int:
        """The bytes of memory that the daemon has resident."""
        return memory(self.running)

    def used_memory(self) -> int:
        """The bytes of memory that the daemon uses.

        Python frees circles, and the C library returns what is free to the system, when they
        see fit. Here they are asked to, or what is used could not be told from what is kept.
        """
        self.observer.ask("tidy")
        return self.memory()

    def reset_peak(self) -> int:
        """Forgets the peak of the daemon's memory, and gives its memory."""
        Path(f"/proc/{self.running.process.pid}/clear_refs").write_text("5")
        return self.memory()

    def peak(self) -> int:
        """The most bytes of memory that the daemon had resident since `reset_peak`."""
        status = Path(f"/proc/{self.running.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def finish(self, failures: int | None = 0) -> None:
        """Hangs up, and stops the daemon, which ends in order.

        Args:
            failures: How many tracebacks it has logged, those of actions that fail; None
                where they are not counted.
        """
        self.crowd.close()
        self.observer.close()
        if self.running.process.poll() is None:
            self.running.process.send_signal(signal.SIGTERM)
        status = self.running.process.wait(PATIENCE)
        log = list(server_log(self.running))
        found = [line for line in log if "Traceback" in line or "Unhandled" in line]
        if failures is None:
            failures = len(found)
        if len(found) != failures or status != -signal.SIGTERM:
            self.fail(f"status {status}, {len(found)} tracebacks: " + "".join(log)[-3000:])
        self.assertTrue(any("has stopped" in line for line in log))

    def note(self, what: str, seen: str) -> None:
        """Notes what was seen, for the page on reliability.

        Args:
            what: What was done to the daemon: the same text over TCP and TLS.
            seen: What came of it, with numbers.
        """
        if path := os.environ.get(NOTES):
            transport = "TLS" if self.pair else "WebSocket" if self.web else "TCP"
            row = {"number": self.number, "what": what, "transport": transport, "seen": seen}
            with open(path, "a", encoding="utf-8") as notes:
                notes.write(json.dumps(row) + "\n")


def server_log(running: Daemon) -> Iterator[str]:
    """The lines of a daemon's log that are not of the request log."""
    with open(running.folder / "log.txt", encoding="utf-8") as log:
        yield from (line for line in log if " client=" not in line)


def mib(count: float) -> str:
    """Bytes as people read them."""
    return f"{count / MEGABYTE:.1f} MiB"


def reasons(closed: Mapping[str, int]) -> str:
    """Counts of closed connections, by reason, as people read them."""
    return ", ".join(f"{number:,} {reason}" for reason, number in sorted(closed.items()))


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since then."""
        return time.monotonic() - self._begin

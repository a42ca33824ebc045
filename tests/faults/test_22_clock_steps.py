"""The wall clock of a daemon is set back and forward by hours while it serves."""

from __future__ import annotations

import os
import socket
import time
from typing import Final
from unittest.mock import patch

from tests.faults.harness import FaultTestCase
from tests.support import PATIENCE
from tests.support.integration import Talker, request
from tests.support.wall_clock import WallClock

WATCHDOG_SECONDS: Final = 1.0
"""systemd would kill a daemon that gives no sign of life for so long."""

STEPS: Final = (-3600, 0, 3600, 86400 * 365, -86400 * 365, 0)
CLIENTS: Final = 20


class ClockStepTests(FaultTestCase):
    """Timers, time limits and signs of life go on."""

    number = 22

    def setUp(self) -> None:
        folder = self.folder()
        self.clock = WallClock(self, folder)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(PATIENCE)
        watchdog = str(int(WATCHDOG_SECONDS * 1e6))
        patched = patch.dict(
            os.environ, NOTIFY_SOCKET=str(folder / "notify"), WATCHDOG_USEC=watchdog
        )
        patched.start()
        self.addCleanup(patched.stop)

    def sign_of_life(self) -> float:
        """Waits for the next sign of life; gives when it came."""
        while self.manager.recv(4096) != b"WATCHDOG=1":
            pass
        return time.monotonic()

    def forget_signs(self) -> None:
        """Reads the signs of life up to now."""
        self.manager.setblocking(False)
        try:
            while self.manager.recv(4096):
                pass
        except BlockingIOError:
            self.manager.settimeout(PATIENCE)

    def member(self, name: str) -> Talker:
        """A client in a room of its own."""
        client = self.talker()
        client.line()
        client.send(f"roomChange {name}\n".encode())
        while client.message().get("room") != name:
            pass
        return client

    def test_steps(self) -> None:
        self.begin("--idle-timeout=600", "--action-timeout=30")
        clients = [self.member(f"room{number}") for number in range(CLIENTS)]
        before = self.state()
        longest = 0.0
        for step in STEPS:
            for client in clients:
                client.send(request("sleepTest", sleepDuration=300).encode() + b"\n")
            # By its answer all of them have been read.
            self.probe()
            self.clock.set(step)
            self.forget_signs()
            first = self.sign_of_life()
            longest = max(longest, self.sign_of_life() - first)
            for client in clients:
                self.assertIn("sleepDelta", client.message())
        self.assert_back(before)
        self.assertEqual({}, self.closed())
        for client in clients:
            client.close()
        self.finish()
        self.note(
            f"the wall clock set {len(STEPS)} times, by an hour to two years, back and forward; "
            f"{CLIENTS} clients with an action that waits each time; a watchdog of "
            f"{WATCHDOG_SECONDS:g} s",
            f"each of {CLIENTS * len(STEPS)} actions was answered, no client was closed; at most "
            f"{longest:.1f} s from one sign of life to the next; it stopped gracefully",
        )


class ClockStepTLSTests(ClockStepTests):
    """The same over TLS."""

    pair = "ec"

"""What systemd is told, over a real socket, on a clock that stands still."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time

from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.daemon.systemd import RETRY_SECONDS, Notifier, Socket, from_environment


class SystemdTestCase(SynchronousTestCase):
    """Systemd's end of a socket, and a notifier."""

    def setUp(self) -> None:
        self.clock = Clock()
        # Trial's own folders have paths too long for a socket.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.address = f"{folder.name}/notify"
        self.manager = self.bound(self.address)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def bound(self, address: str) -> socket.socket:
        """A socket such as systemd's."""
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        manager.setblocking(False)
        return manager

    def notifier(self, address: str | None = None, watchdog: float = 0.0) -> Notifier:
        """A notifier that is closed when the test is over."""
        address = self.address if address is None else address
        notifier = Notifier(self.clock, Socket(address) if address else None, watchdog)
        self.addCleanup(notifier.close)
        return notifier

    def told(self) -> list[str]:
        """What systemd was told since the last call, message by message."""
        messages = []
        with contextlib.suppress(BlockingIOError):
            while True:
                messages.append(self.manager.recv(4096).decode())
        return messages

    @property
    def log(self) -> list[str]:
        """What was logged."""
        return [formatEvent(event) for event in self.events]


class StateTests(SystemdTestCase):
    """Ready, reloading, stopping."""

    def test_ready(self) -> None:
        self.notifier().ready("listening on 127.0.0.1:5000")
        self.assertEqual(["READY=1\nSTATUS=listening on 127.0.0.1:5000"], self.told())

    def test_a_status_stays_on_its_line(self) -> None:
        self.notifier().ready("a\nSTOPPING=1\udc80")
        self.assertEqual(["READY=1\nSTATUS=a\\nSTOPPING=1\\udc80"], self.told())

    def test_reloading_and_then_ready_again(self) -> None:
        notifier = self.notifier()
        before = time.monotonic_ns() // 1000
        notifier.reloading()
        notifier.ready()
        reloading, ready = self.told()
        self.assertRegex(reloading, r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        when = int(reloading.rpartition("=")[2])
        self.assertTrue(before <= when <= time.monotonic_ns() // 1000, reloading)
        # Without a status: the one that systemd shows is still right.
        self.assertEqual("READY=1", ready)

    def test_stopping_says_how_long_it_may_take(self) -> None:
        self.notifier().stopping("stopping, with 2 clients connected", 30.5)
        self.assertEqual(
            ["STOPPING=1\nSTATUS=stopping, with 2 clients connected\nEXTEND_TIMEOUT_USEC=30500000"],
            self.told(),
        )

    def test_an_abstract_address(self) -> None:
        name = f"actionhero-test-{os.getpid()}"
        self.manager = self.bound(f"\0{name}")
        self.notifier(f"@{name}").ready()
        self.assertEqual(["READY=1"], self.told())

    def test_without_an_address_nothing_happens(self) -> None:
        notifier = self.notifier("")
        notifier.ready("x")
        notifier.reloading()
        notifier.stopping("x", 1)
        notifier.close()
        self.assertEqual([], self.told())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_when_closed_nothing_is_told_any_more(self) -> None:
        notifier = self.notifier(watchdog=10)
        notifier.ready()
        notifier.close()
        notifier.close()
        self.assertEqual(["READY=1"], self.told())
        notifier.stopping("x", 1)
        notifier.ready()
        self.assertEqual([], self.told())
        self.assertEqual([], self.clock.getDelayedCalls())


class TroubleTests(SystemdTestCase):
    """Systemd does not listen, or has no room."""

    def fill(self) -> None:
        """Leaves no room in systemd's socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.sendto(b"other", self.address)

    def test_a_socket_that_is_not_there_is_logged_and_no_more(self) -> None:
        for address in ("/nope/notify", "relative", "/" + "x" * 200, "@nope"):
            self.events.clear()
            self.notifier(address).ready()
            (line,) = self.log
            self.assertTrue(line.startswith("systemd cannot be told 'READY=1': "), line)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_where_there_is_no_room_it_is_told_later(self) -> None:
        notifier = self.notifier()
        self.fill()
        notifier.ready("here")
        self.assertEqual({"other"}, set(self.told()))
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual(["READY=1\nSTATUS=here"], self.told())
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual([], self.log)

    def test_it_tries_on_until_there_is_room(self) -> None:
        notifier = self.notifier()
        self.fill()
        notifier.ready()
        self.clock.pump([RETRY_SECONDS] * 5)
        self.told()
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual(["READY=1"], self.told())

    def test_of_what_is_untold_the_last_state_counts(self) -> None:
        notifier = self.notifier()
        self.fill()
        notifier.reloading()
        notifier.ready()
        self.told()
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual(["READY=1"], self.told())
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual([], self.told())

    def test_when_closed_it_tries_no_more(self) -> None:
        notifier = self.notifier()
        self.fill()
        notifier.ready()
        notifier.close()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_signs_of_life_that_find_no_room_are_dropped(self) -> None:
        notifier = self.notifier(watchdog=10)
        notifier.ready()
        self.fill()
        self.clock.advance(5)
        self.told()
        self.clock.advance(4.9)
        self.assertEqual([], self.told())
        self.clock.advance(0.1)
        self.assertEqual(["WATCHDOG=1"], self.told())


class WatchdogTests(SystemdTestCase):
    """Signs of life."""

    def test_they_come_at_half_the_interval_from_when_it_is_ready(self) -> None:
        notifier = self.notifier(watchdog=10)
        self.clock.advance(20)
        self.assertEqual([], self.told())
        notifier.ready()
        self.assertEqual(["READY=1"], self.told())
        for _ in range(5):
            self.clock.advance(4.9)
            self.assertEqual([], self.told())
            self.clock.advance(0.1)
            self.assertEqual(["WATCHDOG=1"], self.told())

    def test_ready_again_does_not_double_them(self) -> None:
        notifier = self.notifier(watchdog=10)
        notifier.ready()
        notifier.reloading()
        notifier.ready()
        self.told()
        self.clock.advance(5)
        self.assertEqual(["WATCHDOG=1"], self.told())

    def test_they_go_on_while_it_stops(self) -> None:
        notifier = self.notifier(watchdog=10)
        notifier.ready()
        notifier.stopping("x", 1)
        self.told()
        self.clock.advance(5)
        self.assertEqual(["WATCHDOG=1"], self.told())

    def test_without_an_interval_there_are_none(self) -> None:
        self.notifier().ready()
        self.assertEqual([], self.clock.getDelayedCalls())


class EnvironmentTests(SystemdTestCase):
    """`from_environment`."""

    def after_a_second(self, **environment: str) -> list[str]:
        """What a daemon in an environment tells in its first second."""
        notifier = from_environment(environment, self.clock)
        notifier.ready()
        self.clock.advance(1)
        notifier.close()
        return self.told()

    def test_the_socket_and_the_watchdog(self) -> None:
        for process in ({}, {"WATCHDOG_PID": str(os.getpid())}):
            told = self.after_a_second(
                NOTIFY_SOCKET=self.address, WATCHDOG_USEC="2000000", **process
            )
            self.assertEqual(["READY=1", "WATCHDOG=1"], told)

    def test_a_watchdog_of_another_process(self) -> None:
        told = self.after_a_second(
            NOTIFY_SOCKET=self.address, WATCHDOG_USEC="2000000", WATCHDOG_PID="1"
        )
        self.assertEqual(["READY=1"], told)

    def test_what_is_no_number(self) -> None:
        for text in ("", "x", "-1", "1.5"):
            told = self.after_a_second(NOTIFY_SOCKET=self.address, WATCHDOG_USEC=text)
            self.assertEqual(["READY=1"], told)

    def test_an_empty_environment(self) -> None:
        self.assertEqual([], self.after_a_second())

    def test_it_takes_out_what_it_reads(self) -> None:
        environment = {
            "NOTIFY_SOCKET": self.address,
            "WATCHDOG_USEC": "1",
            "WATCHDOG_PID": "1",
            "HOME": "/",
        }
        from_environment(environment, self.clock).close()
        self.assertEqual({"HOME": "/"}, environment)

"""The installed daemon as a process: what blocks it is in its log, and threads hold up nobody."""

from __future__ import annotations

import os
import re
import signal

from tests.support import PATIENCE, wait_for
from tests.support.integration import (
    DaemonTestCase,
    OwnDaemonTestCase,
    Talker,
    request,
    without_requests,
)

ACTIONS = """
import os
import threading
import time

from twisted.internet.task import deferLater

from actionhero_tcp import action

go = threading.Event()
ran = []


@action
def sleeps(api, connection):
    time.sleep(0.4)  # in sleeps


@action
async def sleepsLater(api, connection):
    await deferLater(api.reactor, 0.01)
    time.sleep(0.4)  # in sleepsLater


@action
def hangs(api, connection, *, path: str):
    while not os.path.exists(path):
        time.sleep(0.01)  # in hangs


@action
def computes(api, connection, *, count: int):
    sum(range(count))  # in computes


@action(blocking=True)
def sleepsInThread(api, connection):
    ran.append(connection.id)
    time.sleep(0.4)
    return {"free": go.wait(30)}


@action
def frees(api, connection):
    go.set()


@action
async def waits(api, connection):
    await deferLater(api.reactor, 0.6)


@action
def counts(api, connection):
    return {"blocked": api.stats.blocked, "ran": len(ran)}


@action(blocking=True)
def countsInThread(api, connection):
    return {"ran": len(ran)}
"""

FILES = {"actions/all.py": ACTIONS}

LONG_COUNT = 60_000_000
"""To sum up so many numbers takes a second or so."""

THREADS = 10
OF_ONE_CLIENT = THREADS - 1
"""As many does the reactor's pool have."""


def place(name: str) -> str:
    """What the log shows of an action that blocks, after its name."""
    (line,) = [
        number
        for number, text in enumerate(ACTIONS.split("\n"), 1)
        if text.endswith(f"# in {name}")
    ]
    return rf':\n\s+File ".*/actions/all\.py", line {line}, in {name}\n\s+.*  # in {name}\n'


class BlockedTests(DaemonTestCase):
    """Actions that block."""

    options = ("--announce-limit=0",)
    files = FILES

    def asked_until_logged(self, client: Talker, name: str, **params: object) -> str:
        """Asks until the action's name is in the log, and gives the log's new part.

        Once does where the machine gives the process its time.
        """

        def is_logged() -> bool:
            client.ask_json(name, **params)
            return f"by the action {name}:" in self.daemon.log

        wait_for(is_logged, f"{name} in the log")
        return self.daemon.log[self.log_start :]

    def test_one_that_sleeps_is_logged_with_its_name_and_line(self) -> None:
        log = self.asked_until_logged(self.join(), "sleeps")
        self.assertRegex(log, r"blocked for 0\.\d+ s.* by the action sleeps" + place("sleeps"))

    def test_one_that_sleeps_after_an_await(self) -> None:
        log = self.asked_until_logged(self.join(), "sleepsLater")
        self.assertRegex(log, r"blocked for .* by the action sleepsLater" + place("sleepsLater"))

    def test_one_that_hangs_is_logged_while_it_does(self) -> None:
        client, path = self.join(), self.daemon.folder / "go"
        client.send(request("hangs", path=str(path)).encode() + b"\n")
        so_far = r"has been blocked for \d+\.\d\d s so far by the action hangs" + place("hangs")
        wait_for(lambda: re.search(so_far, self.daemon.log), "hangs in the log")
        path.touch()
        self.assertEqual("OK", client.message()["status"])
        self.daemon.wait_for_log("the reactor goes on after")
        log = self.daemon.log[self.log_start :]
        self.assertEqual(1, log.count("by the action hangs"))
        wait_for(lambda: client.ask("counts")["blocked"], "its count")

    def test_one_that_computes_in_c_is_logged(self) -> None:
        log = self.asked_until_logged(self.join(), "computes", count=LONG_COUNT)
        self.assertRegex(log, r"by the action computes" + place("computes"))


class ThreadTests(OwnDaemonTestCase):
    """Actions in threads."""

    def test_more_of_them_than_threads_hold_up_nobody_and_are_not_logged(self) -> None:
        running = self.start("--announce-limit=0", files=FILES)
        client, other = self.join(running), self.join(running)
        client.send(b"sleepsInThread\n" * 20)
        wait_for(lambda: other.ask("counts")["ran"] == OF_ONE_CLIENT, "its threads")
        other.ask("waits")
        self.assertEqual(OF_ONE_CLIENT, other.ask("counts")["ran"])
        self.assertIn("stats", other.ask("status"))
        self.assertIn("details", other.ask("detailsView"))
        client.stream.setblocking(False)
        self.assertRaises(BlockingIOError, client.stream.recv, 1)
        client.stream.settimeout(PATIENCE)
        other.ask("frees")
        answers = client.messages(20)
        self.assertEqual(list(range(1, 21)), sorted(m["messageCount"] for m in answers))
        self.assertEqual({True}, {m["free"] for m in answers})
        self.stop(running)
        self.assertNotIn("by the action", running.log)

    def test_one_whose_time_is_up_while_it_waits_for_a_thread_does_not_run(self) -> None:
        running = self.start("--announce-limit=0", "--action-timeout=1", files=FILES)
        client = self.join(running)
        client.send(b"sleepsInThread\n" * (THREADS + 1))
        for message in client.messages(THREADS + 1):
            self.assertEqual("sleepsInThread did not finish within 1 seconds", message["error"])
        client.ask("frees")
        # Threads take what waits in order, so this one comes after the one given up.
        counted = wait_for(lambda: client.ask("countsInThread").get("ran"), "a thread")
        self.assertEqual(OF_ONE_CLIENT, counted)


class WatchTests(OwnDaemonTestCase):
    """The thread that watches."""

    def threads(self, pid: int) -> int:
        return len(os.listdir(f"/proc/{pid}/task"))

    def test_a_process_that_was_stopped_is_not_taken_for_blocked(self) -> None:
        running = self.start("--announce-limit=0", files=FILES)
        client = self.join(running)
        client.ask("waits")
        running.process.send_signal(signal.SIGSTOP)
        client.send(b"waits\n")
        self.assertRaises(TimeoutError, self.wait_for_a_byte, client)
        running.process.send_signal(signal.SIGCONT)
        client.message()
        self.stop(running)
        self.assertNotIn("blocked", without_requests(running.log))

    def wait_for_a_byte(self, client: Talker) -> None:
        client.stream.settimeout(1)
        try:
            client.stream.recv(1)
        finally:
            client.stream.settimeout(PATIENCE)

    def test_it_is_there_unless_it_is_turned_off(self) -> None:
        on, off = self.start(), self.start("--blocked-seconds=0")
        self.join(on)
        self.join(off)
        # Both have threads that write their logs.
        wait_for(
            lambda: self.threads(on.process.pid) == self.threads(off.process.pid) + 1, "the thread"
        )
        for running in (on, off):
            self.stop(running)

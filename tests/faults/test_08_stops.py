"""Daemons that are told to stop: while they start, and under load."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.counts import BURSTS, SLOW_SECONDS, STOPPED_DAEMONS
from tests.faults.crowd import Crowd, LinePeer, Peer
from tests.faults.harness import FaultTestCase, Stopwatch, server_log
from tests.faults.moments import SENDER, STARTING, STOPPING, UNPREPARED, Moment
from tests.support import PATIENCE, TWISTD, Daemon, wait_for
from tests.support.integration import GOODBYE, MEGABYTE, make_pair, request

BURST = 32
"""So many signals are as good as one, where they come at once."""

SMALL_BUFFER = 4096
"""What the kernel keeps for a client that reads slowly."""

BIG = """
from actionhero_tcp import action


@action
def big(api, connection):
    return {"data": "~" * (8 * 1024 * 1024)}
"""

OUTSTANDING = 8
ASKED = (
    b"randomNumber\n",
    request("sleepTest", sleepDuration=50).encode() + b"\n",
    b"detailsView\n",
    b"say hooray!\n",
)

_NUMBER = re.compile(rb'"context":"response".*"messageCount":(\d+)\}\Z')
_GONE = re.compile(r"disconnect client=(\w+) .* requests=(\d+) .* reason=\"(.+)\"")


class StartTests(FaultTestCase):
    """A daemon whose SIGTERM comes before it serves, or again when it has served."""

    number = 8

    def setUp(self) -> None:
        self.place = self.folder({"sitecustomize.py": SENDER})
        key_file, cert_file = make_pair(self.place / "certs")
        secure = f"ssl:0:interface=127.0.0.1:privateKey={key_file}:certKey={cert_file}"
        self.listen = [f"--listen={each}" for each in ("tcp:0:interface=127.0.0.1", secure)]
        self.listen.append("--listen=unix:socket")
        self.before = set(self.place.iterdir())

    def live(self, moments: Sequence[Moment], signals: int, *options: str) -> tuple[int, str]:
        """Starts a daemon that signals itself; gives its exit status and its output."""
        (self.place / "reached").unlink(missing_ok=True)
        variables = {
            "PYTHONPATH": str(self.place),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MOMENTS": ",".join(map(str, moments)),
            "SIGNALS": str(signals),
        }
        try:
            ended = subprocess.run(
                [str(TWISTD), "--pidfile=pid", *options, "actionhero", *self.listen],
                cwd=self.place,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired as error:
            self.fail(f"{variables['MOMENTS']}: it did not end: {error.output}")
        return ended.returncode, ended.stdout

    def reached(self) -> list[int]:
        """The processes that have got to the moments."""
        path = self.place / "reached"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def assert_clean(self) -> None:
        """No PID file, no socket and no lock is there that could stop the next start."""
        left = {path.name for path in set(self.place.iterdir()) - self.before}
        self.assertLessEqual(left, {"reached", "twistd.log"})

    def test_moments(self) -> None:
        singles = [[moment] for moment in (*UNPREPARED, *STARTING)]
        doubles = [[STARTING[0], moment] for moment in STOPPING]
        for signals in BURSTS:
            for moments in (*singles, *doubles):
                status, output = self.live(moments, signals, "--nodaemon")
                shown = f"{signals} x {moments}: status {status}, {output[-3000:]}"
                self.assertEqual(len(self.reached()), len(moments), shown)
                self.assertEqual(status, -signal.SIGTERM, shown)
                self.assertNotIn("Traceback", output, shown)
                served = moments[0] not in UNPREPARED
                self.assertEqual("has stopped" in output, served, shown)
                self.assert_clean()
        bursts = " and ".join(f"{signals}" for signals in BURSTS)
        self.note(
            f"SIGTERM ({bursts} at once) at {len(singles)} moments of the start, from before "
            f"the imports to the reactor's first pass, and again at {len(doubles)} of the end; "
            "TCP, TLS and a UNIX socket, with a PID file",
            f"each of {len(BURSTS) * (len(singles) + len(doubles))} processes ended by SIGTERM, "
            "with no traceback, and the next one started in the same folder: no PID file, "
            "socket or lock was left",
        )

    def test_in_the_background(self) -> None:
        moment = STARTING[3]
        status, output = self.live([moment], BURST, "--logfile=twistd.log")
        # It was the daemon that got it, and not the process that waits for its start.
        self.assertEqual((status, output), (0, ""))
        (daemon,) = self.reached()
        wait_for(lambda: not Path(f"/proc/{daemon}").exists(), "the end of the daemon")
        self.assertIn("has stopped", (self.place / "twistd.log").read_text())
        self.assert_clean()

    def test_the_process_that_waits_for_a_start(self) -> None:
        moment = Moment("call", STARTING[3].module, "UnixApplicationRunner._waitForStart")
        status, _ = self.live([moment], 1, "--logfile=twistd.log")
        self.assertEqual(status, -signal.SIGTERM)
        pid_file = self.place / "pid"
        log = self.place / "twistd.log"
        wait_for(lambda: log.exists() and "has started" in log.read_text(), "a start")
        daemon = int(pid_file.read_text())
        os.kill(daemon, signal.SIGTERM)
        wait_for(lambda: not Path(f"/proc/{daemon}").exists(), "the end of the daemon")
        self.assert_clean()


class Caller(LinePeer):
    """Has some requests outstanding at any time, until it is told goodbye.

    Attributes:
        id: Its id; empty until it knows it.
        answers: The numbers of its answers.
        goodbyes: How often it was told goodbye.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.id = ""
        self.answers: Counter[int] = Counter()
        self.goodbyes = 0
        self.send(b"detailsView\n")

    def line(self, line: bytes) -> None:
        if match := _NUMBER.search(line):
            self.answers[int(match[1])] += 1
            if not self.id:
                self.id = json.loads(line)["details"]["public"]["id"]
                self.send(b"".join(ASKED) * (OUTSTANDING // len(ASKED)))
            elif not self.goodbyes:
                self.send(ASKED[len(self.answers) % len(ASKED)])
        elif line == GOODBYE:
            self.goodbyes += 1
        else:
            assert not self.goodbyes or b'"from":' in line, line


class QuietOne(LinePeer):
    """Asks for nothing.

    Attributes:
        last: The last line that it got.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.last = b""
        self.send(b"roomChange quiet\n")

    def line(self, line: bytes) -> None:
        self.last = line


class SlowReader(Peer):
    """Takes an answer of 8 MB: its begin, and then the rest a little at a time.

    Attributes:
        got: How many of its bytes it got.
        last: The last bytes that it got.
        since: When it began to take the rest, on the monotonic clock.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.got = 0
        self.last = b""
        self.since = math.inf
        # In a room of its own, so that it does not hear of others who leave.
        self.send(b"roomChange slow\nbig\n")

    def received(self, data: bytes) -> None:
        self.got += data.count(b"~")
        self.last = (self.last + data)[-200:]
        self.pause()

    def take(self) -> None:
        """Reads on, if it is time to."""
        due = max(0.0, time.monotonic() - self.since) / SLOW_SECONDS
        if not self.end and self.got <= due * 8 * MEGABYTE:
            self.resume()


class Load:
    """One daemon with clients that keep it busy.

    Args:
        running: The daemon.
        tls: Whether they speak TLS.
        web_port: Its web port, where they come over WebSocket; 0 for none.
    """

    def __init__(self, running: Daemon, tls: bool, web_port: int) -> None:
        self.running = running
        self.crowd = Crowd(running, tls, web_port)
        self.callers = [self.crowd.add(Caller) for _ in range(3)]
        self.quiet = self.crowd.add(QuietOne)
        self.slow = self.crowd.add(SlowReader, buffer=SMALL_BUFFER)

    def stop(self, signals: int) -> None:
        """Tells the daemon to stop, so many times; from now on all its clients read."""
        self.slow.since = time.monotonic()
        for _ in range(signals):
            self.running.process.send_signal(signal.SIGTERM)

    def write_batch(self) -> None:
        """One pass of its clients."""
        self.slow.take()
        self.crowd.write_batch()

    @property
    def on(self) -> bool:
        """Whether all clients are there, and the daemon is in the middle of it."""
        answered = all(len(each.answers) > 50 for each in self.callers)
        return answered and self.quiet.welcomed and self.slow.got > 0

    @property
    def over(self) -> bool:
        """Whether all clients have seen the end, and the daemon is gone."""
        return not self.crowd.peers and self.running.process.poll() is not None


class StopTests(FaultTestCase):
    """Nobody loses an answer."""

    number = 8

    def test_under_load(self) -> None:
        files = {"actions/big.py": BIG}
        daemons = [self.start_one(files=files) for _ in range(STOPPED_DAEMONS)]
        loads = [Load(running, bool(self.pair), web_port) for running, web_port in daemons]
        for load in loads:
            self.addCleanup(load.crowd.close)
        self.turn_until(loads, "on")
        watch = Stopwatch()
        for number, load in enumerate(loads):
            load.stop(BURST if number % 2 else 1)
        self.turn_until(loads, "over")
        seconds, answers = watch.seconds, 0
        for load in loads:
            answers += self.check(load)
        self.note(
            f"SIGTERM to {STOPPED_DAEMONS} daemons at once (every second one gets {BURST}); "
            f"each serves 3 clients with {OUTSTANDING} requests outstanding, a quiet one, and "
            f"one that takes {SLOW_SECONDS:.0f} s for an answer of 8 MB",
            f"all ended by SIGTERM within {seconds:.1f} s; {answers:,} answers, one for each "
            "request that was read, every byte of the large ones, and one goodbye for each "
            "client; no connection was reset",
        )

    def turn_until(self, loads: Sequence[Load], state: str) -> None:
        """Lets the clients of all daemons live until all have come to a state."""
        end = time.monotonic() + PATIENCE + SLOW_SECONDS
        while not all(getattr(load, state) for load in loads):
            for load in loads:
                load.write_batch()
            self.assertLess(time.monotonic(), end, f"waited in vain for all to be {state}")

    def check(self, load: Load) -> int:
        """Compares what the clients of a daemon got with what it has logged; gives how many."""
        self.assert_ended(load.running)
        found = map(_GONE.search, load.running.log.splitlines())
        gone = {match[1]: (int(match[2]), match[3]) for match in found if match}
        self.assertEqual(len(gone), 5)
        self.assertEqual({reason for _, reason in gone.values()}, {"server stopped"})
        for each in load.callers:
            read, _ = gone[each.id]
            self.assertEqual(each.answers, Counter(range(1, read + 1)))
            self.assertEqual((each.goodbyes, each.end), (1, "closed"))
        self.assertEqual((load.quiet.last, load.quiet.end), (GOODBYE, "closed"))
        self.assertEqual((load.slow.got, load.slow.end), (8 * MEGABYTE, "closed"))
        self.assertTrue(load.slow.last.endswith(b"\r\n" + GOODBYE + b"\r\n"), load.slow.last)
        return sum(each.answers.total() for each in load.callers) + 2

    def assert_ended(self, running: Daemon) -> None:
        """The daemon has ended by its signal, in good order."""
        log = "".join(server_log(running))
        self.assertEqual(running.process.returncode, -signal.SIGTERM, log[-3000:])
        self.assertNotIn("Traceback", log)
        self.assertIn("has stopped", log)


class StopTLSTests(StopTests):
    """The same over TLS."""

    pair = "ec"


class StopWebSocketTests(StopTests):
    """The same over WebSocket."""

    web = True

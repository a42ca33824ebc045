"""The supervisor, with processes that are none, on a clock that stands still."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from actionhero_tcp.config import configuration
from actionhero_tcp.config.sections import Config
from actionhero_tcp.daemon.signals import SAME_SIGNAL_SECONDS
from actionhero_tcp.errors import StartError
from actionhero_tcp.server import file_reading
from actionhero_tcp.server.listening import Listener
from actionhero_tcp.server.platform import Platform
from actionhero_tcp.workers import process as workerprocess
from actionhero_tcp.workers.handover import RETRY_SECONDS
from actionhero_tcp.workers.process import CUT_SECONDS, LONGEST_DELAY, START_SECONDS, Worker
from actionhero_tcp.workers.supervisor import Supervisor, WorkerPlan
from actionhero_tcp.workers.worker import FIRST_CHANNEL, NOTIFY_DESCRIPTOR, WorkerSpec
from tests.support.serving import FakeEndpoint, ServingTestCase

STOP_SECONDS = 20 + 6 * 5 + 5
"""How long a stop may take with the limits of the defaults."""


class FakeProcess:
    """A process' transport."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.written = b""
        self.closed: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def closeStdin(self) -> None:
        self.closed.append("stdin")

    def loseConnection(self) -> None:
        self.closed.append("all")


class FakeReactor(Clock):
    """A clock that starts processes, which are none."""

    def __init__(self) -> None:
        super().__init__()
        self.spawned: list[dict[str, Any]] = []
        self.error: OSError | None = None

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        call(*args)

    def spawnProcess(
        self, protocol: Worker, executable: str, args: list[str], **options: Any
    ) -> None:
        if self.error is not None:
            raise self.error
        for descriptor, target in options["childFDs"].items():
            if descriptor >= FIRST_CHANNEL:
                os.fstat(target)
        self.spawned.append({"protocol": protocol, "args": args, **options})
        protocol.makeConnection(FakeProcess(1000 + len(self.spawned)))


class SharedPort:
    """A port that listens."""

    addressFamily = socket.AF_INET
    disconnecting = False

    def __init__(self, order: list[str]) -> None:
        self.order = order
        self.socket = self
        self.reading = True

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 5000

    def getHost(self) -> str:
        return "127.0.0.1:5000"

    def startReading(self) -> None:
        self.reading = True

    def stopReading(self) -> None:
        self.reading = False

    def stopListening(self) -> None:
        self.order.append("closed")


class SupervisorTestCase(ServingTestCase):
    """A supervisor of three workers."""

    def setUp(self) -> None:
        super().setUp()
        self.reactor = FakeReactor()
        self.signals: list[tuple[int, str]] = []
        self.config = configuration.build(
            {("general", "workers"): 3, ("general", "server_name"): "the server"}
        )
        self.read_error: StartError | None = None
        self.patch(workerprocess.os, "kill", self.kill)
        self.patch(file_reading, "start_thread", lambda call: call())
        self.port = SharedPort(self.order)
        self.supervisor = Supervisor(
            WorkerPlan(self.config, self.read, lambda number: ["worker", str(number)]),
            [Listener(FakeEndpoint(self.port), "here")],
            Platform(self.reactor, self.notifier, self.failures.append),  # type: ignore[arg-type]
            self.logs,  # type: ignore[arg-type]
        )
        self.addCleanup(self.close)

    def close(self) -> None:
        """Closes the channels of all that are left."""
        for worker in list(self.supervisor._workers.values()):
            for end in worker.ends:
                end.close()

    def read(self) -> Config:
        if self.read_error is not None:
            raise self.read_error
        return self.config

    def kill(self, pid: int, number: int) -> None:
        self.signals.append((pid, signal.Signals(number).name))
        self.order.append(f"{signal.Signals(number).name} {pid}")

    def start(self) -> list[Worker]:
        """Starts the workers."""
        self.supervisor.privilegedStartService()
        self.supervisor.startService()
        self.reactor.advance(0)
        return [spawned["protocol"] for spawned in self.reactor.spawned]

    def ready(self, *workers: Worker) -> None:
        """They tell that they are ready."""
        for worker in workers:
            worker.childDataReceived(NOTIFY_DESCRIPTOR, b"READY=1\nSTATUS=listening\n")

    def start_all(self) -> list[Worker]:
        """Starts the workers, which become ready."""
        started = self.start()
        self.ready(*started)
        return started

    def end(self, worker: Worker, status: int | None = None, number: int | None = None) -> None:
        """A worker ends, with a status or by a signal."""
        error: Exception = ProcessDone(0)
        if status or number:
            error = ProcessTerminated(status, number, 0)
        worker.processExited(Failure(error))
        worker.processEnded(Failure(error))

    @property
    def told(self) -> list[tuple[Any, ...]]:
        """What systemd was told since the last time."""
        told, self.notifier.told = self.notifier.told, []
        return told

    @property
    def sent(self) -> list[tuple[int, str]]:
        """The signals that workers were sent since the last time."""
        sent, self.signals = self.signals, []
        return sent


class StartTests(SupervisorTestCase):
    """The start of the workers."""

    def test_each_is_started_with_its_number_and_its_place(self) -> None:
        started = self.start()
        self.assertEqual([1, 2, 3], [worker.number for worker in started])
        self.assertEqual(
            [["worker", "1"], ["worker", "2"], ["worker", "3"]],
            [spawned["args"] for spawned in self.reactor.spawned],
        )
        place = WorkerSpec.decode(started[1].transport.written)
        self.assertEqual(2, place.number)
        self.assertEqual(self.config, place.config)
        self.assertEqual([(socket.AF_INET, ("127.0.0.1", 5000))], place.sockets)
        self.assertEqual(["stdin"], started[1].transport.closed)

    def test_they_inherit_the_environment_standard_output_and_channels(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        self.start()
        self.assertEqual(before + 3, len(os.listdir("/proc/self/fd")), "its ends of the channels")
        spawned = self.reactor.spawned[0]
        self.assertIsNone(spawned["env"])
        descriptors = spawned["childFDs"]
        self.assertEqual({0: "w", 1: 1, 2: 2, 3: "r"}, {n: descriptors[n] for n in range(4)})
        self.assertEqual({0, 1, 2, 3, 4}, set(descriptors))

    def test_it_is_ready_when_all_are(self) -> None:
        one, two, three = self.start()
        self.ready(one, three)
        self.assertEqual([], self.told)
        self.assertTrue(self.port.reading)
        self.ready(two)
        status = "3 of 3 workers are ready, listening on 127.0.0.1:5000"
        self.assertEqual([("ready", status)], self.told)
        self.assertIn("the server has started, with 3 workers", self.log)
        self.assertIn("worker 2 (PID 1002) is ready", self.log)

    def test_nothing_is_accepted_before_one_is_ready(self) -> None:
        one, _, _ = self.start()
        self.assertFalse(self.port.reading)
        self.ready(one)
        self.assertTrue(self.port.reading)

    def test_one_that_could_not_start_ends_the_start(self) -> None:
        one, two, _ = self.start()
        self.end(two, 1)
        self.end(one, 1)
        self.assertEqual(["worker 2 could not start"], self.failures)
        self.reactor.advance(START_SECONDS / 2)
        self.assertEqual(3, len(self.reactor.spawned))

    def test_one_that_is_killed_while_it_starts_is_replaced(self) -> None:
        one, two, three = self.start()
        self.ready(one, two)
        self.end(three, number=signal.SIGKILL)
        self.reactor.advance(0)
        self.assertEqual([], self.failures)
        self.ready(self.reactor.spawned[3]["protocol"])
        self.assertIn("the server has started, with 3 workers", self.log)

    def test_one_that_is_not_ready_in_time_is_killed(self) -> None:
        one, two, three = self.start()
        self.ready(two, three)
        self.reactor.advance(START_SECONDS)
        self.assertEqual([(one.pid, "SIGKILL")], self.sent)
        self.assertIn("worker 1 (PID 1001) is not ready after 300 s and is killed", self.log)

    def test_one_that_the_system_cannot_start_ends_the_start(self) -> None:
        self.reactor.error = OSError(errno.EACCES, "Permission denied")
        before = len(os.listdir("/proc/self/fd"))
        self.start()
        self.assertEqual(["worker 1 cannot be started: Permission denied"], self.failures)
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))


class DeathTests(SupervisorTestCase):
    """Workers that die."""

    def test_it_is_replaced_at_once_and_then_with_backoff(self) -> None:
        one, _, _ = self.start_all()
        self.told.clear()
        for delay in (0, 1, 2, 4):
            self.end(one, number=signal.SIGKILL)
            self.reactor.advance(delay)
            one = self.reactor.spawned[-1]["protocol"]
            self.assertEqual(1, one.number)
            self.ready(one)
        self.assertEqual(3 + 4, len(self.reactor.spawned))
        self.assertIn(
            "worker 1 (PID 1001) was ended by SIGKILL; another takes its place in 0 s", self.log
        )
        self.assertIn(
            "worker 1 (PID 1004) was ended by SIGKILL; another takes its place in 1 s", self.log
        )
        self.assertEqual([], self.failures)

    def test_without_processes_it_tries_again_ever_later(self) -> None:
        one, _, _ = self.start_all()
        self.end(one, number=signal.SIGKILL)
        self.reactor.error = OSError(errno.EAGAIN, "Resource temporarily unavailable")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            self.reactor.advance(1)
        self.assertIn(
            "worker 1 cannot be started: Resource temporarily unavailable; "
            "it is tried again in 8 s",
            self.log,
        )
        self.assertLess(len([line for line in self.log if "cannot be started" in line]), 8)
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))
        self.reactor.error = None
        self.reactor.advance(LONGEST_DELAY)
        self.assertEqual(4, len(self.reactor.spawned))
        self.assertEqual([], self.failures)

    def test_the_log_says_how_it_has_ended(self) -> None:
        one, two, three = self.start_all()
        self.end(one)
        self.end(two, 3)
        self.end(three, number=signal.SIGSEGV)
        ends = [line for line in self.log if "takes its place" in line]
        self.assertIn("has ended;", ends[0])
        self.assertIn("has ended with status 3;", ends[1])
        self.assertIn("was ended by SIGSEGV;", ends[2])

    def test_systemd_sees_how_many_there_are_and_that_it_is_ready(self) -> None:
        one, _, _ = self.start_all()
        self.told.clear()
        self.end(one, 1)
        self.reactor.advance(0)
        self.ready(self.reactor.spawned[-1]["protocol"])
        counts = [status.partition(" workers")[0] for _, status in self.told]
        self.assertEqual(["2 of 3", "3 of 3"], counts)

    def test_while_all_are_dead_nothing_is_accepted(self) -> None:
        for worker in self.start_all():
            self.end(worker, number=signal.SIGKILL)
        self.assertFalse(self.port.reading)
        self.reactor.advance(0)
        self.ready(self.reactor.spawned[-1]["protocol"])
        self.assertTrue(self.port.reading)

    def test_one_that_stops_by_itself_gets_nothing_more_and_is_replaced(self) -> None:
        one, two, three = self.start_all()
        one.childDataReceived(NOTIFY_DESCRIPTOR, b"STOPPING=1\n")
        self.assertEqual({two, three}, set(self.supervisor._dispatcher._takers))
        self.assertEqual(3, len(self.reactor.spawned))
        self.end(one, number=signal.SIGTERM)
        self.reactor.advance(0)
        self.assertEqual(4, len(self.reactor.spawned))

    def test_one_that_stops_for_ever_is_killed(self) -> None:
        one, _, _ = self.start_all()
        one.childDataReceived(NOTIFY_DESCRIPTOR, b"STOPPING=1\n")
        self.reactor.advance(STOP_SECONDS)
        self.assertEqual([(one.pid, "SIGKILL")], self.sent)

    def test_what_a_dead_one_has_said_late_is_not_heard(self) -> None:
        one, _, _ = self.start_all()
        self.end(one, number=signal.SIGKILL)
        self.ready(one)
        one.send(signal.SIGTERM)
        self.assertNotIn(one, self.supervisor._dispatcher._takers)
        self.assertEqual([], self.sent)
        self.assertEqual(["stdin", "all"], one.transport.closed)


class SignalTests(SupervisorTestCase):
    """Reloads, and logs that are opened anew."""

    def test_a_reload_is_done_when_all_have(self) -> None:
        one, two, three = self.start_all()
        self.told.clear()
        self.supervisor.reload_later()
        self.assertEqual([(w.pid, "SIGHUP") for w in (one, two, three)], self.sent)
        self.ready(one, two)
        self.assertEqual([("reloading",)], self.told)
        self.ready(three)
        (told,) = self.told
        self.assertEqual("ready", told[0])

    def test_a_worker_that_has_reloaded_is_there_once(self) -> None:
        one, _, _ = self.start_all()
        self.supervisor.reload_later()
        self.ready(one)
        self.assertEqual(1, self.supervisor._dispatcher._takers.count(one))
        self.assertEqual(1, self.log.count("worker 1 (PID 1001) is ready"))

    def test_one_that_dies_meanwhile_is_not_waited_for(self) -> None:
        one, two, three = self.start_all()
        self.supervisor.reload_later()
        self.ready(one, two)
        self.told.clear()
        self.end(three, number=signal.SIGKILL)
        self.assertEqual("ready", self.told[-1][0])

    def test_one_that_starts_reloads_when_it_is_ready(self) -> None:
        one, two, three = self.start()
        self.ready(one, two)
        self.supervisor.reload_later()
        self.supervisor.reopen_logs()
        self.assertNotIn(three.pid, [pid for pid, _ in self.sent])
        self.ready(three)
        self.assertEqual({(three.pid, "SIGHUP"), (three.pid, "SIGUSR1")}, set(self.sent))

    def test_a_wrong_configuration_reaches_no_worker(self) -> None:
        self.start_all()
        self.told.clear()
        self.read_error = StartError("config.json: no")
        self.supervisor.reload_later()
        self.assertEqual(([], []), (self.sent, self.told))
        self.assertIn("the reload has changed nothing: config.json: no", self.log)

    def test_who_comes_later_has_what_was_reloaded_and_nothing_that_needs_a_restart(self) -> None:
        one, _, _ = self.start_all()
        changed = {
            ("limits", "max_params"): 7,
            ("tcp_server", "port"): 1,
            ("general", "workers"): 9,
        }
        self.config = configuration.build(changed)
        self.supervisor.reload_later()
        self.end(one, number=signal.SIGKILL)
        self.reactor.advance(0)
        place = WorkerSpec.decode(self.reactor.spawned[-1]["protocol"].transport.written)
        self.assertEqual(7, place.config.limits.max_params)
        self.assertEqual((5000, 3), (place.config.tcp_server.port, place.config.general.workers))

    def test_the_logs_are_opened_anew_by_all(self) -> None:
        started = self.start_all()
        self.supervisor.reopen_logs()
        self.assertEqual([(worker.pid, "SIGUSR1") for worker in started], self.sent)
        self.assertIn("reopened the logs", self.log)


class StopTests(SupervisorTestCase):
    """The stop."""

    def test_the_ports_close_then_the_workers_stop_and_then_it_is_over(self) -> None:
        one, two, three = self.start_all()
        self.told.clear()
        stopped = self.supervisor.stopService()
        self.assertEqual(["closed", "SIGTERM 1001", "SIGTERM 1002", "SIGTERM 1003"], self.order)
        self.assertEqual([("stopping", "stopping, with the workers", STOP_SECONDS)], self.told)
        for worker in (one, two):
            worker.childDataReceived(NOTIFY_DESCRIPTOR, b"STOPPING=1\nSTATUS=stopping\n")
            self.end(worker, number=signal.SIGTERM)
        self.assertNoResult(stopped)
        self.end(three)
        self.successResultOf(stopped)
        self.assertEqual([("close",)], self.told)
        self.assertIn("the server has stopped", self.log)
        self.reactor.advance(1000)
        self.assertEqual(3, len(self.reactor.spawned))

    def test_workers_that_start_stop_too(self) -> None:
        started = self.start()
        stopped = self.supervisor.stopService()
        self.assertEqual([(worker.pid, "SIGTERM") for worker in started], self.sent)
        for worker in started:
            self.end(worker, number=signal.SIGTERM)
        self.successResultOf(stopped)

    def test_one_that_does_not_stop_is_killed(self) -> None:
        one, two, three = self.start_all()
        stopped = self.supervisor.stopService()
        self.end(one)
        self.end(two)
        self.sent.clear()
        self.reactor.advance(STOP_SECONDS)
        self.assertEqual([(three.pid, "SIGKILL")], self.sent)
        self.assertIn("worker 3 (PID 1003) has not stopped in 55 s and is killed", self.log)
        self.end(three, number=signal.SIGKILL)
        self.successResultOf(stopped)

    def test_nobody_is_replaced_any_more(self) -> None:
        one, two, three = self.start_all()
        self.end(one, number=signal.SIGKILL)
        stopped = self.supervisor.stopService()
        self.end(two)
        self.end(three)
        self.successResultOf(stopped)
        self.reactor.advance(LONGEST_DELAY)
        self.assertEqual(3, len(self.reactor.spawned))

    def test_without_a_worker_it_is_over_at_once(self) -> None:
        self.supervisor.privilegedStartService()
        self.supervisor.startService()
        self.successResultOf(self.supervisor.stopService())
        self.reactor.advance(RETRY_SECONDS)
        self.assertEqual([], self.reactor.spawned)

    def test_a_stop_that_is_cut_short(self) -> None:
        started = self.start_all()
        stopped = self.supervisor.stopService()
        self.sent.clear()
        self.supervisor.cut_short()
        self.assertEqual([], self.sent)
        self.reactor.advance(SAME_SIGNAL_SECONDS)
        self.assertEqual([(worker.pid, "SIGTERM") for worker in started], self.sent)
        self.end(started[0])
        self.reactor.advance(CUT_SECONDS)
        self.assertEqual([(worker.pid, "SIGKILL") for worker in started[1:]], self.sent)
        for worker in started[1:]:
            self.end(worker, number=signal.SIGKILL)
        self.successResultOf(stopped)

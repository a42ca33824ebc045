"""The installed daemon with hooks of the start and the stop."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

from tests.process.test_systemd import ToldTestCase
from tests.process.test_workers import NO_REDIS, WorkersTestCase, is_alive
from tests.support import PATIENCE, TWISTD, Daemon, wait_for
from tests.support.activation import INET, ActivationTestCase
from tests.support.integration import WELCOME, OwnDaemonTestCase
from tests.support.ports import reserve
from tests.support.redis_server import redis_server

POOL = """
import os

from twisted.internet.task import deferLater

from actionhero_tcp import action, on_disconnect, on_start, on_stop


@on_start
async def open_pool(api):
    print("OPENING", os.getpid(), flush=True)
    while os.path.exists("held"):
        await deferLater(api.reactor, 0.01)
    api.state.pool = [os.getpid()]
    print("OPEN", os.getpid(), flush=True)


@on_stop
async def close_pool(api):
    await deferLater(api.reactor, 0.01)
    print("CLOSED", api.state.pool.pop(), len(api.connections), flush=True)


@on_disconnect
async def gone(api, connection, reason):
    await deferLater(api.reactor, 0.05)
    print("GONE", api.state.pool, flush=True)


@action
def pool(api, connection):
    return {"pool": api.state.pool}
"""

LAST = """
from actionhero_tcp import ActionError, on_start, on_stop


@on_start
def last(api):
    {last}


@on_stop
def end_last(api):
    print("END OF LAST", flush=True)
"""

REFUSES = LAST.format(last='raise ActionError("the queue is away")')
FAILS = LAST.format(last="1 / 0")


class HeldTestCase(OwnDaemonTestCase):
    """Has daemons whose start lasts until a file is gone."""

    def begin(self, *options: str, folder: Path) -> Daemon:
        """A daemon that starts, and is held up by its hook."""
        (folder / "held").touch()
        with open(folder / "log.txt", "wb") as log:
            process = subprocess.Popen(
                [str(TWISTD), "-n", "--pidfile=", "actionhero", "--bind-ip=127.0.0.1", *options],
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        running = Daemon(process, folder, 0)
        running.wait_for_log("OPENING")
        return running

    def let_go(self, running: Daemon) -> None:
        """Lets it start, and waits until it has."""
        (running.folder / "held").unlink()
        running.wait_for_log("has started")


class StartTests(HeldTestCase, ToldTestCase):
    """The start, and what it is held up for."""

    def test_nothing_is_served_before_the_hooks_have_ended(self) -> None:
        port = reserve(self)
        running = self.begin(f"--port={port}", folder=self.folder({"actions/pool.py": POOL}))
        running.port = port
        self.assertRaises(ConnectionRefusedError, running.connect)
        self.assertEqual([], self.manager.rest())
        self.let_go(running)
        self.assertEqual("1", self.manager.state()["READY"])
        client = self.join(running)
        self.assertEqual([running.process.pid], client.ask("pool")["pool"])
        log = running.wait_for_log("has started")
        order = [log.index(word) for word in ("OPEN ", "listening on", "has started")]
        self.assertEqual(sorted(order), order)
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_log("reloaded the certificates")
        self.stop(running)
        self.assertEqual(1, running.log.count("OPENING"))

    def test_a_signal_to_stop_ends_the_start(self) -> None:
        folder = self.folder({"actions/pool.py": POOL, "actions/a.py": LAST.format(last="pass")})
        running = self.begin("--port=0", folder=folder)
        running.process.send_signal(signal.SIGTERM)
        self.assert_ended_well(running)
        self.assertNotIn("listening on", running.log)
        self.assertNotIn("CLOSED", running.log)
        self.assertIn("END OF LAST", running.log)

    def test_a_reload_meanwhile_does_not_make_it_ready(self) -> None:
        running = self.begin("--port=0", folder=self.folder({"actions/pool.py": POOL}))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_log("reloaded the certificates")
        self.assertNotIn("READY=1", "".join(self.manager.rest()))
        self.let_go(running)
        self.assertEqual("1", self.manager.state()["READY"])
        self.stop(running)

    def test_one_that_takes_too_long(self) -> None:
        folder = self.folder({"actions/pool.py": POOL, "held": ""})
        said = self.refusal(folder, "--action-timeout=0.2")
        self.assertIn("has not ended in 0.2 s (limits.actionTimeout)", said)

    def test_a_check_of_the_configuration_runs_none(self) -> None:
        folder = self.folder({"actions/pool.py": POOL, "actions/queue.py": FAILS})
        ended = subprocess.run(
            [str(TWISTD), "actionhero", "--check-config"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertNotIn("OPEN", ended.stdout + ended.stderr)

    def test_in_the_background_who_has_started_it_waits_for_the_hooks(self) -> None:
        folder = self.folder({"actions/pool.py": POOL, "held": ""})
        command = [str(TWISTD), "--pidfile=x.pid", "--logfile=x.log", "actionhero", "--port=0"]
        starting = subprocess.Popen(command, cwd=folder)
        self.addCleanup(starting.wait)
        self.addCleanup(starting.kill)
        log = folder / "x.log"
        wait_for(lambda: log.exists() and "OPENING" in log.read_text(), "the hook")
        pid = int((folder / "x.pid").read_text())
        self.addCleanup(lambda: is_alive(pid) and os.kill(pid, signal.SIGKILL))
        self.assertIsNone(starting.poll())
        (folder / "held").unlink()
        self.assertEqual(0, starting.wait(PATIENCE))
        wait_for(lambda: "has started" in log.read_text(), "the start in the log")
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_alive(pid), "its end")
        self.assertIn("CLOSED", log.read_text())


class FailureTests(OwnDaemonTestCase):
    """Starts that fail."""

    def test_a_refusal_is_one_line_and_what_was_opened_is_closed(self) -> None:
        folder = self.folder({"actions/pool.py": POOL, "actions/queue.py": REFUSES})
        said = self.refusal(folder, "--log-file=server.log")
        place = folder / "actions" / "queue.py"
        error = f"{place}:5: the hook 'last' (@on_start) refuses the start: the queue is away"
        self.assertEqual(f"twistd actionhero: {error}\n", said)
        log = (folder / "server.log").read_text()
        self.assertIn(error, log)
        self.assertIn("CLOSED", log)
        for word in ("Traceback", "END OF LAST", "listening on"):
            self.assertNotIn(word, log)

    def test_of_other_errors_the_log_has_the_traceback(self) -> None:
        folder = self.folder({"actions/queue.py": FAILS})
        said = self.refusal(folder, "--log-file=server.log")
        self.assertIn("the hook 'last' (@on_start) failed: ZeroDivisionError: division", said)
        log = (folder / "server.log").read_text()
        self.assertIn("Traceback", log)
        self.assertIn("queue.py", log)

    def test_in_the_background_it_is_told_and_leaves_no_pid_file(self) -> None:
        folder = self.folder({"actions/q.py": REFUSES})
        said = self.refusal(folder, daemonize=True)
        self.assertIn("An error has occurred", said)
        self.assertFalse((folder / "twistd.pid").exists())
        self.assertIn("refuses the start: the queue is away", (folder / "twistd.log").read_text())

    def test_a_thread_that_is_left_running_does_not_keep_the_process(self) -> None:
        thread = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
        said = self.refusal(self.folder({"actions/queue.py": thread + REFUSES}))
        self.assertIn("refuses the start: the queue is away", said)

    def test_a_port_that_is_taken(self) -> None:
        folder = self.folder({"actions/pool.py": POOL})
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said = self.refusal(folder, f"--port={port}", "--log-file=server.log")
        self.assertIn(f"cannot listen on TCP 127.0.0.1:{port}: Address already in use", said)
        log = (folder / "server.log").read_text()
        self.assertLess(log.index("OPEN "), log.index("CLOSED"))


class StopTests(OwnDaemonTestCase):
    """The stop."""

    def test_the_order(self) -> None:
        running = self.start(files={"actions/pool.py": POOL})
        client = self.join(running)
        client.ask("pool")
        self.stop(running)
        pid = running.process.pid
        steps = ("is stopping", f"GONE [{pid}]", f"CLOSED {pid} 0", "has stopped")
        order = [running.log.index(step) for step in steps]
        self.assertEqual(sorted(order), order)

    def test_one_that_waits_for_ever_is_cancelled(self) -> None:
        hook = "from twisted.internet.defer import Deferred\n" + LAST.format(last="pass")
        hook = hook.replace('print("END OF LAST", flush=True)', "return Deferred()")
        running = self.start("--close-timeout=0.2", files={"actions/wait.py": hook})
        self.stop(running)
        self.assertIn("'end_last' (@on_stop) was cancelled: its time is up", running.log)

    def test_what_one_raises_is_logged(self) -> None:
        hook = LAST.format(last="pass").replace("print(", "int(")
        running = self.start(files={"actions/bad.py": hook})
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, running.process.wait(PATIENCE))
        self.assertIn("the hook 'end_last' (@on_stop) failed:\n\tTraceback", running.log)
        self.assertIn("has stopped", running.log)


class ActivatedTests(ActivationTestCase):
    """Behind a socket of systemd."""

    def test_who_connects_meanwhile_is_served_afterwards(self) -> None:
        held = self.hold_tcp()
        client = self.call(held)
        running = self.activate([held], f"--listen={INET}", files={"actions/pool.py": POOL})
        self.assertEqual(WELCOME, client.line())
        self.assertEqual([running.process.pid], client.ask("pool")["pool"])
        self.stop(running)


class WorkerTests(WorkersTestCase):
    """Several processes."""

    def test_each_worker_runs_them_and_nobody_else(self) -> None:
        running = self.supervise(2, files={"actions/pool.py": POOL})
        for pid, client in self.each(running, 2).items():
            self.assertEqual([pid], client.ask("pool")["pool"])
        self.stop(running)
        for word in ("OPEN", "CLOSED"):
            ran = re.findall(rf"{word} (\d+)", running.log)
            self.assertEqual(2, len(set(ran)), running.log)
            self.assertEqual(2, len(ran))
            self.assertNotIn(str(running.process.pid), ran)

    def test_redis_is_there(self) -> None:
        counts = (
            "from actionhero_tcp import on_start, on_stop\n"
            "@on_start\nasync def begin(api):\n    await api.cache.save('key', 1)\n"
            "@on_stop\nasync def end(api):\n"
            "    print('KEPT', (await api.cache.load('key')).value, flush=True)\n"
        )
        with redis_server() as redis:
            address = f"--redis={redis.url}"
            running = self.supervise(2, files={"actions/counts.py": counts}, redis=address)
            self.stop(running)
        self.assertEqual(2, running.log.count("KEPT 1"))

    def test_a_start_that_fails(self) -> None:
        folder = self.folder({"actions/queue.py": REFUSES})
        options = ("--bind-ip=127.0.0.1", "--port=0", "--workers=2", NO_REDIS)
        ended = subprocess.run(
            [str(TWISTD), "-n", "--pidfile=", "actionhero", *options],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(1, ended.returncode, ended.stdout + ended.stderr)
        self.assertIn("the hook 'last' (@on_start) refuses the start: the queue", ended.stderr)
        self.assertIn("could not start", ended.stderr)
        self.assertNotIn("Traceback", ended.stdout + ended.stderr)

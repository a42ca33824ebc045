"""Several processes on the same ports: a real supervisor and its real workers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.process.test_systemd import ToldTestCase
from tests.support import PATIENCE, TWISTD, Daemon, wait_for
from tests.support.activation import INET, ActivationTestCase
from tests.support.integration import (
    GOODBYE,
    WELCOME,
    OwnDaemonTestCase,
    Talker,
    make_pair,
    request,
    without_requests,
)
from tests.support.ports import reserve
from tests.support.redis_server import redis_server

ACTIONS = """
import os
import sys
import threading
import time
from twisted.internet.task import deferLater
from actionhero_tcp import action


@action
def who(api, connection):
    return {"pid": os.getpid(), "from": connection.remote_address}


@action
async def untilFile(api, connection, *, path: str):
    while not os.path.exists(path):
        await deferLater(api.reactor, 0.01)
    return {"seen": path}


@action
def blockUntilFile(api, connection, *, path: str):
    open(path + ".blocked", "w").close()
    while not os.path.exists(path):
        time.sleep(0.01)


@action(blocking=True)
def stuck(api, connection):
    threading.Event().wait()


@action
def talk(api, connection):
    print("said on standard output", flush=True)
    print("said on standard error", file=sys.stderr, flush=True)


@action
def look(api, connection):
    return {
        "group": os.getpgid(0),
        "input": sys.stdin.read(),
        "names": list(os.environ),
        "inheritable": [n for n in map(int, os.listdir("/proc/self/fd")) if inheritable(n)],
    }


def inheritable(descriptor):
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False
"""

NO_REDIS = "--redis=redis://127.0.0.1:1"
"""Nobody listens there: the workers are alone, and serve."""

OWN_FILE = "--log-file=log.txt"
"""A file for the server's log, which is also where tests look for it."""

READY = re.compile(r"worker (\d+) \(PID (\d+)\) is ready")


def pids(running: Daemon) -> dict[int, int]:
    """The workers that are there or were there last, by their numbers."""
    return {int(number): int(pid) for number, pid in READY.findall(running.log)}


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class WorkersTestCase(OwnDaemonTestCase):
    """Has supervisors and their workers, without Redis."""

    def supervise(
        self,
        count: int,
        *options: str,
        files: Mapping[str, str | bytes] | None = None,
        pair: str = "",
        redis: str = NO_REDIS,
    ) -> Daemon:
        """A supervisor whose workers are all ready."""
        files = {"actions/all.py": ACTIONS, **(files or {})}
        running = self.start(
            f"--workers={count}", redis, "--announce-limit=0", *options, files=files, pair=pair
        )
        self.wait_until_ready(running, count)
        return running

    def wait_until_ready(self, running: Daemon, count: int) -> None:
        """Waits until all workers are ready for the first time."""
        running.wait_for_log(f"with {count} workers")

    def ask_who(self, client: Talker) -> int:
        """Which process serves a client."""
        pid: int = client.ask("who")["pid"]
        return pid

    def each(self, running: Daemon, count: int) -> dict[int, Talker]:
        """A client of each worker, by the worker's PID."""
        clients: dict[int, Talker] = {}
        while len(clients) < count:
            client = self.join(running)
            clients[self.ask_who(client)] = client
        return clients

    def assert_all_gone(self, running: Daemon) -> None:
        """No worker is left."""
        for pid in set(map(int, re.findall(r"\(PID (\d+)\) is ready", running.log))):
            wait_for(lambda pid=pid: not is_alive(pid), "the end of a worker")


class ServeTests(WorkersTestCase):
    """Serving."""

    def test_connections_spread_evenly(self) -> None:
        running = self.supervise(4)
        counts = Counter(self.ask_who(self.join(running)) for _ in range(400))
        self.assertEqual(set(pids(running).values()), set(counts))
        self.assertGreaterEqual(min(counts.values()), 50, counts)
        self.assertNotIn(running.process.pid, counts)
        self.stop(running)
        self.assert_all_gone(running)

    def test_both_logs_say_which_worker_speaks(self) -> None:
        running = self.supervise(2)
        numbers = {pid: number for number, pid in pids(running).items()}
        for client in self.each(running, 2).values():
            client.ask("talk")
            client.close()
        self.stop(running)
        for number in numbers.values():
            for event in ("connect", "request", "disconnect"):
                self.assertRegex(running.log, rf"Z {event} worker={number} client=\w+ from=")
        self.assertEqual(2, running.log.count("said on standard output"))
        self.assertEqual(2, running.log.count("said on standard error"))
        log = without_requests(running.log)
        for number in numbers.values():
            self.assertIn(f"[worker {number}, actionhero_tcp.server.service#info] ", log)
        for line in log.splitlines():
            if "actionhero_tcp.server.service#" in line:
                self.assertIn("[worker ", line)

    def test_logs_in_json_have_the_worker_in_each_line(self) -> None:
        running = self.supervise(2, "--log-format=json", "--request-log=requests.log", OWN_FILE)
        clients = self.each(running, 2)
        for client in clients.values():
            # More than a write of the request log takes at once.
            client.send(b"paramsView\n" * 5000)
            client.messages(5000)
            client.close()
        self.stop(running)
        server = [json.loads(line) for line in (running.folder / "log.txt").open()]
        self.assertEqual({1, 2, None}, {line.get("worker") for line in server})
        for line in server:
            if line["namespace"] == "actionhero_tcp.server.service":
                self.assertIn("worker", line)
        requests = [json.loads(line) for line in (running.folder / "requests.log").open()]
        self.assertEqual({1, 2}, {line["worker"] for line in requests})
        views = Counter(line["worker"] for line in requests if line.get("name") == "paramsView")
        self.assertEqual({1: 5000, 2: 5000}, dict(views))

    def test_a_worker_inherits_nothing_that_is_not_its_own(self) -> None:
        running = self.supervise(2)
        client = self.join(running)
        pid = self.ask_who(client)
        found = client.ask("look")
        self.assertEqual(pid, found["group"])
        self.assertEqual("", found["input"])
        self.assertEqual([], [name for name in found["names"] if "WORKER" in name])
        self.assertLessEqual(set(found["inheritable"]), {0, 1, 2})
        self.stop(running)

    def test_a_unix_socket_and_proxies_and_ipv6(self) -> None:
        running = self.supervise(
            2, "--listen=unix:here.sock", "--listen=haproxy:tcp:0:interface=127.0.0.1"
        )
        path = f"{running.folder}/here.sock"
        served = set()
        for _ in range(4):
            with socket.socket(socket.AF_UNIX) as stream:
                stream.settimeout(PATIENCE)
                stream.connect(path)
                client = Talker(stream)
                self.assertEqual(WELCOME, client.line())
                served.add(self.ask_who(client))
        self.assertEqual(set(pids(running).values()), served)
        stream = running.connect()
        self.addCleanup(stream.close)
        client = Talker(stream)
        client.send(b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 5000\r\n")
        self.assertEqual(WELCOME, client.line())
        self.assertEqual("192.0.2.7:1234", client.ask("who")["from"])
        self.stop(running)
        self.assertFalse(os.path.exists(path))

    def test_rooms_and_the_cache_are_one(self) -> None:
        with redis_server() as redis:
            running = self.supervise(2, f"--redis={redis.url}", redis="--use-redis")
            one, two = self.each(running, 2).values()
            for client in (one, two):
                wait_for(lambda client=client: client.ask("status")["stats"]["peers"], "a peer")
            one.ask("roomChange here")
            two.ask("roomChange here")
            wait_for(lambda: one.ask("roomView")["roomStatus"]["membersCount"] == 2, "both members")
            one.ask("say hello")
            self.assertEqual("hello", two.message()["message"])
            for client in (one, two):
                results = client.ask_json("cacheTest", key="k", value="v")["cacheTestResults"]
                self.assertEqual(("new record", "v"), (results["saveResp"], results["loadResp"]))
            self.stop(running)


class DeathTests(WorkersTestCase):
    """Workers that die."""

    def test_one_that_is_killed_is_replaced_while_the_others_serve(self) -> None:
        running = self.supervise(3)
        clients = self.each(running, 3)
        victim = pids(running)[2]
        os.kill(victim, signal.SIGKILL)
        running.wait_for_log("was ended by SIGKILL")
        self.assertTrue(clients[victim].is_dropped())
        for pid, client in clients.items():
            if pid != victim:
                self.assertEqual(pid, self.ask_who(client))
        # Nobody has to wait for the new one.
        for _ in range(6):
            self.assertNotEqual(victim, self.ask_who(self.join(running)))
        wait_for(lambda: pids(running)[2] != victim, "a new worker")
        self.assertIn(pids(running)[2], self.each(running, 3))
        running.wait_for_log("takes its place in 0 s")
        self.stop(running)
        self.assertNotIn("Traceback", running.log)
        self.assert_all_gone(running)

    def test_one_that_is_told_to_stop_says_goodbye_and_is_replaced(self) -> None:
        running = self.supervise(2)
        clients = self.each(running, 2)
        pid = pids(running)[1]
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(GOODBYE, clients[pid].line())
        clients[pid].close()
        wait_for(lambda: pids(running)[1] != pid, "a new worker")
        for client in clients.values():
            client.close()
        self.stop(running)

    def test_who_connects_does_not_wait_for_one_that_is_blocked(self) -> None:
        running = self.supervise(2, "--blocked-seconds=0")
        clients = self.each(running, 2)
        blocked, other = pids(running)[1], pids(running)[2]
        clients[blocked].send(request("blockUntilFile", path="go").encode() + b"\n")
        wait_for((running.folder / "go.blocked").exists, "an action that blocks")
        # The first one to come may have it; it is passed over then.
        waiting = [running.connect(), running.connect()]
        for stream in waiting:
            self.addCleanup(stream.close)
        time.sleep(1.2)
        served = {self.ask_who(self.join(running)) for _ in range(10)}
        self.assertEqual({other}, served)
        (running.folder / "go").touch()
        for stream in waiting:
            self.assertEqual(WELCOME, Talker(stream).line())
        self.stop(running)

    def test_workers_go_with_a_supervisor_that_is_killed(self) -> None:
        running = self.supervise(2, "--announce-limit=0")
        clients = self.each(running, 2)
        busy = next(iter(clients.values()))
        busy.send(request("untilFile", path="go").encode() + b"\nparamsView\n")
        busy.line()
        running.process.kill()
        running.process.wait()
        for client in clients.values():
            self.assertEqual(GOODBYE, client.line())
        # The port is free at once, for the next supervisor.
        with contextlib.closing(socket.socket()) as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", running.port))
            free.listen()
        (running.folder / "go").touch()
        self.assertEqual("go", busy.message()["seen"])
        for client in clients.values():
            client.close()
        self.assert_all_gone(running)

    def test_one_that_is_blocked_goes_too(self) -> None:
        running = self.supervise(
            2, "--drain-timeout=0.1", "--close-timeout=0.1", "--blocked-seconds=0"
        )
        client = self.join(running)
        client.send(request("blockUntilFile", path="go").encode() + b"\n")
        wait_for((running.folder / "go.blocked").exists, "an action that blocks")
        running.process.kill()
        self.assert_all_gone(running)


class StopTests(WorkersTestCase):
    """Stops."""

    def test_all_say_goodbye_and_answer_what_runs(self) -> None:
        running = self.supervise(3)
        clients = self.each(running, 3).values()
        for client in clients:
            client.send(request("untilFile", path="go").encode() + b"\nparamsView\n")
            client.line()
        running.process.send_signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual(GOODBYE, client.line())
        self.assertIsNone(running.process.poll())
        self.assertRaises(ConnectionRefusedError, running.connect)
        (running.folder / "go").touch()
        for client in clients:
            self.assertEqual("go", client.message()["seen"])
            client.close()
        self.assert_ended_well(running)
        self.assert_all_gone(running)
        self.assertEqual(4, running.log.count("has stopped"))

    def test_ctrl_c_in_a_terminal_is_no_second_signal(self) -> None:
        running = self.supervise(2)
        clients = self.each(running, 2).values()
        # As a terminal sends it: to the group; the workers are in groups of their own.
        self.assertNotIn(os.getpgid(running.process.pid), pids(running).values())
        running.process.send_signal(signal.SIGINT)
        for client in clients:
            self.assertEqual(GOODBYE, client.line())
            client.close()
        self.assert_ended_well(running, signal.SIGINT)
        self.assertNotIn("told to stop again", running.log)

    def test_a_second_signal_cuts_it_short(self) -> None:
        running = self.supervise(2, "--drain-timeout=600")
        clients = self.each(running, 2)
        for client in clients.values():
            client.send(request("untilFile", path="never").encode() + b"\nparamsView\n")
            client.line()
        running.process.send_signal(signal.SIGTERM)
        for client in clients.values():
            self.assertEqual(GOODBYE, client.line())
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: running.process.poll() is None and self.again(running), "the second one")
        self.assert_ended_well(running)
        self.assert_all_gone(running)

    def again(self, running: Daemon) -> bool:
        """Sends the signal until it is not taken for the same one any more."""
        if "told to stop again" not in running.log:
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        return "told to stop again" in running.log

    def test_an_action_that_never_returns_holds_up_nothing_for_ever(self) -> None:
        running = self.supervise(2, "--drain-timeout=0.2", "--close-timeout=0.5")
        client = self.join(running)
        client.send(b"stuck\n")
        client.ask("paramsView")
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, running.process.wait(PATIENCE))
        self.assert_all_gone(running)

    def test_in_the_background(self) -> None:
        folder = self.folder({"actions/all.py": ACTIONS})
        port = reserve(self)
        subprocess.run(
            [
                *(str(TWISTD), "--pidfile=x.pid", "--logfile=x.log", "actionhero"),
                *("--workers=2", NO_REDIS, f"--port={port}", "--bind-ip=127.0.0.1"),
            ],
            cwd=folder,
            check=True,
            timeout=PATIENCE,
        )
        pid = int((folder / "x.pid").read_text())
        self.addCleanup(lambda: is_alive(pid) and os.kill(pid, signal.SIGKILL))
        log = folder / "x.log"
        wait_for(lambda: "with 2 workers" in log.read_text(), "workers")
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as stream:
            self.assertEqual(WELCOME, Talker(stream).line())
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_alive(pid), "its end")
        self.assertEqual(3, log.read_text().count("has stopped"))
        self.assertIn("[worker 2, actionhero_tcp.server.service#info]", log.read_text())
        self.assertFalse((folder / "x.pid").exists())


class StartTests(WorkersTestCase):
    """Starts that fail, each with one line."""

    def test_a_port_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said = self.refusal(self.folder(), f"--port={port}", "--workers=2", NO_REDIS)
        self.assertEqual(
            f"twistd actionhero: cannot listen on TCP 127.0.0.1:{port}: Address already in use\n",
            said,
        )

    def test_a_second_one_on_the_same_port(self) -> None:
        running = self.supervise(2)
        said = self.refusal(self.folder(), f"--port={running.port}", "--workers=2", NO_REDIS)
        self.assertIn("Address already in use", said)
        self.stop(running)

    def test_without_redis(self) -> None:
        said = self.refusal(self.folder(), "--workers=2")
        self.assertIn("2 workers need Redis", said)
        self.assertIn("--redis (redis.url)", said)

    def test_an_action_that_is_wrong(self) -> None:
        folder = self.folder({"actions/bad.py": "a = = 1\n"})
        for daemonize in (False, True):
            said = self.refusal(folder, "--workers=2", NO_REDIS, daemonize=daemonize)
            self.assertIn("bad.py:1: invalid syntax", said)

    def test_a_log_that_cannot_be_written(self) -> None:
        said = self.refusal(
            self.folder(), "--workers=2", NO_REDIS, "--request-log=/nope/requests.log"
        )
        self.assertIn("/nope/requests.log: cannot open the request log", said)

    def test_a_worker_that_ends_during_its_start(self) -> None:
        # It can be loaded, but not a second time.
        action = (
            "import os\n"
            "from actionhero_tcp.errors import StartError\n"
            "if os.path.exists('loaded'):\n"
            "    raise ValueError('not twice')\n"
            "open('loaded', 'w').close()\n"
        )
        folder = self.folder({"actions/once.py": action})
        ended = subprocess.run(
            [
                *(str(TWISTD), "--nodaemon", "--pidfile=", "actionhero", "--port=0"),
                *("--bind-ip=127.0.0.1", "--workers=2", NO_REDIS),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(1, ended.returncode, ended.stdout + ended.stderr)
        self.assertIn("not twice", ended.stderr)
        self.assertRegex(ended.stderr, r"twistd actionhero: worker \d could not start\n")


class SignalTests(WorkersTestCase):
    """Reloads and logs that are opened anew."""

    def shown(self, running: Daemon) -> tuple[int, bytes]:
        """Which process a new client is served by, and the certificate that it is shown."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with running.connect() as stream, context.wrap_socket(stream) as secure:
            client = Talker(secure)
            self.assertEqual(WELCOME, client.line())
            certificate = secure.getpeercert(binary_form=True)
            assert certificate is not None
            return self.ask_who(client), certificate

    def all_shown(self, running: Daemon) -> dict[int, bytes]:
        """The certificate of each worker."""
        return dict(self.shown(running) for _ in range(6))

    def test_a_reload_brings_a_new_certificate_to_all(self) -> None:
        running = self.supervise(3, pair="ec")
        before = self.all_shown(running)
        self.assertEqual((3, 1), (len(before), len(set(before.values()))))
        make_pair(running.folder / "new")
        for name in ("server-key.pem", "server-cert.pem"):
            os.replace(running.folder / "new" / name, running.folder / "certs" / name)
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_log("reloaded the certificates", 3)
        after = self.all_shown(running)
        self.assertEqual(set(before), set(after), "the same processes")
        self.assertEqual(1, len(set(after.values())))
        self.assertNotEqual(set(before.values()), set(after.values()))
        self.stop(running)

    def test_a_reload_brings_what_has_changed_to_all_and_to_who_comes_later(self) -> None:
        folder = self.folder({"config.json": '{"limits": {"maxParams": 9}}'})
        running = self.supervise(2, f"--config={folder}/config.json")
        clients = self.each(running, 2)
        (folder / "config.json").write_text(
            '{"limits": {"maxParams": 1}, "general": {"serverName": "other"}}'
        )
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_log("changed: limits.maxParams", 2)
        running.wait_for_log("need a restart: general.serverName")
        for client in clients.values():
            client.ask("paramAdd a=1")
            self.assertIn("at most 1 params", client.ask("paramAdd b=1")["error"])
        # What is wrong now is nothing to one that takes the place of another.
        (folder / "config.json").write_text("{")
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_log("the reload has changed nothing")
        victim = pids(running)[1]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: pids(running)[1] != victim, "a new worker")
        client = self.each(running, 2)[pids(running)[1]]
        client.ask("paramAdd a=1")
        self.assertIn("at most 1 params", client.ask("paramAdd b=1")["error"])
        self.stop(running)

    def test_logs_that_were_moved_away_are_opened_anew_by_all(self) -> None:
        running = self.supervise(2, OWN_FILE, "--request-log=requests.log", "--log-format=json")
        clients = self.each(running, 2).values()
        for name in ("log.txt", "requests.log"):
            os.rename(running.folder / name, running.folder / f"{name}.1")
        running.process.send_signal(signal.SIGUSR1)
        server = running.folder / "log.txt"
        wait_for(
            lambda: server.exists() and server.read_text().count("reopened the logs") == 3,
            "three logs",
        )
        for client in clients:
            client.ask("paramsView")
            client.close()
        self.stop(running)
        lines = [json.loads(line) for line in (running.folder / "requests.log").open()]
        self.assertEqual({1, 2}, {line["worker"] for line in lines})


class SystemdTests(ToldTestCase, WorkersTestCase, ActivationTestCase):
    """What systemd sees: one service."""

    def test_it_is_ready_once_when_all_are_and_stops_once(self) -> None:
        running = self.supervise(2)
        ready = self.manager.state()
        self.assertEqual(
            {
                "READY": "1",
                "STATUS": f"2 of 2 workers are ready, listening on 127.0.0.1:{running.port}",
            },
            ready,
        )
        running.process.send_signal(signal.SIGHUP)
        self.assertIn("RELOADING", self.manager.state())
        self.assertEqual(ready, self.manager.state())
        running.wait_for_log("reloaded the certificates", 2)
        self.stop(running)
        self.assertEqual(["STOPPING"], [m.partition("=")[0] for m in self.manager.rest()])

    def test_a_worker_that_is_stuck_is_killed_and_replaced(self) -> None:
        self.give(WATCHDOG_USEC="2000000")
        running = self.supervise(2)
        victim = pids(running)[1]
        os.kill(victim, signal.SIGSTOP)
        self.addCleanup(lambda: is_alive(victim) and os.kill(victim, signal.SIGKILL))
        wait_for(lambda: pids(running)[1] != victim, "a new worker")
        running.wait_for_log("gave no sign of life for 2 s and is killed")
        self.assertIn("WATCHDOG=1", self.manager.rest())
        self.stop(running)

    def test_a_socket_of_systemd_is_shared_evenly_and_outlives_the_server(self) -> None:
        held = self.hold_tcp()
        running = self.activate(
            [held],
            *(f"--listen={INET}", "--workers=2", NO_REDIS, "--announce-limit=0"),
            files={"actions/all.py": ACTIONS},
        )
        self.wait_until_ready(running, 2)
        counts: Counter[int] = Counter()
        for _ in range(20):
            client = self.call(held)
            self.assertEqual(WELCOME, client.line())
            counts[self.ask_who(client)] += 1
        self.assertEqual([10, 10], list(counts.values()))
        self.stop(running)
        # Who connects now waits for the next one.
        waiting = self.call(held)
        self.activate([held], f"--listen={INET}")
        self.assertEqual(WELCOME, waiting.line())

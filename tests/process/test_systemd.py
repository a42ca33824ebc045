"""The daemon as systemd sees it: what it is told, and the sockets that it hands over."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
from unittest.mock import patch

from tests.process.net.test_backlog import waiting_room
from tests.support import PATIENCE, TWISTD, Daemon, wait_for
from tests.support.activation import INET, ActivationTestCase
from tests.support.integration import (
    GOODBYE,
    WELCOME,
    OwnDaemonTestCase,
    Talker,
    make_pair,
    request,
)
from tools.system_packages import need

ACTIONS = """
import os
import time
from twisted.internet.task import deferLater
from actionhero_tcp import action


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


@action
def environment(api, connection):
    return {"names": list(os.environ)}
"""

SIGN_OF_LIFE = "WATCHDOG=1"


class Manager:
    """Systemd's end of the socket that the daemon tells it things over.

    Args:
        address: Its path, or its abstract name with a NUL in front.
    """

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)

    def told(self, seconds: float = PATIENCE) -> str:
        """The next message; "" where none comes in time."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return ""

    def state(self) -> dict[str, str]:
        """The next message that is no sign of life."""
        while (message := self.told()) == SIGN_OF_LIFE:
            pass
        return dict(line.split("=", 1) for line in message.splitlines())

    def rest(self) -> list[str]:
        """All that it was told so far."""
        return list(iter(lambda: self.told(0), ""))


class ToldTestCase(OwnDaemonTestCase):
    """Daemons with the socket of a systemd in their environment."""

    def setUp(self) -> None:
        self.manager = self.manage(f"{self.folder()}/notify")

    def manage(self, address: str) -> Manager:
        """A systemd whose socket is in the environment of the daemons that start from now on."""
        manager = Manager(address)
        self.addCleanup(manager.socket.close)
        self.give(NOTIFY_SOCKET=address.replace("\0", "@"))
        return manager

    def give(self, **environment: str) -> None:
        """Puts something into the environment until the test is over."""
        patched = patch.dict(os.environ, environment)
        patched.start()
        self.addCleanup(patched.stop)


class StateTests(ToldTestCase):
    """Ready, and stopping."""

    def test_it_is_ready_when_it_can_be_connected_to(self) -> None:
        process = subprocess.Popen(
            [str(TWISTD), "-n", "--pidfile=", "actionhero", "--bind-ip=127.0.0.1", "--port=0"],
            cwd=self.folder(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        told = self.manager.state()
        self.assertEqual(told["READY"], "1")
        host, _, port = told["STATUS"].removeprefix("listening on ").rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as stream:
            self.assertEqual(Talker(stream).line(), WELCOME)

    def test_it_is_ready_once(self) -> None:
        self.stop(self.start())
        states = [message.partition("=")[0] for message in self.manager.rest()]
        self.assertEqual(states, ["READY", "STOPPING"])

    def test_an_abstract_socket(self) -> None:
        self.manager = self.manage(f"\0actionhero-test-{os.getpid()}")
        running = self.start()
        self.assertEqual(
            self.manager.state(),
            {"READY": "1", "STATUS": f"listening on 127.0.0.1:{running.port}"},
        )

    def test_it_tells_that_it_stops_when_it_begins_to(self) -> None:
        running = self.start(
            "--drain-timeout=21.5", "--close-timeout=2", files={"actions/until.py": ACTIONS}
        )
        client = self.join(running)
        client.send(request("untilFile", path="go").encode() + b"\n")
        self.manager.state()
        # The next request has been answered: this one runs.
        client.ask("paramsView")
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(
            self.manager.state(),
            {
                "STOPPING": "1",
                "STATUS": "stopping, with 1 clients connected",
                "EXTEND_TIMEOUT_USEC": "38500000",
            },
        )
        self.assertEqual(client.line(), GOODBYE)
        (running.folder / "go").touch()
        self.assertEqual(client.message()["seen"], "go")
        client.close()
        self.assert_ended_well(running)

    def test_it_tells_that_it_reloads_and_when_it_is_ready_again(self) -> None:
        running = self.start()
        ready = self.manager.state()
        for _ in range(2):
            running.process.send_signal(signal.SIGHUP)
            reloading = self.manager.state()
            self.assertEqual(list(reloading), ["RELOADING", "MONOTONIC_USEC"])
            self.assertEqual(self.manager.state(), ready)
        self.stop(running)

    def test_one_that_cannot_start_is_never_ready(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.assertIn("cannot listen", self.refusal(self.folder(), f"--port={port}"))
        one_of_two = ["--listen=tcp:0:interface=127.0.0.1", "--listen=unix:/nope/socket"]
        self.assertIn("cannot listen", self.refusal(self.folder(), *one_of_two))
        self.refusal(self.folder(), "--secure")
        self.assertEqual(self.manager.rest(), [])

    def test_a_systemd_that_does_not_listen_keeps_it_from_nothing(self) -> None:
        self.manager.socket.close()
        running = self.start()
        running.wait_for_log("systemd cannot be told")
        self.assertEqual(self.join(running).ask("paramsView")["params"], {})
        self.stop(running)

    def test_children_of_the_daemon_do_not_inherit_what_is_its_own(self) -> None:
        self.give(WATCHDOG_USEC="60000000", WATCHDOG_PID="1")
        names = self.join(self.start(files={"actions/all.py": ACTIONS})).ask("environment")["names"]
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
            self.assertNotIn(name, names)


class WatchdogTests(ToldTestCase):
    """Signs of life."""

    def test_they_come_regularly_and_stop_where_the_loop_is_stuck(self) -> None:
        self.give(WATCHDOG_USEC="200000")
        running = self.start(files={"actions/all.py": ACTIONS})
        self.assertIn("READY", self.manager.state())
        for _ in range(5):
            self.assertEqual(self.manager.told(), SIGN_OF_LIFE)
        client = self.join(running)
        client.send(request("blockUntilFile", path="go").encode() + b"\n")
        wait_for((running.folder / "go.blocked").exists, "an action that blocks")
        self.manager.rest()
        self.assertEqual(self.manager.told(1), "", "a loop that is stuck gives a sign of life")
        (running.folder / "go").touch()
        self.assertEqual(self.manager.told(), SIGN_OF_LIFE)
        client.close()
        self.stop(running)

    def test_without_a_watchdog_there_are_none(self) -> None:
        self.give(WATCHDOG_USEC="1000", WATCHDOG_PID="1")
        running = self.start()
        self.join(running).ask("sleepTest")
        self.stop(running)
        self.assertNotIn(SIGN_OF_LIFE, self.manager.rest())


class ActivationTests(ActivationTestCase):
    """Sockets of all kinds."""

    def check_outlives(self, held: socket.socket, listen: str) -> None:
        """A socket is served by one daemon after the other; who connects in between waits."""
        waiting = None
        for _ in range(3):
            running = self.activate([held], f"--listen={listen}", "--announce-limit=0")
            client = waiting or self.call(held)
            self.assertEqual(client.line(), WELCOME)
            if waiting:
                self.assertEqual(client.message()["messageCount"], 1)
            self.assertEqual(client.ask("paramAdd key=value")["status"], "OK")
            running.process.send_signal(signal.SIGTERM)
            self.assertEqual(client.line(), GOODBYE)
            client.close()
            self.assert_ended_well(running)
            waiting = self.call(held)
            waiting.send(b"paramsView\n")

    def test_the_backlog_of_a_socket_that_was_handed_over_is_the_servers(self) -> None:
        for options in ((), ("--workers=2", "--redis=redis://127.0.0.1:1")):
            held = self.hold_tcp()
            held.listen(1)
            running = self.activate([held], f"--listen={INET}", "--backlog=77", *options)
            self.assertEqual(77, waiting_room(held))
            self.assertEqual(WELCOME, self.call(held).line())
            running.process.send_signal(signal.SIGHUP)
            running.wait_for_log("reload")
            self.assertEqual(77, waiting_room(held))
            self.stop(running)

    def test_ipv4(self) -> None:
        self.check_outlives(self.hold_tcp(), INET)

    def test_ipv6_and_ipv4_in_its_place(self) -> None:
        # Where there is no IPv6 systemd opens a socket of IPv4 instead.
        held = [self.hold_tcp()]
        with contextlib.suppress(OSError):
            held.append(self.hold(socket.AF_INET6, ("::1", 0)))
        for each in held:
            self.check_outlives(each, "systemd:domain=INET6:index=0")

    def test_unix(self) -> None:
        path = f"{self.folder()}/socket"
        held = self.hold(socket.AF_UNIX, path)
        os.chmod(path, 0o600)
        self.check_outlives(held, "systemd:domain=UNIX:index=0")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_a_new_client_waits_while_an_old_one_gets_its_answer(self) -> None:
        held = self.hold_tcp()
        files = {"actions/all.py": ACTIONS}
        running = self.activate([held], f"--listen={INET}", files=files)
        client = self.call(held)
        client.line()
        client.send(request("untilFile", path="go").encode() + b"\nparamsView\n")
        client.line()
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(client.line(), GOODBYE)
        new = self.call(held)
        new.send(b"paramsView\n")
        (running.folder / "go").touch()
        self.assertEqual(client.message()["seen"], "go")
        client.close()
        self.assert_ended_well(running)
        self.activate([held], f"--listen={INET}")
        self.assertEqual(new.line(), WELCOME)
        self.assertEqual(new.message()["messageCount"], 1)

    def test_two_by_their_names(self) -> None:
        tcp, local = self.hold_tcp(), self.hold(socket.AF_UNIX, f"{self.folder()}/socket")
        self.activate(
            [tcp, local],
            "--listen=systemd:domain=UNIX:name=socket1",
            "--listen=systemd:domain=INET:name=socket0",
        )
        for held in (tcp, local):
            self.assertEqual(self.call(held).line(), WELCOME)

    def test_a_socket_that_was_not_handed_over(self) -> None:
        expected = (
            f"twistd actionhero: --listen {INET}: systemd has handed over no such socket; "
            "is the socket unit active?\n"
        )
        self.assertEqual(self.refusal(self.folder(), f"--listen={INET}"), expected)
        others = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "x"}
        with patch.dict(os.environ, others):
            self.assertEqual(self.refusal(self.folder(), f"--listen={INET}"), expected)

    def test_systemds_own_activator(self) -> None:
        need("systemd-socket-activate")
        folder = self.folder()
        with open(folder / "log.txt", "wb") as log:
            process = subprocess.Popen(
                [
                    *("systemd-socket-activate", f"--listen={folder}/socket", "--fdname=x"),
                    *(str(TWISTD), "--nodaemon", "--pidfile=", "actionhero"),
                    "--listen=systemd:domain=UNIX:name=x",
                ],
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        running = Daemon(process, folder, 0)
        wait_for((folder / "socket").exists, "a socket")
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(PATIENCE)
            # Between bind and listen the socket is there and refuses.
            wait_for(lambda: stream.connect_ex(f"{folder}/socket") == 0, "a socket that listens")
            client = Talker(stream)
            self.assertEqual(client.line(), WELCOME)
            self.assertEqual(client.ask("quit")["status"], "Bye!")
        self.stop(running)
        self.assertTrue((folder / "socket").exists())


class SecureTests(ActivationTestCase):
    """`secure` holds wherever the daemon listens."""

    def setUp(self) -> None:
        self.place = self.folder()
        self.key, self.cert = make_pair(self.place)
        self.pair = (f"--key-file={self.key}", f"--cert-file={self.cert}", "--secure")

    def check_secure(self, client: Talker) -> None:
        """A client is served over TLS, with a certificate that it verifies."""
        context = ssl.create_default_context(cafile=str(self.cert))
        secured = context.wrap_socket(client.stream, server_hostname="localhost")
        self.addCleanup(secured.close)
        self.assertEqual(secured.version(), "TLSv1.3")
        client = Talker(secured)
        self.assertEqual(client.line(), WELCOME)
        self.assertEqual(client.ask("paramsView")["params"], {})

    def test_a_socket_of_systemd(self) -> None:
        held = self.hold_tcp()
        running = self.activate([held], f"--listen={INET}", *self.pair)
        running.wait_for_log(f"({INET}, with TLS)")
        self.check_secure(self.call(held))

    def test_a_plain_client_gets_nothing(self) -> None:
        held = self.hold_tcp()
        self.activate([held], f"--listen={INET}", *self.pair)
        client = self.call(held)
        client.send(b"detailsView\n")
        with contextlib.suppress(ConnectionResetError):
            self.assertNotIn(b"welcome", client.rest())

    def test_a_handshake_has_its_time_limit(self) -> None:
        held = self.hold_tcp()
        self.activate([held], f"--listen={INET}", "--tls-handshake-timeout=0.1", *self.pair)
        self.assertTrue(self.call(held).is_dropped())

    def test_all_descriptions(self) -> None:
        held, local = self.hold_tcp(), f"{self.place}/socket"
        places = (INET, f"unix:{local}", "tcp:0:interface=127.0.0.1")
        running = self.activate([held], *self.pair, *(f"--listen={place}" for place in places))
        ports = re.findall(r"listening on 127\.0\.0\.1:(\d+) \(tcp", running.log)
        self.check_secure(self.call(held))
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(PATIENCE)
            stream.connect(local)
            self.check_secure(Talker(stream))
        with socket.create_connection(("127.0.0.1", int(ports[0])), PATIENCE) as stream:
            self.check_secure(Talker(stream))

    def test_a_tls_of_its_own(self) -> None:
        own = f"--listen=ssl:0:interface=127.0.0.1:privateKey={self.key}:certKey={self.cert}"
        running = self.start(own)
        with running.connect() as stream:
            self.check_secure(Talker(stream))
        refusal = self.refusal(self.folder(), own, *self.pair)
        self.assertIn("this has separate TLS settings, but tcpServer.secure is set", refusal)

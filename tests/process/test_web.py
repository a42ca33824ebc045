"""The web port of a real ``twistd``: health, metrics, WebSocket and its settings."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase
from wsproto import ConnectionType, WSConnection
from wsproto.events import BytesMessage, CloseConnection, Request, TextMessage

from tests.support import PATIENCE, ROOT, Daemon, daemon, wait_for
from tests.support.integration import make_pair
from tests.support.redis_server import RedisServer
from tests.support.web import web_daemon
from tools.system_packages import need, which


def answer(stream: socket.socket, line: str) -> dict[str, Any]:
    """The response to one line."""
    stream.sendall(line.encode() + b"\n")
    data = b""
    while True:
        for each in data.split(b"\r\n")[:-1]:
            message: dict[str, Any] = json.loads(each)
            if message["context"] == "response":
                return message
        data += stream.recv(65536)


class Socket:
    """A WebSocket client on a blocking socket."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._wire = WSConnection(ConnectionType.CLIENT)
        self._socket.sendall(self._wire.send(Request(host=f"localhost:{port}", target="/ws")))
        self._events: list[Any] = []

    def say(self, text: str) -> None:
        self._socket.sendall(self._wire.send(TextMessage(data=text)))

    def next(self) -> Any:
        """The next message: JSON of a text, the bytes of a binary one, None at the end."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, TextMessage):
                    return json.loads(event.data)
                if isinstance(event, BytesMessage):
                    return bytes(event.data)
                if isinstance(event, CloseConnection):
                    return None
            self._wire.receive_data(self._socket.recv(65536) or None)
            self._events += self._wire.events()

    def close(self) -> None:
        self._socket.close()


class WebTestCase(SynchronousTestCase):
    """A daemon with a web port."""

    running: Daemon
    port: int

    def start(self, *options: str) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.running, self.port = stack.enter_context(web_daemon(*options))

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with closing(connection):
            connection.request(
                method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
            )
            response = connection.getresponse()
            return response, response.read()

    def samples(self) -> dict[Any, float]:
        """The values of all metrics, by their names and labels."""
        text = self.get("/metrics")[1].decode()
        return {
            (sample.name, *sample.labels.items()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


class WebTests(WebTestCase):
    """A server of one process."""

    def test_health(self) -> None:
        self.start()
        self.assertEqual(b"alive\n", self.get("/livez")[1])
        response, body = self.get("/readyz")
        self.assertEqual((200, {"ready": True, "reasons": []}), (response.status, json.loads(body)))

    def test_metrics_count_what_clients_do(self) -> None:
        self.start()
        with self.running.connect() as stream:
            answer(stream, "randomNumber")
            answer(stream, "detailsView")
            values = self.samples()
        self.assertEqual(1, values["actionhero_connections",])
        self.assertEqual(
            1, values["actionhero_actions_total", ("action", "randomNumber"), ("outcome", "ok")]
        )
        self.assertEqual(1, values["actionhero_verbs_total", ("verb", "detailsView")])
        self.assertGreater(values["actionhero_sent_bytes_total",], 100)
        self.assertGreater(values["actionhero_received_bytes_total",], 20)

    def test_promtool_has_nothing_to_say(self) -> None:
        need("promtool")
        self.start()
        with self.running.connect() as stream:
            answer(stream, "randomNumber")
            text = self.get("/metrics")[1]
        ended = subprocess.run(
            [which("promtool"), "check", "metrics"], input=text, capture_output=True
        )
        self.assertEqual((0, b"", b""), (ended.returncode, ended.stdout, ended.stderr))
        rules = [which("promtool"), "check", "rules", str(ROOT / "deploy/prometheus-rules.yaml")]
        ended = subprocess.run(rules, capture_output=True)
        self.assertEqual(0, ended.returncode, ended.stdout + ended.stderr)

    def test_a_browser_and_a_tcp_client_in_one_room(self) -> None:
        self.start()
        with self.running.connect() as stream, closing(Socket(self.port)) as browser:
            self.assertEqual("defaultRoom", browser.next()["room"])
            browser.say("roomView")
            members = browser.next()
            while "roomStatus" not in members:
                members = browser.next()
            self.assertEqual(2, members["roomStatus"]["membersCount"])
            stream.sendall(b"say from tcp\n")
            heard = browser.next()
            while heard.get("message") != "from tcp":
                heard = browser.next()
            self.assertEqual("user", heard["context"])

    def test_a_file_is_binary_and_whole(self) -> None:
        content = bytes(range(256)) * 4096
        public = Path(self.mktemp()).resolve()
        public.mkdir()
        (public / "big.bin").write_bytes(content)
        self.start(f"--public={public}")
        with closing(Socket(self.port)) as browser:
            browser.next()
            browser.say('{"action":"file","params":{"fileName":"big.bin"}}')
            browser.say("detailsView")
            got = b""
            while isinstance(part := browser.next(), bytes):
                got += part
            self.assertEqual(content, got)
            self.assertEqual(2, part["messageCount"])

    def test_the_page_and_the_closing_of_a_connection_need_the_token(self) -> None:
        self.start()
        self.assertEqual(401, self.get("/")[0].status)
        self.assertEqual(401, self.get("/state/connections")[0].status)
        with self.running.connect() as stream:
            rows = json.loads(self.get("/state/connections", Authorization="Bearer s3cret")[1])[
                "rows"
            ]
            id = rows[0]["id"]
            self.assertEqual(401, self.get(f"/state/close?id={id}", "POST")[0].status)
            response, body = self.get(
                f"/state/close?id={id}", "POST", Authorization="Bearer s3cret"
            )
            self.assertEqual((200, {"closed": id}), (response.status, json.loads(body)))
            while stream.recv(65536):
                pass

    def test_another_name_of_the_host_is_refused(self) -> None:
        self.start()
        self.assertEqual(421, self.get("/livez", Host="evil.example")[0].status)

    def test_a_web_port_that_is_taken_is_a_warning(self) -> None:
        self.start()
        taken = self.port
        with daemon(f"--web-port={taken}") as other:
            other.wait_for_log("no web port")
            with other.connect() as stream:
                self.assertEqual("OK", answer(stream, "detailsView")["status"])
            self.assertNotIn("Traceback", other.log)

    def test_while_it_drains_it_is_not_ready(self) -> None:
        self.start("--drain-timeout=30")
        with self.running.connect() as stream:
            stream.sendall(b'{"action":"sleepTest","params":{"sleepDuration":20000}}\n')
            answer(stream, "detailsView")
            self.running.process.send_signal(signal.SIGTERM)
            wait_for(lambda: self.get("/readyz")[0].status == 503, "a drain")
            self.assertEqual(["draining"], json.loads(self.get("/readyz")[1])["reasons"])
            self.assertEqual(200, self.get("/livez")[0].status)
            self.running.process.send_signal(signal.SIGTERM)
            self.running.process.wait(PATIENCE)

    def test_without_redis_it_is_not_ready_where_that_is_required(self) -> None:
        need("redis-server")
        redis = RedisServer()
        self.addCleanup(redis.close)
        redis.start()
        self.start(f"--redis={redis.url}", "--redis-required")
        wait_for(lambda: self.get("/readyz")[0].status == 200, "readiness")
        redis.kill()
        wait_for(lambda: self.get("/readyz")[0].status == 503, "the loss of Redis")
        (reason,) = json.loads(self.get("/readyz")[1])["reasons"]
        self.assertTrue(reason.startswith("Redis unreachable: "), reason)
        redis.start()
        wait_for(lambda: self.get("/readyz")[0].status == 200, "Redis")

    def test_without_redis_it_is_ready_where_that_is_not_required(self) -> None:
        need("redis-server")
        redis = RedisServer()
        self.addCleanup(redis.close)
        self.start(f"--redis={redis.url}")
        wait_for(lambda: "Redis unreachable" in self.running.log, "a try")
        self.assertEqual(200, self.get("/readyz")[0].status)

    def test_what_a_browser_says_is_in_no_log_unescaped(self) -> None:
        self.start()
        with closing(Socket(self.port)) as browser:
            browser.next()
            browser.say("\x1b[31mred")
            self.assertIn("not a known action", browser.next()["error"])
        self.running.wait_for_log("disconnect")
        self.assertNotIn("\x1b", self.running.log)


class WorkersTests(WebTestCase):
    """A supervisor that answers for its workers."""

    def start_workers(self, *options: str) -> None:
        """Two workers that are alone: nobody listens where their Redis should be."""
        self.start("--workers=2", "--redis=redis://127.0.0.1:1", *options)
        self.running.wait_for_log("with 2 workers")

    def test_it_is_ready_and_counts_for_all_of_them(self) -> None:
        self.start_workers()
        wait_for(lambda: self.get("/readyz")[0].status == 200, "readiness")
        with ExitStack() as stack:
            clients = [stack.enter_context(self.running.connect()) for _ in range(4)]
            for client in clients:
                answer(client, "randomNumber")
            values = self.samples()
        labels = [("worker", "1"), ("worker", "2")]
        counts = [values["actionhero_connections", label] for label in labels]
        self.assertEqual(4, sum(counts))
        self.assertEqual(2, values["actionhero_workers",])
        need("promtool")
        ended = subprocess.run(
            [which("promtool"), "check", "metrics"],
            input=self.get("/metrics")[1],
            capture_output=True,
        )
        self.assertEqual((0, b"", b""), (ended.returncode, ended.stdout, ended.stderr))

    def test_one_that_is_killed_is_counted_and_replaced(self) -> None:
        self.start_workers()
        pid = int(re.findall(r"worker 1 \(PID (\d+)\) is ready", self.running.log)[0])
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.samples()["actionhero_worker_restarts_total",] == 1, "the count")
        wait_for(lambda: self.get("/readyz")[0].status == 200, "readiness")

    def test_a_worker_without_the_redis_that_is_required(self) -> None:
        self.start_workers("--redis-required")
        response, body = self.get("/readyz")
        self.assertEqual(503, response.status)
        for number, reason in enumerate(json.loads(body)["reasons"], 1):
            self.assertTrue(reason.startswith(f"worker {number}: Redis unreachable: "), reason)

    def test_one_that_is_stuck_does_not_hold_up_the_answer(self) -> None:
        self.start_workers()
        pid = int(re.findall(r"worker 2 \(PID (\d+)\) is ready", self.running.log)[0])
        os.kill(pid, signal.SIGSTOP)
        try:
            reasons = json.loads(self.get("/readyz")[1])["reasons"]
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(["worker 2: it does not answer"], reasons)


class SecureTests(SynchronousTestCase):
    """HTTPS with the certificate of the server."""

    def test_health_over_tls(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        key, certificate = (path.resolve() for path in make_pair(folder))
        options = ("--secure", f"--key-file={key}", f"--cert-file={certificate}", "--web-secure")
        with web_daemon(*options) as (_, port):
            context = ssl.create_default_context(cafile=str(certificate))
            context.check_hostname = False
            with (
                socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
                context.wrap_socket(plain) as stream,
            ):
                stream.sendall(
                    b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
                )
                data = b""
                while chunk := stream.recv(65536):
                    data += chunk
            self.assertTrue(data.startswith(b"HTTP/1.1 200 "), data)

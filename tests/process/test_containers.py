"""The image, Compose and Kubernetes: their files are right, and what they start serves."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.sections import Limits
from actionhero_tcp.plugin.options import Options
from actionhero_tcp.server.listening import stop_seconds
from tests.faults.namespace import Namespace
from tests.process.test_install import copy_tree, run
from tests.process.test_process_1 import children
from tests.support import PATIENCE, ROOT, TWISTD, Daemon, wait_for
from tests.support.integration import OwnDaemonTestCase, Talker
from tests.support.ports import reserve
from tools.metrics_reference import table
from tools.system_packages import need, which

DEPLOY = ROOT / "deploy"
CONTAINERFILE = DEPLOY / "Containerfile"

Instructions = list[tuple[str, str]]


def instructions() -> Instructions:
    """The instructions of the Containerfile, each with its arguments in one line."""
    lines = [line for line in CONTAINERFILE.read_text().splitlines() if not re.match(r" *#", line)]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (word, rest)
        for word, _, rest in (line.partition(" ") for line in whole.splitlines() if line)
    ]


def argument(word: str) -> str:
    """The arguments of the last instruction of a kind, which is the one that counts."""
    return [rest for name, rest in instructions() if name == word][-1]


ENTRYPOINT: list[str] = json.loads(argument("ENTRYPOINT"))
OPTIONS = ENTRYPOINT[ENTRYPOINT.index("actionhero") + 1 :]
"""The options that the image always gives."""


def documents(name: str) -> list[dict[str, Any]]:
    """The documents of a file in YAML."""
    return [*yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8"))]


def accepted(arguments: list[str]) -> Options:
    """The options that the server makes of some arguments."""
    options = Options()
    options.parseOptions([*OPTIONS, *arguments])
    return options


class ImageTests(SynchronousTestCase):
    """The Containerfile."""

    def test_known_instructions_in_two_stages(self) -> None:
        words = [word for word, _ in instructions()]
        known = "ARG FROM WORKDIR COPY RUN ENV USER EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD"
        self.assertLessEqual({*words}, {*known.split()})
        stages = [rest for word, rest in instructions() if word == "FROM"]
        self.assertEqual(2, len(stages))
        for stage in stages:
            self.assertRegex(stage, r"^docker\.io/library/python:\$\{PYTHON\}-slim\b")

    def test_it_runs_without_root_and_is_stopped_by_sigterm(self) -> None:
        self.assertEqual("10001:10001", argument("USER"))
        self.assertEqual("SIGTERM", argument("STOPSIGNAL"))
        self.assertEqual("5000 5080", argument("EXPOSE"))

    def test_its_options_are_options(self) -> None:
        config = accepted(json.loads(argument("CMD"))).configuration
        self.assertEqual(("0.0.0.0", 5080), (config.web.bind_ip, config.web.port))
        self.assertEqual(("0.0.0.0", 5000), (config.tcp_server.bind_ip, config.tcp_server.port))

    def test_what_is_copied_is_enough_to_build(self) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            copy_tree(folder / "tree")
            kept = re.findall(r"(?m)^!(.*)$", (ROOT / ".dockerignore").read_text())
            for name in os.listdir(folder / "tree"):
                if name not in kept:
                    path = folder / "tree" / name
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            self.assertIn("constraints.txt", kept)
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel"]
            run(*pip, "--no-build-isolation", "--no-deps", ".", cwd=folder / "tree")
            self.assertEqual(1, len([*(folder / "tree").glob("*.whl")]))

    def test_the_extras_exist(self) -> None:
        (asked,) = re.findall(r"'\.\[([\w,]+)\]'", CONTAINERFILE.read_text())
        setup = (ROOT / "setup.cfg").read_text()
        for extra in asked.split(","):
            self.assertRegex(setup, rf"(?m)^{extra} =$")


class HealthTests(OwnDaemonTestCase):
    """The health check of the image."""

    def test_it_passes_beside_a_server_and_fails_without_one(self) -> None:
        line = argument("HEALTHCHECK")
        command = json.loads(line[line.index("[") :])
        port = reserve(self)
        running = self.start(f"--web-port={port}")
        command = [sys.executable, *command[1:]]
        command[-1] = command[-1].replace(":5080/", f":{port}/")
        alive = subprocess.run(command, timeout=PATIENCE, capture_output=True)
        self.assertEqual(0, alive.returncode, alive.stderr)
        self.stop(running)
        gone = subprocess.run(command, timeout=PATIENCE, capture_output=True)
        self.assertNotEqual(0, gone.returncode)


ORPHANS = """
import subprocess

from actionhero_tcp import action


@action(blocking=True)
def orphan(api, connection):
    subprocess.run(["sh", "-c", "sleep 0.2 &"])
    return {}
"""


class ProcessOneTests(OwnDaemonTestCase):
    """The entry point as process 1: signals at each moment, orphans, exit statuses."""

    as_root = True

    def setUp(self) -> None:
        need("tini")
        self.launcher = ("unshare", "--pid", "--fork", "--kill-child")
        head = ENTRYPOINT[: ENTRYPOINT.index("twistd")]
        self.init = [which("tini"), *head[1:]]

    def open(self, *options: str, folder: Path) -> subprocess.Popen[bytes]:
        """Starts the image's command, on a free port."""
        words = ENTRYPOINT[ENTRYPOINT.index("twistd") + 1 : ENTRYPOINT.index("actionhero") + 1]
        command = [*self.launcher, *self.init, str(TWISTD), *words]
        with open(folder / "log.txt", "wb") as log:
            process = subprocess.Popen(
                [*command, "--bind-ip=127.0.0.1", "--port=0", *options],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def pid_of_init(self, process: subprocess.Popen[bytes]) -> int:
        """The process that is number 1 in its namespace."""
        (pid,) = wait_for(lambda: children(process.pid), "process 1")
        wait_for(
            lambda: (
                process.poll() is not None
                or b"tini" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
            ),
            "tini",
        )
        return int(pid)

    def test_a_signal_at_each_moment_ends_it_with_status_0(self) -> None:
        moments = {
            "the process": lambda pid, log: bool(children(pid)),
            "a listening port": lambda pid, log: "listening on" in log(),
            "a started server": lambda pid, log: "has started" in log(),
        }
        for what, reached in moments.items():
            for number in (signal.SIGTERM, signal.SIGINT):
                folder = self.folder()
                process = self.open(folder=folder)
                running = Daemon(process, folder, 0)
                pid = self.pid_of_init(process)
                wait_for(lambda: reached(pid, lambda: running.log), what)  # noqa: B023
                os.kill(pid, number)
                told = f"{what}, {number}"
                try:
                    status = process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    self.fail(f"it still runs: {told}\n{running.log}")
                self.assertEqual(0, status, f"{told}\n{running.log}")
                self.assertNotIn("Traceback", running.log)

    def test_a_client_hears_of_the_stop(self) -> None:
        folder = self.folder()
        process = self.open(folder=folder)
        running = Daemon(process, folder, 0)
        wait_for(lambda: "has started" in running.log, "a start")
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", running.log)
        assert found is not None
        with socket.create_connection(("127.0.0.1", int(found[1])), PATIENCE) as stream:
            client = Talker(stream)
            client.line()
            os.kill(self.pid_of_init(process), signal.SIGTERM)
            self.assertIn(b"Server going down NOW", client.rest())
        self.assertEqual(0, process.wait(PATIENCE))

    def test_an_error_keeps_its_status(self) -> None:
        folder = self.folder()
        process = self.open("--prot=1", folder=folder)
        self.assertEqual(1, process.wait(PATIENCE))
        self.assertIn("did you mean --port?", (folder / "log.txt").read_text())

    def test_no_zombie_stays(self) -> None:
        folder = self.folder({"actions/orphan.py": ORPHANS})
        process = self.open(folder=folder)
        running = Daemon(process, folder, 0)
        wait_for(lambda: "has started" in running.log, "a start")
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", running.log)
        assert found is not None
        pid = self.pid_of_init(process)
        with socket.create_connection(("127.0.0.1", int(found[1])), PATIENCE) as stream:
            client = Talker(stream)
            client.line()
            for _ in range(5):
                client.ask("orphan")
        wait_for(lambda: len(children(pid)) == 1, "the burial of the orphans")


COMPOSE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["services"],
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "networks": {"type": "object"},
        "services": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["image", "restart", "networks"],
                "properties": {
                    "image": {"type": "string"},
                    "build": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "context": {"type": "string"},
                            "dockerfile": {"type": "string"},
                        },
                    },
                    "command": {"type": "array", "items": {"type": "string"}},
                    "restart": {"enum": ["unless-stopped"]},
                    "stop_grace_period": {"type": "string", "pattern": r"^\d+s$"},
                    "read_only": {"const": True},
                    "tmpfs": {"type": "array", "items": {"type": "string", "pattern": "^/"}},
                    "cap_drop": {"const": ["ALL"]},
                    "security_opt": {"const": ["no-new-privileges:true"]},
                    "ulimits": {"type": "object"},
                    "ports": {"type": "array", "items": {"type": "string"}},
                    "volumes": {
                        "type": "array",
                        "items": {"type": "string", "pattern": r"^\.[^:]*:/[^:]+:ro$"},
                    },
                    "networks": {"type": "array", "items": {"type": "string"}},
                    "healthcheck": {"type": "object", "required": ["test"]},
                    "depends_on": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                "condition": {"enum": ["service_started", "service_healthy"]}
                            },
                        },
                    },
                },
            },
        },
    },
}
"""The part of Compose's format that the file uses."""


class ComposeTests(SynchronousTestCase):
    """deploy/compose.yaml, and what it mounts."""

    def setUp(self) -> None:
        (self.file,) = documents("compose.yaml")
        self.services: dict[str, dict[str, Any]] = self.file["services"]

    def test_its_form(self) -> None:
        jsonschema.validate(self.file, COMPOSE)

    def test_what_it_names_exists(self) -> None:
        for service in self.services.values():
            for volume in service.get("volumes", ()):
                self.assertTrue((DEPLOY / volume.split(":")[0]).exists(), volume)
            self.assertLessEqual({*service["networks"]}, {*self.file["networks"]})
            for name, need_of in service.get("depends_on", {}).items():
                checked = "healthcheck" in self.services[name] or "build" in self.services[name]
                self.assertTrue(checked or need_of["condition"] == "service_started", name)
            if build := service.get("build"):
                self.assertTrue((DEPLOY / build["context"] / build["dockerfile"]).is_file())

    def test_the_nodes(self) -> None:
        for name in ("one", "two"):
            node = self.services[name]
            config = accepted(node["command"]).configuration
            self.assertEqual(("haproxy:tcp:5000",), config.tcp_server.listen)
            (network,) = self.file["networks"]["net"]["ipam"]["config"]
            self.assertEqual((network["subnet"],), config.tcp_server.trusted_proxies)
            self.assertIn(name, config.web.allowed_hosts)
            grace = int(node["stop_grace_period"].removesuffix("s"))
            self.assertGreaterEqual(grace, stop_seconds(Limits()))

    def test_haproxy_takes_its_file(self) -> None:
        need("haproxy")
        command = [which("haproxy"), "-c", "-f", str(DEPLOY / "haproxy.cfg")]
        run(*command, cwd=DEPLOY)

    def test_prometheus_takes_its_file_and_the_rules_are_for_its_job(self) -> None:
        need("promtool")
        run(which("promtool"), "check", "config", str(DEPLOY / "prometheus.yml"), cwd=DEPLOY)
        (file,) = documents("prometheus.yml")
        (job,) = file["scrape_configs"]
        self.assertIn(
            f'up{{job="{job["job_name"]}"}}', (DEPLOY / file["rule_files"][0]).read_text()
        )
        (static,) = job["static_configs"]
        self.assertEqual({"one:5080", "two:5080"}, {*static["targets"]})


class ComposedTests(OwnDaemonTestCase):
    """What compose.yaml starts, as processes in a network of their own."""

    as_root = True

    def setUp(self) -> None:
        need("haproxy", "ip", "redis-server")
        namespace = Namespace()
        self.addCleanup(namespace.close)
        self.enterContext(namespace.entered())

    def spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_clients_on_two_nodes_hear_one_another_through_haproxy(self) -> None:
        (file,) = documents("compose.yaml")
        redis = file["services"]["redis"]["command"]
        self.spawn([which(redis[0]), "--port", "6379", *redis[1:]])
        hosts = {"one": "127.0.0.11", "two": "127.0.0.12"}
        for name, host in hosts.items():
            options = [
                option.replace("tcp:5000", f"tcp:5000:interface={host}")
                .replace("redis:6379", "127.0.0.1:6379")
                .replace("--web-bind-ip=0.0.0.0", f"--web-bind-ip={host}")
                .replace("172.30.50.0/24", "127.0.0.0/8")
                for option in file["services"][name]["command"]
            ]
            running = self.start(*OPTIONS, *options)
            wait_for(lambda running=running: "Redis connected" in running.log, "Redis")
        text = (DEPLOY / "haproxy.cfg").read_text().replace("bind :5000", "bind 127.0.0.1:5000")
        for name, host in hosts.items():
            text = text.replace(f"{name}:5000", f"{host}:5000")
        path = self.folder() / "haproxy.cfg"
        path.write_text(text)
        self.spawn([which("haproxy"), "-db", "-f", str(path)])
        first = self.client()
        second = wait_for(lambda: self.client_elsewhere(first), "a client on the other node")
        first.send(b"say through both\n")
        while second.message().get("message") != "through both":
            pass

    def client_elsewhere(self, other: Talker) -> Talker | None:
        """A client that is not on the node of another one."""
        found = self.client()
        return found if node_of(found) != node_of(other) else None

    def client(self) -> Talker:
        """A client that HAProxy has found a node for."""

        def connect() -> Talker | None:
            try:
                stream = socket.create_connection(("127.0.0.1", 5000), PATIENCE)
            except OSError:
                return None
            talker = Talker(stream)
            try:
                talker.line()
            except (AssertionError, OSError):
                stream.close()
                return None
            self.addCleanup(stream.close)
            return talker

        found: Talker = wait_for(connect, "a node behind HAProxy")
        return found


def node_of(client: Talker) -> str:
    """The id of the node that a client is connected to."""
    client.send(b"status\n")
    while "stats" not in (message := client.message()):
        pass
    return str(message["stats"]["id"])


class KubernetesTests(SynchronousTestCase):
    """deploy/kubernetes.yaml."""

    def setUp(self) -> None:
        self.found = {each["kind"]: each for each in documents("kubernetes.yaml")}
        self.pod = self.found["Deployment"]["spec"]["template"]
        (self.container,) = self.pod["spec"]["containers"]

    def test_each_document_fits_the_schemas(self) -> None:
        for version in ("1.28", "1.37"):
            for document in self.found.values():
                kubernetes_validate.validate(document, version, strict=True)

    def test_the_selectors_find_the_pods(self) -> None:
        labels = self.pod["metadata"]["labels"]
        for selector in (
            self.found["Deployment"]["spec"]["selector"]["matchLabels"],
            self.found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
            self.found["Service"]["spec"]["selector"],
        ):
            self.assertEqual(labels, selector)
        target = self.found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
        self.assertEqual(self.found["Deployment"]["metadata"]["name"], target["name"])

    def test_ports_and_probes(self) -> None:
        ports = {each["name"]: each["containerPort"] for each in self.container["ports"]}
        (served,) = self.found["Service"]["spec"]["ports"]
        self.assertIn(served["targetPort"], ports)
        paths = {
            kind: self.container[f"{kind}Probe"]["httpGet"]["path"]
            for kind in ("startup", "liveness", "readiness")
        }
        expected = {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
        self.assertEqual(expected, paths)
        arguments = [each.replace("$(POD_IP)", "10.0.0.7") for each in self.container["args"]]
        config = accepted(arguments).configuration
        self.assertEqual(
            (ports["clients"], ports["web"]), (config.tcp_server.port, config.web.port)
        )
        self.assertEqual(("10.0.0.7",), config.web.allowed_hosts)

    def test_a_stop_has_time(self) -> None:
        (_, seconds) = self.container["lifecycle"]["preStop"]["exec"]["command"]
        grace = self.pod["spec"]["terminationGracePeriodSeconds"]
        self.assertGreaterEqual(grace, int(seconds) + stop_seconds(Limits()))

    def test_it_may_do_nothing_that_it_need_not(self) -> None:
        allowed = self.container["securityContext"]
        self.assertTrue(allowed["readOnlyRootFilesystem"])
        self.assertFalse(allowed["allowPrivilegeEscalation"])
        self.assertEqual(["ALL"], allowed["capabilities"]["drop"])
        user = self.pod["spec"]["securityContext"]
        self.assertEqual(argument("USER"), f"{user['runAsUser']}:{user['runAsGroup']}")
        self.assertTrue(user["runAsNonRoot"])

    def test_it_scales_by_a_metric_that_there_is(self) -> None:
        (metric,) = self.found["HorizontalPodAutoscaler"]["spec"]["metrics"]
        self.assertIn(f"| `{metric['pods']['metric']['name']}` | gauge |", table())

"""Tests of `actionhero_tcp.plugin.tap`: the wiring, without a process."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from twisted.internet.endpoints import (
    TCP4ServerEndpoint,
    UNIXServerEndpoint,
)

from actionhero_tcp.config import configuration
from actionhero_tcp.embedding import process
from actionhero_tcp.embedding.composition import Launch, build
from actionhero_tcp.errors import StartError
from actionhero_tcp.logs.lines import FORMS
from actionhero_tcp.plugin import tap
from actionhero_tcp.server.listening import Listener
from actionhero_tcp.server.proxied import ProxiedEndpoint
from actionhero_tcp.server.service import ActionHeroService
from actionhero_tcp.workers import worker
from actionhero_tcp.workers.handover import HandedEndpoint
from actionhero_tcp.workers.supervisor import Supervisor
from tests import support
from tests.unit.plugin.test_options import FIELDS, OptionsTestCase


class BuildTests(OptionsTestCase):
    """`build` and `makeService`."""

    def setUp(self) -> None:
        super().setUp()
        # It would take over the `logging` of this process.
        self.patch(tap.StandardLogging, "install", lambda logging: None)

    def build(self, **tcp_server: Any) -> ActionHeroService:
        values = {("tcp_server", name): value for name, value in tcp_server.items()}
        self.service, self.reactor = support.make_service(values)
        return self.service

    def test_the_values_of_the_configuration_reach_the_parts(self) -> None:
        service, reactor = support.make_service(
            {
                ("general", "server_name"): "mine",
                ("general", "welcome_message"): "hi",
                ("general", "default_chat_room"): "hall",
                ("limits", "max_params"): 1,
                ("limits", "max_room_name_length"): 3,
            }
        )
        self.assertEqual("mine", service.name)
        client = support.Client(service, reactor)
        reactor.advance(0)
        (welcome,) = client.lines()
        self.assertEqual(("hi", "hall"), (welcome["welcome"], welcome["room"]))
        client.send(b"paramAdd a=1\nparamAdd b=2\nroomChange long\nroomChange abc\n")
        self.assertEqual([False, True, True, False], ["error" in line for line in client.lines()])

    def test_requests_are_logged_only_where_that_is_asked_for(self) -> None:
        for wanted in (True, False):
            path = self.folder / f"{wanted}.log"
            service, reactor = support.make_service(
                {("log", "requests"): wanted, ("log", "request_file"): str(path)}
            )
            client = support.Client(service, reactor)
            client.send(b"say secret\nquit\n")
            self.successResultOf(service.stopService())
            self.assertEqual(wanted, path.exists())
        self.assertEqual(4, len((self.folder / "True.log").read_text().splitlines()))

    def test_what_blocks_is_watched_for_as_long_as_the_service_runs(self) -> None:
        for seconds in (0.0, 0.5):
            service, reactor = support.make_service({("log", "blocked_seconds"): seconds})
            service.startService()
            reactor.advance(0)
            beats = [call.getTime() - reactor.seconds() for call in reactor.getDelayedCalls()]
            self.assertEqual([0.1] if seconds else [], beats)
            self.assertEqual(bool(seconds), self.is_watched())
            self.successResultOf(service.stopService())
            self.assertFalse(self.is_watched())

    def is_watched(self) -> bool:
        """Whether the thread that watches runs."""
        return any(thread.name == "watch" for thread in threading.enumerate())

    def test_a_request_log_that_cannot_be_written_does_not_start(self) -> None:
        values = {("log", "requests"): True, ("log", "request_file"): str(self.folder)}
        error = self.assertRaises(StartError, support.make_service, values)
        self.assertIn("cannot open the request log", str(error))

    def test_the_settings_of_the_log_reach_it(self) -> None:
        path = self.folder / "requests.log"
        values: dict[tuple[str, str], Any] = {
            ("log", "requests"): True,
            ("log", "request_file"): str(path),
            ("log", "format"): "json",
            ("log", "params"): True,
            ("log", "filter_params"): ("key",),
        }
        service, reactor = support.make_service(values)
        client = support.Client(service, reactor)
        client.send(b'{"action":"cacheTest","params":{"key":"hunter2","value":"1"}}\n')
        assert service.logs.requests is not None
        service.logs.requests.flush()
        params = json.loads(path.read_text().splitlines()[-1])["params"]
        self.assertEqual({"key": "[FILTERED]", "value": "1", "limit": 100, "offset": 0}, params)

    def test_there_is_a_form_for_every_format(self) -> None:
        (info,) = [info for info in FIELDS if (info.section, info.name) == ("log", "format")]
        self.assertEqual(set(info.choices), set(FORMS))

    def test_actions_cannot_change_the_tables_of_the_api(self) -> None:
        api = self.build().factory.context.runner._api
        for table in (api.actions, api.connections):
            with self.assertRaises(TypeError):
                table["x"] = None  # type: ignore[index]

    def test_make_service_takes_from_the_environment_what_systemd_asks_for(self) -> None:
        # The path of a socket has 107 bytes at most, the test's own folder may have more.
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        path = f"{temporary.name}/notify"
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
            patch.dict(os.environ, {"NOTIFY_SOCKET": path}),
        ):
            manager.bind(path)
            options = tap.Options()
            options.parseOptions(["--no-log-requests"])
            notifier = tap.makeService(options).notifier
            self.addCleanup(notifier.close)
            self.assertNotIn("NOTIFY_SOCKET", os.environ)
            notifier.ready()
            self.assertEqual(b"READY=1", manager.recv(100))

    def supervisor(self, *arguments: str) -> Supervisor:
        """What `makeService` makes of options that ask for two workers, without a rehearsal."""
        self.rehearsed: list[tuple[Any, ...]] = []
        self.patch(worker, "rehearse", lambda *arguments: self.rehearsed.append(arguments))
        options = tap.Options()
        options.parseOptions(["--workers=2", *arguments])
        service = tap.makeService(options)
        assert isinstance(service, Supervisor)
        return service

    def test_workers_have_a_supervisor(self) -> None:
        service = self.supervisor("--redis=redis://r.example", "--port=0", "--server-name=mine")
        (listener,) = service._listeners
        self.assertEqual("TCP 0.0.0.0:0", listener.description)
        self.assertEqual("mine", service.name)
        ((command, sections, listeners),) = self.rehearsed
        self.assertEqual(("redis://r.example", 1), (sections.redis.url, listeners))
        self.assertEqual("--workers=2", command(1)[command(1).index("actionhero") + 1])

    def test_each_listener_is_shared(self) -> None:
        service = self.supervisor(
            "--use-redis", "--listen=haproxy:tcp:0", "--listen=unix:/x", "--secure"
        )
        self.assertEqual(
            [TCP4ServerEndpoint, UNIXServerEndpoint],
            [type(listener.endpoint) for listener in service._listeners],
        )

    def test_workers_need_redis_and_say_so(self) -> None:
        error = self.assertRaises(SystemExit, self.supervisor)
        self.assertEqual(
            "twistd actionhero: 2 workers need Redis, over which they share rooms, the cache and "
            "counters: say where it is with --redis (redis.url), or leave out --workers "
            "(general.workers)",
            error.code,
        )
        self.assertEqual(
            error.code, self.assertRaises(SystemExit, self.supervisor, "--check-config").code
        )

    def test_workers_do_not_develop_and_say_so(self) -> None:
        for more in ([], ["--check-config"], ["--use-redis"]):
            error = self.assertRaises(
                SystemExit, self.supervisor, "--development-mode", "--no-log-requests", *more
            )
            self.assertEqual(
                "twistd actionhero: development mode is for one process, not for 2 workers: leave "
                "out --development-mode (general.developmentMode) or --workers (general.workers)",
                error.code,
            )

    def test_what_workers_cannot_share_does_not_start(self) -> None:
        for arguments in (["--listen=ssl:0"], ["--listen=ssl:0", "--check-config"]):
            error = self.assertRaises(SystemExit, self.supervisor, "--use-redis", *arguments)
            self.assertIn("--listen ssl:0: workers can share tcp:", str(error.code))

    def listeners(self, spec: worker.WorkerSpec) -> Sequence[Listener]:
        """Where a worker listens."""
        platform = support.make_platform(support.Reactor())
        return build(spec.config, platform, Launch(worker=spec)).service._listeners

    def test_a_worker_listens_to_what_it_is_handed(self) -> None:
        values = {
            ("tcp_server", "listen"): ("haproxy:tcp:5000", "systemd:domain=INET:index=0"),
            ("log", "requests"): False,
        }
        address = ("127.0.0.1", 5000)
        sockets = [(socket.AF_INET, address), (socket.AF_INET, address)]
        place = worker.WorkerSpec(1, configuration.build(values), sockets)
        one, two = self.listeners(place)
        self.assertIsInstance(one.endpoint, ProxiedEndpoint)
        self.assertIsInstance(one.endpoint.endpoint, HandedEndpoint)
        self.assertIsInstance(two.endpoint, HandedEndpoint)
        place = worker.WorkerSpec(1, configuration.build({("log", "requests"): False}), sockets[:1])
        (only,) = self.listeners(place)
        self.assertIsInstance(only.endpoint, HandedEndpoint)
        self.assertEqual("TCP 0.0.0.0:5000", only.description)

    def test_make_service_wires_the_daemon_of_the_options(self) -> None:
        installed: list[int | None] = []

        class Signals:
            def __init__(self, reactor: Any, cut_short: Any, calls: Any, starter: Any) -> None:
                self.starter = starter

            def install(self) -> None:
                installed.append(self.starter)

        # The real ones would take over those of this process.
        self.patch(process, "Signals", Signals)
        options = tap.Options()
        options.parseOptions(["--port=0", "--server-name=mine", "--no-log-requests"])
        service = tap.makeService(options)
        self.assertIsInstance(service, ActionHeroService)
        self.assertEqual("mine", service.name)
        for in_foreground in (True, False):
            options.parent = {"nodaemon": in_foreground}
            tap.makeService(options)
        self.assertEqual([None, None, os.getpid()], installed)

    def test_what_make_service_cannot_wire_is_said_in_one_line(self) -> None:
        (self.folder / "bad.py").write_text("a = = 1\n")
        options = tap.Options()
        options.parseOptions([f"--actions={self.folder}"])
        error = self.assertRaises(SystemExit, tap.makeService, options)
        self.assertEqual(
            f"twistd actionhero: {self.folder / 'bad.py'}:1: invalid syntax", error.code
        )

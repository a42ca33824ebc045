"""The command line and the wiring, without a process."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import threading
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ServerEndpoint,
    UNIXServerEndpoint,
)
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import config, tap
from actionhero_tcp.endpoints import TLSEndpoint
from actionhero_tcp.errors import StartError
from actionhero_tcp.loglines import FORMS
from actionhero_tcp.proxied import ProxiedEndpoint
from actionhero_tcp.service import ActionHeroService
from tools import certs

from . import support

FIELDS = list(config.fields())

OTHER_VALUES = {str: "something", int: "77", float: "2.5"}


class OptionsTestCase(SynchronousTestCase):
    """A folder with all that the options name."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()

    def parse(self, *arguments: str) -> config.Config:
        """The configuration that a command line makes."""
        options = tap.Options()
        options.parseOptions(list(arguments))
        return options.configuration

    def refusal(self, *arguments: str) -> str:
        """What is wrong with a command line; one line."""
        error = self.assertRaises(SystemExit, self.parse, *arguments)
        text = error.code
        assert isinstance(text, str)
        self.assertTrue(text.startswith("twistd actionhero: "), text)
        self.assertEqual(1, len(text.splitlines()), text)
        return text.removeprefix("twistd actionhero: ")

    def file(self, **sections: Any) -> str:
        """A config file."""
        path = self.folder / "config.json"
        path.write_text(json.dumps(sections))
        return str(path)


class OptionsTests(OptionsTestCase):
    """`Options`."""

    def test_without_options_all_is_as_by_default(self) -> None:
        self.assertEqual(config.Config(), self.parse())

    def test_every_field_has_its_option(self) -> None:
        for info in FIELDS:
            if info.type is bool:
                for option, value in ((info.option, True), (f"no-{info.option}", False)):
                    arguments = [f"--{option}", "--listen=tcp:0"]
                    section = getattr(self.parse(*arguments), info.section)
                    self.assertIs(value, getattr(section, info.name))
            elif info.type is tuple:
                section = getattr(self.parse(f"--{info.option}=tcp:0"), info.section)
                self.assertEqual(("tcp:0",), getattr(section, info.name))
            else:
                text = info.choices[-1] if info.choices else OTHER_VALUES[info.type]
                if info.name in ("actions_directory", "flat_file_directory"):
                    text = str(self.folder)
                if info.minimum is not None and info.minimum > float(text):
                    text = f"{info.minimum + 1:g}"
                value = getattr(
                    getattr(self.parse(f"--{info.option}={text}"), info.section), info.name
                )
                self.assertEqual(info.type(text), value)
                self.assertNotEqual(info.default, value)
                self.assertIs(info.type, type(value))

    def test_the_version_is_the_servers(self) -> None:
        with redirect_stdout(io.StringIO()) as output:
            ended = self.assertRaises(SystemExit, tap.Options().parseOptions, ["--version"])
        self.assertEqual(0, ended.code)
        self.assertRegex(output.getvalue(), r"\Aactionhero-tcp \d\S* on Twisted \d+\.\S+\n\Z")

    def test_there_is_no_option_without_a_field(self) -> None:
        options = tap.Options()
        known = {info.option for info in FIELDS} | {"check-config", "config", "help", "version"}
        known |= {f"no-{info.option}" for info in FIELDS if info.type is bool}
        found = {name.rstrip("=") for name in options.longOpt}
        self.assertEqual(known, found)

    def test_the_help_names_every_option_and_its_default(self) -> None:
        text = " ".join(tap.Options().getUsage(width=200).split())
        for info in FIELDS:
            self.assertIn(f"--{info.option}", text)
            self.assertIn(" ".join(info.help.split()), text)
        self.assertIn("[default: 5000]", text)
        self.assertIn("[default: password, passwd, ", text)
        self.assertIn("[default: yes]", text)
        self.assertIn("[default: no]", text)
        self.assertNotIn("[default: ]", text)

    def test_help_ends_with_status_0(self) -> None:
        out = io.StringIO()
        with redirect_stdout(out):
            error = self.assertRaises(SystemExit, self.parse, "--help")
        self.assertIn(error.code, (0, None))
        self.assertIn("--port", out.getvalue())

    def test_listen_may_be_given_several_times(self) -> None:
        server = self.parse("--listen", "tcp:1", "--listen", "unix:/x").tcp_server
        self.assertEqual(("tcp:1", "unix:/x"), server.listen)

    def test_so_may_other_lists_and_they_replace_the_default(self) -> None:
        self.assertEqual(("127.0.0.0/8", "::1"), self.parse().tcp_server.trusted_proxies)
        server = self.parse("--trusted-proxies=10.0.0.0/8", "--trusted-proxies", "::2").tcp_server
        self.assertEqual(("10.0.0.0/8", "::2"), server.trusted_proxies)

    def test_what_is_given_several_times_stands_in_place_of_the_list_before_it(self) -> None:
        file = self.file(log={"filterParams": ["pin"]})
        self.assertEqual(("pin",), self.parse("-c", file).log.filter_params)
        given = ("-c", file, "--filter-param=a", "--filter-param=b")
        self.assertEqual(("a", "b"), self.parse(*given).log.filter_params)
        self.assertEqual(("pin",), self.parse("-c", file).log.filter_params)
        self.assertIn("password", self.parse().log.filter_params)

    def test_options_win_over_the_file_and_the_file_over_the_defaults(self) -> None:
        file = self.file(
            tcpServer={"port": 6000, "bindIP": "127.0.0.1", "secure": True, "listen": ["tcp:1"]},
            limits={"actionTimeout": 3},
        )
        made = self.parse("--config", file, "--port=7000", "--no-secure", "--listen=tcp:2")
        server = made.tcp_server
        self.assertEqual((7000, "127.0.0.1", False), (server.port, server.bind_ip, server.secure))
        self.assertEqual(("tcp:2",), server.listen)
        self.assertEqual(3.0, made.limits.action_timeout)
        self.assertEqual(64, made.limits.max_room_name_length)

    def test_an_option_that_says_the_default_wins_too(self) -> None:
        file = self.file(tcpServer={"port": 6000, "enable": False})
        server = self.parse("-c", file, "--port=5000", "--tcp-server").tcp_server
        self.assertEqual((5000, True), (server.port, server.enable))

    def test_paths_in_the_file_count_from_its_folder_those_of_options_do_not(self) -> None:
        (self.folder / "files").mkdir()
        file = self.file(general={"flatFileDirectory": "files"}, tcpServer={"keyFile": "key.pem"})
        made = self.parse("--config", file, "--cert-file=cert.pem")
        self.assertEqual(str(self.folder / "files"), made.general.flat_file_directory)
        self.assertEqual(str(self.folder / "key.pem"), made.tcp_server.key_file)
        self.assertEqual("cert.pem", made.tcp_server.cert_file)


class RefusalTests(OptionsTestCase):
    """What is wrong ends the start with one line."""

    def test_an_unknown_option(self) -> None:
        self.assertIn("option --nope not recognized", self.refusal("--nope"))

    def test_an_argument(self) -> None:
        self.assertIn("unexpected argument 'nope'", self.refusal("nope"))

    def test_a_value_of_a_wrong_type_or_out_of_range(self) -> None:
        for argument, text in (
            ("--port=x", "--port must be a whole number, not 'x'"),
            ("--port=1.5", "--port must be a whole number, not '1.5'"),
            ("--port=65536", "--port must be at most 65535, not 65536"),
            ("--port=-1", "--port must be at least 0, not -1"),
            ("--action-timeout=soon", "--action-timeout must be a number, not 'soon'"),
            ("--action-timeout=nan", "--action-timeout must be a finite number, not nan"),
            ("--max-line-length=1", "--max-line-length must be at least 64, not 1"),
            ("--log-format=xml", '--log-format must be text or json, not "xml"'),
        ):
            self.assertEqual(f"{text} (--help lists the options)", self.refusal(argument))

    def test_an_option_and_its_opposite(self) -> None:
        for info in FIELDS:
            if info.type is bool:
                self.assertIn(
                    f"--{info.option} and --no-{info.option} contradict",
                    self.refusal(f"--{info.option}", f"--no-{info.option}"),
                )

    def test_nothing_to_listen_on(self) -> None:
        self.assertIn("nothing to listen on", self.refusal("--no-tcp-server"))
        file = self.file(tcpServer={"enable": False})
        self.assertIn("nothing to listen on", self.refusal("--config", file))
        self.assertIn("nothing to listen on", self.refusal("--no-tcp-server", "--config", file))
        self.assertFalse(self.parse("--no-tcp-server", "--listen=tcp:0").tcp_server.enable)

    def test_a_config_file_that_is_not_there(self) -> None:
        path = str(self.folder / "none.json")
        self.assertEqual(
            f"{path}: cannot read the config file: No such file or directory",
            self.refusal("--config", path),
        )

    def test_a_config_file_that_is_wrong_names_the_key(self) -> None:
        file = self.file(tcpServer={"prot": 1})
        self.assertEqual(
            f"{file}: unknown key tcpServer.prot; did you mean port?", self.refusal("-c", file)
        )
        file = self.file(tcpServer={"port": "5000"})
        self.assertEqual(
            f'{file}: tcpServer.port must be a whole number, not "5000"', self.refusal("-c", file)
        )

    def test_folders_that_were_asked_for_must_be_there(self) -> None:
        none = str(self.folder / "none")
        for option, key in (("actions", "actionsDirectory"), ("public", "flatFileDirectory")):
            text = f"{none}: there is no such folder (general.{key})"
            self.assertEqual(text, self.refusal(f"--{option}={none}"))
            self.assertEqual(text, self.refusal("-c", self.file(general={key: "none"})))

    def test_a_file_in_place_of_a_folder(self) -> None:
        file = self.file()
        self.assertIn("there is no such folder", self.refusal(f"--actions={file}"))

    def test_usage_errors_stay_what_they_are_within(self) -> None:
        options = tap.Options()
        self.assertRaises(usage.UsageError, options.parseArgs, "x")
        options.parseArgs()


class BuildTests(OptionsTestCase):
    """`build` and `makeService`."""

    def build(self, **tcp_server: Any) -> ActionHeroService:
        values = {("tcp_server", name): value for name, value in tcp_server.items()}
        self.service, self.reactor = support.make_service(values)
        return self.service

    def listeners(self, **tcp_server: Any) -> list[Any]:
        return list(self.build(**tcp_server)._listeners)

    def test_by_default_it_listens_on_tcp(self) -> None:
        (listener,) = self.listeners()
        self.assertIsInstance(listener.endpoint, TCP4ServerEndpoint)
        self.assertEqual("TCP 0.0.0.0:5000", listener.description)
        self.service.privilegedStartService()
        ((port, factory, _, interface),) = self.reactor.tcpServers
        self.assertEqual((5000, self.service.factory, "0.0.0.0"), (port, factory, interface))

    def test_it_listens_where_it_is_told(self) -> None:
        self.build(port=0, bind_ip="127.0.0.1").privilegedStartService()
        ((port, _, _, interface),) = self.reactor.tcpServers
        self.assertEqual((0, "127.0.0.1"), (port, interface))

    def test_secure_listens_with_tls(self) -> None:
        key, cert = map(str, certs.make(self.folder))
        (listener,) = self.listeners(secure=True, port=5001, key_file=key, cert_file=cert)
        self.assertIsInstance(listener.endpoint, TLSEndpoint)
        self.assertIsInstance(listener.endpoint.endpoint, TCP4ServerEndpoint)
        self.assertEqual("TCP 0.0.0.0:5001, with TLS", listener.description)

    def test_secure_without_a_certificate_does_not_start(self) -> None:
        key, _ = map(str, certs.make(self.folder))
        error = self.assertRaises(
            StartError, self.build, secure=True, key_file=key, cert_file="/none"
        )
        self.assertIn("/none: cannot read the certificate", str(error))

    def test_listen_stands_in_place_of_port_and_ip(self) -> None:
        one, two = self.listeners(listen=("tcp:0", "unix:/run/x.sock"))
        self.assertIsInstance(one.endpoint, TCP4ServerEndpoint)
        self.assertIsInstance(two.endpoint, UNIXServerEndpoint)
        self.assertEqual("unix:/run/x.sock", two.description)

    def test_secure_holds_wherever_it_listens(self) -> None:
        key, cert = map(str, certs.make(self.folder))
        one, two = self.listeners(
            listen=("tcp:0", "unix:/run/x.sock"), secure=True, key_file=key, cert_file=cert
        )
        self.assertIsInstance(one.endpoint.endpoint, TCP4ServerEndpoint)
        self.assertIsInstance(two.endpoint.endpoint, UNIXServerEndpoint)
        self.assertEqual("unix:/run/x.sock, with TLS", two.description)

    def test_a_tls_of_its_own_goes_without_secure_only(self) -> None:
        key, cert = map(str, certs.make(self.folder))
        own = f"ssl:0:privateKey={key}:certKey={cert}"
        (listener,) = self.listeners(listen=(own,))
        self.assertIsInstance(listener.endpoint, SSL4ServerEndpoint)
        pair = {"secure": True, "key_file": key, "cert_file": cert}
        error = self.assertRaises(StartError, self.build, listen=("tcp:0", own), **pair)
        self.assertEqual(
            f"--listen {own}: this has a TLS of its own, but tcpServer.secure is set; "
            "leave out one of them",
            str(error),
        )

    def test_a_proxy_goes_without_secure_only(self) -> None:
        key, cert = map(str, certs.make(self.folder))
        pair = {"secure": True, "key_file": key, "cert_file": cert}
        error = self.assertRaises(StartError, self.build, listen=("haproxy:tcp:0",), **pair)
        self.assertEqual(
            "--listen haproxy:tcp:0: its TLS ends in the proxy, but tcpServer.secure is set; "
            "leave out one of them",
            str(error),
        )

    def test_secure_needs_the_pair_for_listen_too(self) -> None:
        error = self.assertRaises(
            StartError, self.build, listen=("tcp:0",), secure=True, key_file="/none"
        )
        self.assertIn("/none: cannot read the private key", str(error))

    def test_what_is_no_endpoint_does_not_start(self) -> None:
        for text in ("nope", "nope:1", "tcp:x", "ssl:1:privateKey=/none", "", "haproxy:tcp:x"):
            error = self.assertRaises(StartError, self.build, listen=(text,))
            self.assertTrue(str(error).startswith(f"--listen {text}: "), error)
            self.assertEqual(1, len(str(error).splitlines()))

    def test_behind_a_proxy_it_listens_where_the_rest_of_the_description_says(self) -> None:
        one, two, three = self.listeners(
            listen=("haproxy:tcp:0", "haproxy:unix:/run/x.sock", "tcp:0"),
        )
        self.assertIsInstance(one.endpoint, ProxiedEndpoint)
        self.assertIsInstance(one.endpoint.endpoint, TCP4ServerEndpoint)
        self.assertEqual("haproxy:tcp:0", one.description)
        self.assertIsInstance(two.endpoint.endpoint, UNIXServerEndpoint)
        self.assertIsInstance(three.endpoint, TCP4ServerEndpoint)

    def test_behind_a_proxy_there_is_no_tls(self) -> None:
        for rest in ("ssl:5001", "ssl:5001:privateKey=/none", "haproxy:tcp:0", "nope", ""):
            error = self.assertRaises(StartError, self.build, listen=(f"haproxy:{rest}",))
            self.assertEqual(
                f"--listen haproxy:{rest}: known are haproxy:tcp:, haproxy:tcp6:, haproxy:unix:, "
                "haproxy:systemd:; TLS has to end in the proxy",
                str(error),
            )

    def test_a_trusted_proxy_that_is_none_does_not_start(self) -> None:
        for listen in ((), ("haproxy:tcp:0",)):
            error = self.assertRaises(
                StartError, self.build, trusted_proxies=("10.0.0.1/8",), listen=listen
            )
            self.assertEqual(
                "tcpServer.trustedProxies: 10.0.0.1/8 has host bits set; "
                "expected are addresses, and networks such as 10.0.0.0/8",
                str(error),
            )

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
        api = self.build().factory.runner._api
        for table in (api.actions, api.connections):
            with self.assertRaises(TypeError):
                table["x"] = None  # type: ignore[index]

    def test_make_service_takes_from_the_environment_what_systemd_asks_for(self) -> None:
        path = str(self.folder / "notify")
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

    def test_make_service_wires_the_daemon_of_the_options(self) -> None:
        options = tap.Options()
        options.parseOptions(["--port=0", "--server-name=mine", "--no-log-requests"])
        service = tap.makeService(options)
        self.assertIsInstance(service, ActionHeroService)
        self.assertEqual("mine", service.name)

    def test_what_make_service_cannot_wire_is_said_in_one_line(self) -> None:
        (self.folder / "bad.py").write_text("a = = 1\n")
        options = tap.Options()
        options.parseOptions([f"--actions={self.folder}"])
        error = self.assertRaises(SystemExit, tap.makeService, options)
        self.assertEqual(
            f"twistd actionhero: {self.folder / 'bad.py'}:1: invalid syntax", error.code
        )


class EndTests(SynchronousTestCase):
    """A daemon that cannot listen."""

    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.shown = io.StringIO()
        self.patch(sys, "__stderr__", self.shown)
        self.patch(sys, "excepthook", sys.excepthook)

    def end(self, running: bool) -> Any:
        """A service that fails, on a reactor that runs or not."""
        reactor = support.Reactor()
        reactor.running = running
        reactor.stopped = 0
        reactor.triggers = []
        reactor.stop = lambda: setattr(reactor, "stopped", reactor.stopped + 1)
        reactor.addSystemEventTrigger = lambda *arguments: reactor.triggers.append(arguments)
        service, _ = support.make_service(reactor=reactor)
        try:
            service._fail("cannot listen on x: taken")
        finally:
            self.reactor: Any = reactor
        return reactor

    def test_before_the_reactor_runs_the_error_is_raised_and_shown_in_one_line(self) -> None:
        error = self.assertRaises(StartError, self.end, False)
        self.assertEqual("cannot listen on x: taken", str(error))
        self.assertEqual(0, self.reactor.stopped)
        self.assertEqual("", self.shown.getvalue())
        sys.excepthook(StartError, error, None)
        self.assertEqual("twistd actionhero: cannot listen on x: taken\n", self.shown.getvalue())

    def test_while_it_runs_the_process_ends_with_status_1(self) -> None:
        reactor = self.end(True)
        self.assertEqual(1, reactor.stopped)
        self.assertEqual([("after", "shutdown", os._exit, 1)], reactor.triggers)
        self.assertEqual("twistd actionhero: cannot listen on x: taken\n", self.shown.getvalue())

    def test_it_is_logged(self) -> None:
        self.end(True)
        self.assertIn("cannot listen on x: taken", [formatEvent(e) for e in self.events])

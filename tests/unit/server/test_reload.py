"""Tests of `actionhero_tcp.server.reload`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import configuration
from actionhero_tcp.config.sections import Config
from actionhero_tcp.embedding.composition import Launch, build
from actionhero_tcp.errors import StartError
from actionhero_tcp.server.reload import merge
from tests import support
from tools import certs

Values = dict[tuple[str, str], Any]


class MergeTests(SynchronousTestCase):
    """What a reload makes of a configuration."""

    def test_what_can_change_changes_and_the_rest_waits(self) -> None:
        asked = configuration.build(
            {
                ("limits", "max_params"): 7,
                ("general", "welcome_message"): "hi",
                ("tcp_server", "port"): 6000,
            }
        )
        merged, changed, waiting = merge(Config(), asked)
        self.assertEqual(7, merged.limits.max_params)
        self.assertEqual("hi", merged.general.welcome_message)
        self.assertEqual(5000, merged.tcp_server.port)
        self.assertEqual(["general.welcomeMessage", "limits.maxParams"], changed)
        self.assertEqual(["tcpServer.port"], waiting)

    def test_what_is_the_same_changes_nothing(self) -> None:
        self.assertEqual((Config(), [], []), merge(Config(), Config()))

    def test_a_part_of_the_request_log_changes_where_it_is_on(self) -> None:
        key = ("log", "requests")
        for old, new, changes in (
            (True, "errors", True),
            ("slow", 0.5, True),
            (0.5, True, True),
            (True, False, False),
            (False, "errors", False),
        ):
            configs = configuration.build({key: old}), configuration.build({key: new})
            merged, changed, waiting = merge(*configs)
            self.assertEqual(new if changes else old, merged.log.requests)
            self.assertEqual(["log.requests"], changed if changes else waiting)

    def test_every_limit_can_change_while_the_server_runs(self) -> None:
        fixed = [
            info.key
            for info in configuration.fields()
            if info.section == "limits" and not info.live
        ]
        self.assertEqual([], fixed)


class ReloadTests(SynchronousTestCase):
    """A reload of a whole daemon, without a network."""

    def start(self, values: Values | None = None) -> None:
        """A daemon of these values, with a client."""
        self.values: Values = {("log", "requests"): False, **(values or {})}
        self.reactor = support.Reactor()
        platform = support.make_platform(self.reactor)
        self.server = build(configuration.build(self.values), platform, Launch(self.read))
        self.service = self.server.service
        self.client = support.Client(self.service, self.reactor)
        self.client.raw()
        self.said: list[str] = []
        observe = lambda event: self.said.append(str(event.get("log_format")).format(**event))  # noqa: E731
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def read(self) -> Config:
        return configuration.build(self.values)

    def test_limits_are_in_force_at_once(self) -> None:
        self.start()
        self.values["limits", "max_room_name_length"] = 3
        self.values["limits", "max_params"] = 1
        self.values["limits", "max_connections"] = 1
        self.service.reload()
        self.assertIn("at most 3", self.client.ask("roomChange abcd")["error"])
        self.client.ask("paramAdd a=b")
        self.assertIn("at most 1", self.client.ask("paramAdd c=d")["error"])
        (refused,) = support.Client(self.service, self.reactor).lines()
        self.assertIn("as many connections", refused["error"])

    def test_what_clients_are_told_changes_too(self) -> None:
        self.start()
        self.values["general", "welcome_message"] = "hi"
        self.values["general", "default_chat_room"] = "hall"
        self.values["general", "default_limit"] = 7
        self.service.reload()
        (welcome,) = support.Client(self.service, self.reactor).lines()
        self.assertEqual(("hi", "hall"), (welcome["welcome"], welcome["room"]))
        self.client.ask("randomNumber")
        self.assertEqual(7, self.client.ask("paramsView")["params"]["limit"])

    def test_other_proxies_are_trusted(self) -> None:
        self.start({("tcp_server", "listen"): ("haproxy:tcp:0",)})
        self.service.privilegedStartService()
        ((_, proxied, *_),) = self.reactor.tcpServers
        proxy = SimpleNamespace(factory=proxied)
        self.assertFalse(support.Client(proxy, self.reactor).transport.connected)
        self.values["tcp_server", "trusted_proxies"] = ("192.168.1.1",)
        self.assertTrue(self.service.reload())
        client = support.Client(proxy, self.reactor)
        client.send(b"PROXY UNKNOWN\r\n")
        self.assertIn("welcome", client.lines()[0])
        self.values["tcp_server", "trusted_proxies"] = ("192.168.1.1/8",)
        self.assertFalse(self.service.reload())
        self.assertIn("tcpServer.trustedProxies: 192.168.1.1/8 has host bits set", self.said[-1])

    def test_the_log_says_what_has_changed_and_what_needs_a_restart(self) -> None:
        self.start()
        self.values["limits", "max_params"] = 1
        self.values["tcp_server", "port"] = 1
        self.service.reload()
        self.assertIn("changed: limits.maxParams", self.said[0])
        self.assertIn("need a restart: tcpServer.port", self.said[1])
        self.service.reload()
        self.assertIn("changed: nothing", self.said[2])
        self.assertIn("need a restart: tcpServer.port", self.said[3])

    def test_all_that_changes_is_one_object_which_is_swapped(self) -> None:
        self.start()
        self.values["general", "announce_limit"] = 1
        self.values["limits", "max_cache_entries"] = 1
        before = self.server.context.live.current
        self.service.reload()
        self.assertIsNot(before, self.server.context.live.current)
        self.assertEqual(1000, before.config.general.announce_limit)
        # Nobody keeps a copy.
        other = support.Client(self.service, self.reactor)
        self.client.raw()
        other.ask("say hi")
        self.assertEqual(["hi"], [line.get("message") for line in self.client.lines()])
        for key in "ab":
            self.client.ask(f'{{"action":"cacheTest","params":{{"key":"{key}","value":"v"}}}}')
        self.assertEqual(0, len(self.server.api.cache))  # type: ignore[arg-type]

    def test_a_bad_file_changes_nothing_and_says_so(self) -> None:
        self.start()

        def read() -> Config:
            raise StartError("config.json: something is wrong")

        self.server.reload._read = read  # type: ignore[attr-defined]
        self.assertFalse(self.service.reload())
        self.assertIn("changed nothing: config.json: something is wrong", self.said[0])

    def test_more_connections_than_the_process_can_hold_change_nothing(self) -> None:
        self.start()
        self.values["limits", "max_connections"] = 10**9
        self.values["limits", "max_params"] = 1
        self.assertFalse(self.service.reload())
        self.assertIn("limits.maxConnections is 1000000000", self.said[0])
        self.client.ask("paramAdd a=b")
        self.assertEqual("OK", self.client.ask("paramAdd c=d")["status"])

    def test_new_certificates(self) -> None:
        folder = Path(self.mktemp())
        key, cert = certs.make(folder)
        self.start(
            {
                ("tcp_server", "secure"): True,
                ("tcp_server", "key_file"): str(key),
                ("tcp_server", "cert_file"): str(cert),
            }
        )
        live = self.server.context.live
        first = live.current.tls
        self.assertTrue(self.service.reload())
        second = live.current.tls
        self.assertIsNot(first, second)
        cert.write_text("no certificate")
        self.assertFalse(self.service.reload())
        self.assertIs(second, live.current.tls)
        self.assertIn(f"{cert}: this is no certificate", self.said[-1])

"""The server's face to actions."""

from __future__ import annotations

import dataclasses

from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.api import Api
from actionhero_tcp.app.application import Application
from actionhero_tcp.app.background import Background
from actionhero_tcp.app.cache import LocalCache
from actionhero_tcp.app.cluster import NoCluster
from actionhero_tcp.app.hook_runner import Hooks
from actionhero_tcp.app.loader import Loaded
from actionhero_tcp.app.rooms import AppRooms
from actionhero_tcp.app.thread_pool import FairThreadPool
from actionhero_tcp.config.sections import Config, Limits
from actionhero_tcp.config.settings import Settings
from actionhero_tcp.connection.connection import Connection
from actionhero_tcp.connection.files import Files
from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.errors import UnserializableError
from actionhero_tcp.logs.param_filter import ParamFilter
from actionhero_tcp.rooms.rooms import Rooms
from actionhero_tcp.stats import Stats
from tests.support import make_account, make_budget, make_connection, make_live


class SendSocketMessageTests(SynchronousTestCase):
    """`Api.send_socket_message`."""

    def setUp(self) -> None:
        self.client, self.other = make_connection(), make_connection()
        clock = Clock()
        self.live = make_live()
        self.application = Application(Loaded(), Hooks(ParamFilter(()), self.live, clock))
        self.api = Api(
            live=self.live,
            application=self.application,
            cache=LocalCache(clock, make_account(), self.live),
            rooms=AppRooms(
                Rooms(WriteBatch(lambda call: None), self.live), self.live, {}, NoCluster()
            ),
            files=Files(".", "index.html"),
            stats=Stats(),
            connections={c.id: c for c in (self.client, self.other)},
            reactor=clock,
            threads=FairThreadPool(None, None, self.live),  # type: ignore[arg-type]
            memory=make_budget(),
            tasks=Background(self.live, clock),
        )

    def test_sends_to_a_connection(self) -> None:
        self.assertIs(True, self.api.send_socket_message(self.client, {"a": 1}))
        self.assertEqual([b'{"a":1,"context":"api"}\r\n'], self.client.outbox.said)

    def test_sends_to_an_id(self) -> None:
        self.assertIs(True, self.api.send_socket_message(self.client.id, {"a": 1}))
        self.assertEqual([{"a": 1, "context": "api"}], self.client.outbox.heard)

    def test_sends_to_an_actions_connection(self) -> None:
        seen = Connection(self.client, {})
        self.assertIs(True, self.api.send_socket_message(seen, {"a": 1}))
        self.assertEqual([{"a": 1, "context": "api"}], self.client.outbox.heard)

    def test_sends_to_nobody_else(self) -> None:
        self.api.send_socket_message(self.client, {"a": 1})
        self.assertEqual([], self.other.outbox.said + self.other.outbox.said)

    def test_leaves_the_context_that_a_message_names(self) -> None:
        self.api.send_socket_message(self.client, {"context": "news", "a": 1})
        self.assertEqual([b'{"context":"news","a":1}\r\n'], self.client.outbox.said)

    def test_leaves_the_message_as_it_was(self) -> None:
        message = {"a": 1}
        self.api.send_socket_message(self.client, message)
        self.assertEqual({"a": 1}, message)

    def test_tells_that_a_client_is_gone(self) -> None:
        gone = make_connection()
        for name in (gone, gone.id, Connection(gone, {}), ""):
            self.assertIs(False, self.api.send_socket_message(name, {"a": 1}), name)
        self.assertEqual([], gone.outbox.said)

    def test_refuses_values_that_are_no_json(self) -> None:
        for value in (object(), float("nan"), {None: 2}, 1j):
            with self.assertRaises(UnserializableError):
                self.api.send_socket_message(self.client, {"a": value})
        self.assertEqual([], self.client.outbox.said)

    def test_refuses_what_is_no_object(self) -> None:
        for message in (["a"], "context", None, 5):
            with self.assertRaises(UnserializableError):
                self.api.send_socket_message(self.client, message)  # type: ignore[arg-type]
        self.assertEqual([], self.client.outbox.said)

    def test_its_actions_are_those_of_the_application(self) -> None:
        self.assertIs(self.application.actions, self.api.actions)

    def test_its_configuration_is_the_one_in_force(self) -> None:
        config = Config(limits=Limits(max_params=1))
        self.live.swap(Settings(config))
        self.assertIs(config, self.api.config)

    def test_cannot_be_changed(self) -> None:
        with self.assertRaises(dataclasses.FrozenInstanceError):
            self.api.cache = self.api.cache  # type: ignore[misc]

"""`Server`: what it takes, and what it refuses before it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import Api, Connection, Server, action, on_connect
from actionhero_tcp.config.sections import Config, General
from actionhero_tcp.embedding.settings import DEFAULTS, reader_of
from actionhero_tcp.errors import StartError


@action
def greet(api: Api, connection: Connection) -> None:
    """Greets nobody."""


@on_connect
def look(api: Api, connection: Connection) -> None:
    """Looks at nobody."""


def unmarked(api: Api, connection: Connection) -> None:
    """Is no action."""


class ServerTests(SynchronousTestCase):
    """A server that has not started."""

    def refused(self, **arguments: Any) -> str:
        """What the error says."""
        return str(self.assertRaises(StartError, Server, **arguments))

    def test_it_has_no_address_and_no_api(self) -> None:
        server = Server(actions=[greet], hooks=[look])
        for name in ("port", "addresses", "api"):
            self.assertRaises(RuntimeError, getattr, server, name)
        self.assertRaises(RuntimeError, server.reload)
        self.assertEqual("<Server not started>", repr(server))

    def test_functions_without_a_mark_are_refused_with_their_place(self) -> None:
        line = unmarked.__code__.co_firstlineno
        for kind in ("actions", "hooks"):
            error = self.refused(**{kind: [unmarked]})
            self.assertIn(f"test_server.py:{line}: unmarked is not marked as a", error)
        self.assertIn("3 is not marked as an action", self.refused(actions=[3]))

    def test_two_actions_of_one_name_are_refused(self) -> None:
        self.assertIn("is also defined in", self.refused(actions=[greet, greet]))

    def test_what_only_twistd_can_do_is_refused(self) -> None:
        general = {"workers": 2}
        self.assertIn("general.workers", self.refused(actions=[], config={"general": general}))
        development = {"general": {"developmentMode": True}}
        error = self.refused(actions=[greet], config=development)
        self.assertIn("general.developmentMode", error)


class ConfigTests(SynchronousTestCase):
    """The forms of a configuration."""

    def test_a_dict_has_the_keys_of_the_file(self) -> None:
        read = reader_of({"general": {"serverName": "mine"}}, False, DEFAULTS)
        self.assertEqual("mine", read().general.server_name)
        self.assertFalse(read().log.requests)

    def test_what_is_wrong_with_a_dict_is_named(self) -> None:
        for given, expected in (
            ({"tcpServer": {"prot": 1}}, "config: unknown key tcpServer.prot; did you mean port?"),
            ({"tcpServer": {"port": "x"}}, "config: tcpServer.port must be a whole number"),
            ({"tcp": {}}, "config: unknown key tcp"),
            ({"tcpServer": 3}, "config: the section tcpServer must be an object, not 3"),
        ):
            error = self.assertRaises(StartError, reader_of, given, False, DEFAULTS)
            self.assertIn(expected, str(error))

    def test_a_file_is_read_again_for_each_reload(self) -> None:
        path = Path(self.mktemp())
        path.write_text('{"general": {"serverName": "one"}, "log": {"requests": true}}')
        read = reader_of(path, False, DEFAULTS)
        self.assertEqual(("one", True), (read().general.server_name, read().log.requests))
        path.write_text('{"general": {"serverName": "two"}}')
        self.assertEqual("two", read().general.server_name)

    def test_a_config_is_taken_as_it_is(self) -> None:
        config = Config(general=General(server_name="mine"))
        self.assertIs(config, reader_of(config, True, DEFAULTS)())

    def test_an_actions_folder_has_to_be_there_only_where_it_is_loaded(self) -> None:
        given = {"general": {"actionsDirectory": "/nowhere/at/all"}}
        reader_of(given, False, DEFAULTS)()
        read = reader_of(given, True, DEFAULTS)
        self.assertIn("there is no such folder", str(self.assertRaises(StartError, read)))

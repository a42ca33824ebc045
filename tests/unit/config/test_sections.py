"""The configuration."""

from __future__ import annotations

import dataclasses

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import configuration
from actionhero_tcp.config.sections import Config

FIELDS = {f"{info.section_key}.{info.key}": info for info in configuration.fields()}
NUMBERS = [info for info in FIELDS.values() if info.type in (int, float)]


class FieldsTests(SynchronousTestCase):
    """What is known of each field."""

    def test_sections_are_those_of_the_design(self) -> None:
        sections = list(dict.fromkeys(info.section_key for info in FIELDS.values()))
        self.assertEqual(["general", "tcpServer", "limits", "log", "redis", "web"], sections)

    def test_every_field_of_the_classes_is_there_once(self) -> None:
        expected = [
            (section.name, item.name)
            for section in dataclasses.fields(Config)
            for item in dataclasses.fields(getattr(Config(), section.name))
        ]
        self.assertEqual(expected, [(info.section, info.name) for info in configuration.fields()])

    def test_every_field_has_help(self) -> None:
        for key, info in FIELDS.items():
            self.assertTrue(info.help.strip(), key)
            self.assertNotIn("\n", info.help, key)

    def test_options_are_unique(self) -> None:
        options = ["config", "help", "version"]
        for info in configuration.fields():
            options.append(info.option)
            if info.type is bool:
                options.append(f"no-{info.option}")
        self.assertEqual(sorted(set(options)), sorted(options))

    def test_options_are_words_and_dashes(self) -> None:
        for key, info in FIELDS.items():
            self.assertRegex(info.option, r"\A[a-z]+(-[a-z]+)*\Z", key)

    def test_keys_are_unique_and_in_camel_case(self) -> None:
        self.assertEqual(len(list(configuration.fields())), len(FIELDS))
        for key in FIELDS:
            self.assertRegex(key, r"\A[a-z]+([A-Z][a-zA-Z]*)?\.([a-z]+([A-Z][a-zA-Z]*)*|DB)\Z")

    def test_some_keys_and_options(self) -> None:
        expected = {
            "tcpServer.bindIP": "bind-ip",
            "tcpServer.port": "port",
            "tcpServer.enable": "tcp-server",
            "tcpServer.listen": "listen",
            "general.flatFileDirectory": "public",
            "general.actionsDirectory": "actions",
            "general.serverErrorMessage": "server-error-message",
            "limits.maxPendingActions": "max-pending-actions",
            "log.requests": "log-requests",
            "log.params": "log-params",
            "log.requestFile": "request-log",
            "log.format": "log-format",
            "log.file": "log-file",
            "log.filterParams": "filter-param",
        }
        self.assertEqual(expected, {key: FIELDS[key].option for key in expected})

    def test_types_are_those_that_can_be_checked(self) -> None:
        for key, info in FIELDS.items():
            self.assertIn(info.type, (str, int, float, bool, tuple), key)

    def test_defaults_pass_their_own_check(self) -> None:
        for key, info in FIELDS.items():
            self.assertEqual(info.default, info.check(info.default), key)
            self.assertIs(info.type, type(info.default), key)

    def test_defaults_are_those_of_the_classes(self) -> None:
        built = configuration.build()
        self.assertEqual(Config(), built)
        for key, info in FIELDS.items():
            self.assertEqual(info.default, getattr(getattr(built, info.section), info.name), key)

    def test_defaults_that_clients_see(self) -> None:
        general = Config().general
        self.assertEqual("Hello! Welcome to the actionHero api", general.welcome_message)
        self.assertEqual("defaultRoom", general.default_chat_room)
        self.assertEqual((100, 0), (general.default_limit, general.default_offset))
        self.assertEqual("index.html", general.directory_file_type)
        self.assertEqual("The server experienced an internal error", general.server_error_message)
        self.assertEqual(5000, Config().tcp_server.port)
        self.assertEqual(30.0, Config().limits.action_timeout)

    def test_paths_are_the_files_and_folders(self) -> None:
        paths = {key for key, info in FIELDS.items() if info.path}
        expected = {
            "general.flatFileDirectory",
            "general.actionsDirectory",
            "tcpServer.keyFile",
            "tcpServer.certFile",
            "tcpServer.caFile",
            "log.requestFile",
            "log.file",
            "redis.caFile",
            "redis.certFile",
            "redis.keyFile",
        }
        self.assertEqual(expected, paths)

    def test_every_number_has_a_lower_bound(self) -> None:
        for info in NUMBERS:
            self.assertIsNotNone(info.minimum, info.key)

    def test_cannot_be_changed(self) -> None:
        whole = Config()
        with self.assertRaises(dataclasses.FrozenInstanceError):
            whole.general = whole.general  # type: ignore[misc]
        with self.assertRaises(dataclasses.FrozenInstanceError):
            whole.general.server_name = "x"  # type: ignore[misc]

"""The configuration, and the reading of config.json."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import config
from actionhero_tcp.config import Config, FieldInfo
from actionhero_tcp.errors import StartError

PROPERTY = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])

FIELDS = {f"{info.section_key}.{info.key}": info for info in config.fields()}
NUMBERS = [info for info in FIELDS.values() if info.type in (int, float)]


class FieldsTests(SynchronousTestCase):
    """What is known of each field."""

    def test_sections_are_those_of_the_design(self) -> None:
        sections = list(dict.fromkeys(info.section_key for info in FIELDS.values()))
        self.assertEqual(["general", "tcpServer", "limits", "log"], sections)

    def test_every_field_of_the_classes_is_there_once(self) -> None:
        expected = [
            (section.name, item.name)
            for section in dataclasses.fields(Config)
            for item in dataclasses.fields(getattr(Config(), section.name))
        ]
        self.assertEqual(expected, [(info.section, info.name) for info in config.fields()])

    def test_every_field_has_help(self) -> None:
        for key, info in FIELDS.items():
            self.assertTrue(info.help.strip(), key)
            self.assertNotIn("\n", info.help, key)

    def test_options_are_unique(self) -> None:
        options = ["config", "help", "version"]
        for info in config.fields():
            options.append(info.option)
            if info.type is bool:
                options.append(f"no-{info.option}")
        self.assertEqual(sorted(set(options)), sorted(options))

    def test_options_are_words_and_dashes(self) -> None:
        for key, info in FIELDS.items():
            self.assertRegex(info.option, r"\A[a-z]+(-[a-z]+)*\Z", key)

    def test_keys_are_unique_and_in_camel_case(self) -> None:
        self.assertEqual(len(list(config.fields())), len(FIELDS))
        for key in FIELDS:
            self.assertRegex(key, r"\A[a-z]+([A-Z][a-zA-Z]*)?\.[a-z]+([A-Z][a-zA-Z]*)*\Z")

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
        built = config.build()
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
            "log.requestFile",
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


class CheckTests(SynchronousTestCase):
    """`FieldInfo.check` and `FieldInfo.parse`."""

    def refused(self, key: str, value: object, expected: str) -> None:
        """Checks that a field refuses a value, with the error's text."""
        self.assertEqual(expected, str(self.assertRaises(ValueError, FIELDS[key].check, value)))

    def refused_text(self, key: str, text: str, expected: str) -> None:
        """Checks that a field refuses the text of an option, with the error's text."""
        self.assertEqual(expected, str(self.assertRaises(ValueError, FIELDS[key].parse, text)))

    def test_strings(self) -> None:
        self.assertEqual("x", FIELDS["general.serverName"].check("x"))
        self.refused("general.serverName", 5, "must be a string, not 5")
        self.refused("general.serverName", None, "must be a string, not null")
        self.refused("general.serverName", ["x"], 'must be a string, not ["x"]')

    def test_whole_numbers(self) -> None:
        self.assertEqual(80, FIELDS["tcpServer.port"].check(80))
        self.refused("tcpServer.port", "80", 'must be a whole number, not "80"')
        self.refused("tcpServer.port", 80.0, "must be a whole number, not 80.0")
        self.refused("tcpServer.port", True, "must be a whole number, not true")
        self.refused("tcpServer.port", float("nan"), "must be a whole number, not NaN")

    def test_numbers(self) -> None:
        timeout = FIELDS["limits.actionTimeout"]
        self.assertEqual(1.5, timeout.check(1.5))
        self.assertEqual("5.0", repr(timeout.check(5)))
        self.refused("limits.actionTimeout", "5", 'must be a number, not "5"')
        self.refused("limits.actionTimeout", False, "must be a number, not false")

    def test_numbers_are_finite(self) -> None:
        for text in ("nan", "inf", "-inf"):
            expected = f"must be a finite number, not {text}"
            self.refused("limits.actionTimeout", float(text), expected)
            self.refused_text("limits.actionTimeout", text, expected)
        self.refused_text("limits.actionTimeout", "1e400", "must be a finite number, not inf")

    def test_truth_values(self) -> None:
        self.assertIs(False, FIELDS["log.requests"].check(False))
        self.refused("log.requests", 1, "must be true or false, not 1")
        self.refused("log.requests", "yes", 'must be true or false, not "yes"')

    def test_lists_of_strings(self) -> None:
        listen = FIELDS["tcpServer.listen"]
        self.assertEqual(("a", "b"), listen.check(["a", "b"]))
        self.assertEqual((), listen.check([]))
        for value in ("a", ["a", 1], {"a": 1}, None, 5):
            self.refused("tcpServer.listen", value, "must be a list of strings")

    def test_ranges_of_whole_numbers(self) -> None:
        for port in (0, 65535):
            self.assertEqual(port, FIELDS["tcpServer.port"].check(port))
        self.refused("tcpServer.port", -1, "must be at least 0, not -1")
        self.refused("tcpServer.port", 65536, "must be at most 65535, not 65536")

    def test_ranges_of_numbers(self) -> None:
        self.assertEqual(0.001, FIELDS["limits.actionTimeout"].check(0.001))
        self.refused("limits.actionTimeout", 0, "must be at least 0.001, not 0")
        self.refused("limits.actionTimeout", -2.5, "must be at least 0.001, not -2.5")

    def test_shows_whole_numbers_as_they_were_written(self) -> None:
        self.refused("tcpServer.port", 1234567, "must be at most 65535, not 1234567")
        self.refused("limits.maxJsonDepth", -1234567, "must be at least 2, not -1234567")

    def test_refuses_whole_numbers_of_any_size(self) -> None:
        for value in (10**400, -(10**400)):
            for key in ("tcpServer.port", "limits.maxJsonDepth"):
                error = self.assertRaises(ValueError, FIELDS[key].check, value)
                self.assertIn("must be at", str(error))

    def test_refuses_numbers_of_any_size(self) -> None:
        for value in (10**400, -(10**400)):
            error = self.assertRaises(ValueError, FIELDS["limits.actionTimeout"].check, value)
            self.assertIn("must be", str(error))

    def test_every_number_keeps_its_range(self) -> None:
        for info in NUMBERS:
            assert info.minimum is not None
            self.assertEqual(info.minimum, info.check(info.type(info.minimum)), info.key)
            self.assertRaises(ValueError, info.check, info.type(info.minimum - 1))
            if info.maximum is not None:
                self.assertEqual(info.maximum, info.check(info.type(info.maximum)), info.key)
                self.assertRaises(ValueError, info.check, info.type(info.maximum + 1))

    def test_shows_only_the_beginning_of_a_long_value(self) -> None:
        self.refused("tcpServer.port", "x" * 100, 'must be a whole number, not "' + "x" * 39 + "…")

    def test_parses_options(self) -> None:
        self.assertEqual(80, FIELDS["tcpServer.port"].parse("80"))
        self.assertEqual(2.5, FIELDS["limits.actionTimeout"].parse("2.5"))
        self.assertEqual("5.0", repr(FIELDS["limits.actionTimeout"].parse("5")))
        self.assertEqual("::", FIELDS["tcpServer.bindIP"].parse("::"))
        self.assertEqual("", FIELDS["log.requestFile"].parse(""))

    def test_refuses_options_that_are_no_numbers(self) -> None:
        for text in ("", "x", "1.5", "0x10", "1e3"):
            self.refused_text("tcpServer.port", text, f"must be a whole number, not {text!r}")
        self.refused_text("limits.actionTimeout", "soon", "must be a number, not 'soon'")

    def test_refuses_options_that_quote_an_error(self) -> None:
        self.refused_text("tcpServer.port", "must be 5", "must be a whole number, not 'must be 5'")

    def test_refuses_options_out_of_range(self) -> None:
        self.refused_text("tcpServer.port", "70000", "must be at most 65535, not 70000")
        self.refused_text("limits.closeTimeout", "0", "must be at least 0.001, not 0")

    @PROPERTY
    @given(
        st.sampled_from(list(FIELDS.values())),
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats()
        | st.text(max_size=5)
        | st.lists(st.text(max_size=5) | st.integers(), max_size=3)
        | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    )
    def test_gives_its_type_or_refuses(self, info: FieldInfo, value: Any) -> None:
        try:
            checked = info.check(value)
        except ValueError as error:
            self.assertTrue(str(error).startswith("must be "), error)
        else:
            self.assertIs(info.type, type(checked))
            self.assertEqual(info.type(value), checked)

    @PROPERTY
    @given(st.sampled_from(NUMBERS), st.text(max_size=8) | st.from_regex(r"[-+.0-9e_ ]{1,6}"))
    def test_parses_a_number_or_refuses(self, info: FieldInfo, text: str) -> None:
        try:
            value = info.parse(text)
        except ValueError as error:
            self.assertTrue(str(error).startswith("must be "), error)
        else:
            self.assertEqual(info.type(text), value)


class ReadFileTests(SynchronousTestCase):
    """`read_file`, and how it says what is wrong."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = str(self.folder / "config.json")

    def read(self, text: str | bytes) -> dict[tuple[str, str], Any]:
        """What a config file of that text sets."""
        data = text if isinstance(text, bytes) else text.encode()
        Path(self.path).write_bytes(data)
        return config.read_file(self.path)

    def refused(self, text: str | bytes, expected: str) -> None:
        """Checks that a text is refused; what the error says after the file's name."""
        error = str(self.assertRaises(StartError, self.read, text))
        self.assertEqual(self.path + expected, error)

    def test_an_empty_object_sets_nothing(self) -> None:
        self.assertEqual({}, self.read("{}"))
        self.assertEqual({}, self.read('{"general": {}, "limits": {}}'))

    def test_gives_values_by_section_and_field(self) -> None:
        text = (
            '{"tcpServer": {"port": 80, "bindIP": "::", "listen": ["unix:/s"], "secure": true},'
            ' "limits": {"actionTimeout": 5}}'
        )
        expected = {
            ("tcp_server", "port"): 80,
            ("tcp_server", "bind_ip"): "::",
            ("tcp_server", "listen"): ("unix:/s",),
            ("tcp_server", "secure"): True,
            ("limits", "action_timeout"): 5.0,
        }
        self.assertEqual(expected, self.read(text))

    def test_takes_every_default(self) -> None:
        document: dict[str, dict[str, Any]] = {}
        for info in FIELDS.values():
            document.setdefault(info.section_key, {})[info.key] = info.default
        values = self.read(json.dumps(document))
        self.assertEqual(len(FIELDS), len(values))
        for info in FIELDS.values():
            if not info.path:
                self.assertEqual(info.default, values[info.section, info.name], info.key)

    def test_relative_paths_count_from_the_files_folder(self) -> None:
        values = self.read('{"general": {"actionsDirectory": "./a/b", "flatFileDirectory": ".."}}')
        self.assertEqual(str(self.folder / "a/b"), values["general", "actions_directory"])
        self.assertEqual(
            str(self.folder.parent), os.path.normpath(values["general", "flat_file_directory"])
        )

    def test_a_relative_name_of_the_file_makes_absolute_paths(self) -> None:
        self.read('{"tcpServer": {"keyFile": "key.pem"}}')
        values = config.read_file(os.path.relpath(self.path))
        self.assertEqual(str(self.folder / "key.pem"), values["tcp_server", "key_file"])

    def test_absolute_paths_stay(self) -> None:
        values = self.read('{"log": {"requestFile": "/var/log/requests"}}')
        self.assertEqual({("log", "request_file"): "/var/log/requests"}, values)

    def test_an_empty_path_stays_empty(self) -> None:
        self.assertEqual({("log", "request_file"): ""}, self.read('{"log": {"requestFile": ""}}'))

    def test_what_is_no_path_stays(self) -> None:
        values = self.read('{"general": {"directoryFileType": "./index.html"}}')
        self.assertEqual({("general", "directory_file_type"): "./index.html"}, values)

    def test_reads_non_ascii(self) -> None:
        self.assertEqual(
            {("general", "server_name"): "☃é"}, self.read('{"general": {"serverName": "☃\\u00e9"}}')
        )

    def test_no_such_file(self) -> None:
        missing = str(self.folder / "nope.json")
        error = self.assertRaises(StartError, config.read_file, missing)
        self.assertEqual(
            f"{missing}: cannot read the config file: No such file or directory", str(error)
        )

    def test_a_folder(self) -> None:
        error = self.assertRaises(StartError, config.read_file, str(self.folder))
        self.assertEqual(f"{self.folder}: cannot read the config file: Is a directory", str(error))

    def test_no_utf8(self) -> None:
        self.refused(b'{"a": "\xff"}', ": the config file is not UTF-8 at byte 7")

    def test_no_json(self) -> None:
        self.refused(
            '{\n"general": {,}}',
            ":2: the config file is not valid JSON: "
            "Expecting property name enclosed in double quotes",
        )
        self.refused("", ":1: the config file is not valid JSON: Expecting value")

    def test_repeated_keys(self) -> None:
        self.refused(
            '{"tcpServer": {"port": 1, "secure": true, "port": 2}}',
            ": the config file is not valid: the key 'port' stands there twice",
        )
        self.refused(
            '{"log": {}, "log": {}}',
            ": the config file is not valid: the key 'log' stands there twice",
        )

    def test_too_many_levels(self) -> None:
        error = self.assertRaises(StartError, self.read, "[" * 100_000)
        self.assertIn(f"{self.path}: the config file is not valid: ", str(error))

    def test_too_many_digits(self) -> None:
        text = '{"tcpServer": {"port": ' + "9" * 5000 + "}}"
        error = self.assertRaises(StartError, self.read, text)
        self.assertIn(f"{self.path}: the config file is not valid: ", str(error))

    def test_no_object(self) -> None:
        self.refused("[]", ": the config file must be an object, not []")
        self.refused("5", ": the config file must be an object, not 5")

    def test_a_section_that_is_no_object(self) -> None:
        self.refused('{"log": true}', ": the section log must be an object, not true")
        self.refused('{"limits": [1]}', ": the section limits must be an object, not [1]")

    def test_an_unknown_section(self) -> None:
        self.refused('{"tcpserver": {}}', ": unknown key tcpserver; did you mean tcpServer?")
        self.refused('{"xyz": {}}', ": unknown key xyz; known are general, limits, log, tcpServer")

    def test_an_unknown_key(self) -> None:
        self.refused(
            '{"tcpServer": {"bindIp": "::"}}',
            ": unknown key tcpServer.bindIp; did you mean bindIP?",
        )
        self.refused(
            '{"log": {"xyz": 1}}',
            ": unknown key log.xyz; known are params, requestFile, requests",
        )

    def test_a_key_of_another_section(self) -> None:
        error = self.assertRaises(StartError, self.read, '{"general": {"port": 80}}')
        self.assertIn(f"{self.path}: unknown key general.port; ", str(error))

    def test_the_name_of_a_field_is_no_key(self) -> None:
        self.refused(
            '{"tcp_server": {"port": 1}}', ": unknown key tcp_server; did you mean tcpServer?"
        )

    def test_a_wrong_type(self) -> None:
        self.refused(
            '{"tcpServer": {"port": "80"}}',
            ': tcpServer.port must be a whole number, not "80"',
        )
        self.refused(
            '{"tcpServer": {"listen": "unix:/s"}}', ": tcpServer.listen must be a list of strings"
        )

    def test_a_value_out_of_range(self) -> None:
        self.refused(
            '{"limits": {"maxJsonDepth": 501}}',
            ": limits.maxJsonDepth must be at most 500, not 501",
        )

    def test_numbers_that_are_not_finite(self) -> None:
        for text, shown in (("NaN", "nan"), ("Infinity", "inf"), ("1e999", "inf")):
            self.refused(
                f'{{"limits": {{"actionTimeout": {text}}}}}',
                f": limits.actionTimeout must be a finite number, not {shown}",
            )

    def test_numbers_too_large_for_floats(self) -> None:
        for place in ('"tcpServer": {"port"', '"limits": {"actionTimeout"'):
            text = "{" + place + ": 1" + "0" * 400 + "}}"
            error = str(self.assertRaises(StartError, self.read, text))
            self.assertIn(f"{self.path}: ", error)
            self.assertRegex(error, r"(tcpServer\.port|limits\.actionTimeout) must be ")


class BuildTests(SynchronousTestCase):
    """`build`."""

    def test_nothing_makes_the_defaults(self) -> None:
        self.assertEqual(Config(), config.build({}, {}))

    def test_sets_what_the_layer_holds(self) -> None:
        built = config.build({("tcp_server", "port"): 80, ("log", "params"): True})
        self.assertEqual((80, True), (built.tcp_server.port, built.log.params))

    def test_leaves_the_rest_at_its_default(self) -> None:
        built = config.build({("tcp_server", "port"): 80})
        self.assertEqual("0.0.0.0", built.tcp_server.bind_ip)
        self.assertEqual(Config().limits, built.limits)

    def test_the_last_layer_wins(self) -> None:
        built = config.build(
            {("tcp_server", "port"): 1, ("tcp_server", "bind_ip"): "::"},
            {("tcp_server", "port"): 2},
        )
        self.assertEqual((2, "::"), (built.tcp_server.port, built.tcp_server.bind_ip))

"""The configuration."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import config
from actionhero_tcp.config import Config, FieldInfo

from .support import PROPERTY

FIELDS = {f"{info.section_key}.{info.key}": info for info in config.fields()}
NUMBERS = [info for info in FIELDS.values() if info.type in (int, float)]


class FieldsTests(SynchronousTestCase):
    """What is known of each field."""

    def test_sections_are_those_of_the_design(self) -> None:
        sections = list(dict.fromkeys(info.section_key for info in FIELDS.values()))
        self.assertEqual(["general", "tcpServer", "limits", "log", "redis"], sections)

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
            "tcpServer.caFile",
            "log.requestFile",
            "log.file",
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

    def test_one_of_a_few_words(self) -> None:
        self.assertEqual("json", FIELDS["log.format"].check("json"))
        self.refused("log.format", "JSON", 'must be text or json, not "JSON"')
        self.refused("log.format", 5, "must be a string, not 5")
        self.refused_text("log.format", "", 'must be text or json, not ""')

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

    def test_numbers_are_held_exactly_or_refused(self) -> None:
        timeout = FIELDS["limits.actionTimeout"]
        self.assertEqual(2**53, timeout.check(2**53))
        self.assertRaises(ValueError, timeout.check, 2**53 + 1)

    def test_every_number_keeps_its_range(self) -> None:
        for info in NUMBERS:
            assert info.minimum is not None
            self.assertEqual(info.minimum, info.check(info.type(info.minimum)), info.key)
            self.assertRaises(ValueError, info.check, info.type(info.minimum - 1))
            if info.maximum is not None:
                self.assertEqual(info.maximum, info.check(info.type(info.maximum)), info.key)
                self.assertRaises(ValueError, info.check, info.type(info.maximum + 1))

    def test_shows_only_the_beginning_of_a_long_value(self) -> None:
        self.refused("tcpServer.port", "x" * 38, f'must be a whole number, not "{"x" * 38}"')
        self.refused("tcpServer.port", "x" * 39, 'must be a whole number, not "' + "x" * 39 + "…")
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

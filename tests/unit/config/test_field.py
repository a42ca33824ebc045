"""Tests of `actionhero_tcp.config.field`: which values a field takes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import configuration
from actionhero_tcp.config.field import FieldInfo
from tests.support import PROPERTY

FIELDS = {f"{info.section_key}.{info.key}": info for info in configuration.fields()}
NUMBERS = [info for info in FIELDS.values() if info.type in (int, float)]


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

    def test_text_that_nothing_can_hold(self) -> None:
        self.refused("tcpServer.keyFile", "a\0b", 'must not hold a NUL: "a\\u0000b"')
        half = "must be Unicode text, without half characters: "
        self.refused("general.serverName", "a\ud800", half + '"a\\ud800"')
        self.refused("tcpServer.listen", ["tcp:0", "\udcff"], half + '"\\udcff"')
        self.refused("redis.password", "secret\0", "must not hold a NUL: [HIDDEN]")
        self.assertEqual("é☃", FIELDS["general.serverName"].check("é☃"))

    def test_numbers_that_nothing_can_count_to(self) -> None:
        self.refused("log.blockedSeconds", 1e11, "must be at most 864000, not 1e+11")
        self.refused("limits.actionTimeout", 1e300, "must be at most 864000, not 1e+300")
        self.refused("limits.requestRate", 1e300, "must be at most 9.0072e+15, not 1e+300")
        self.refused("limits.maxParams", 2**53 + 1, f"must be at most 9.0072e+15, not {2**53 + 1}")

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
        self.refused("log.params", 1, "must be true or false, not 1")
        self.refused("log.params", "yes", 'must be true or false, not "yes"')

    def test_a_flag_may_be_a_part_of_what_it_turns_on(self) -> None:
        for value in (True, False, "errors", "slow", 0.01):
            self.assertIs(value, FIELDS["log.requests"].check(value))
        for text, part in (("errors", "errors"), ("0.5", 0.5)):
            self.assertEqual(part, FIELDS["log.requests"].parse_part(text))
        for wrong, shown in (
            ("yes", '"yes"'),
            (1, "1"),
            (1.0, "1.0"),
            (0.0, "0.0"),
            (None, "null"),
        ):
            self.refused(
                "log.requests",
                wrong,
                f'must be true, false, "errors", "slow" or a share between 0 and 1, not {shown}',
            )

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

    def test_a_form(self) -> None:
        room, index = "general.defaultChatRoom", "general.directoryFileType"
        self.assertEqual("grüße", FIELDS[room].check("grüße"))
        self.assertEqual("..index", FIELDS[index].check("..index"))
        for word in ("", "a b", "a\n"):
            self.refused(room, word, f"must be one word, not {json.dumps(word)}")
        for name in ("", ".", "..", "../x", "a/", "\0"):
            expected = f"must be the name of a file, without its folder, not {json.dumps(name)}"
            self.refused(index, name, expected)
        self.refused_text(room, "a b", 'must be one word, not "a b"')

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
            error = self.assertRaises(ValueError, FIELDS["limits.requestRate"].check, value)
            self.assertIn("must be", str(error))

    def test_numbers_are_held_exactly_or_refused(self) -> None:
        timeout = FIELDS["limits.requestRate"]
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
            self.assertTrue(str(error).startswith(("must be ", "must not ")), error)
        else:
            if info.only and type(checked) is not bool:
                self.assertIs(value, checked)
                return
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

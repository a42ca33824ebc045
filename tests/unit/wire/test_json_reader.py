"""Strict JSON in."""

from __future__ import annotations

import gc
import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import ClientError
from actionhero_tcp.wire import json_reader
from tests.support import PROPERTY
from tests.support.json_values import ANY_TEXT, JSON_VALUES, depth, reference

TOKENS = st.sampled_from(
    [
        *'{}[]:,"\\-.0123456789eE+/',
        *" \t\r\n\x0b\x0c\x00\x1f\x7f\x85\xa0\u2028\ufeff☃😀",
        *('"a"', '"a":', '{"a":1}', "[1,2]", '""', "[]", "{}", '"☃"', '"\n"', '"\x01"'),
        *("true", "false", "null", "True", "nul", "undefined", "NaN", "Infinity", "-Infinity"),
        *("1", "-1", "-", "01", "-01", "1.", ".5", "1.5", "1e5", "1E+5", "1e", "0x10", "1_000"),
        *("1e400", "-1e400", "1e-400", "9" * 400, "9" * 400 + ".0", "9" * 4301, "-" + "9" * 4301),
        *('"\\ud800"', '"\\udfff"', '"\\ud83d\\ude00"', '"\\u00e9"', '"\\u00e"', '"\\x"', '"\\/"'),
        *("'a'", "//", "/*", "*/", ",]", ",}"),
    ]
)


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    """The text of a JSON value, with one place replaced by something else."""
    ascii_only = draw(st.booleans())
    text = json.dumps(
        draw(JSON_VALUES), ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 1]))
    )
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 2)))
    return text[:start] + draw(TOKENS | st.just("")) + text[end:]


JSON_LIKE = st.lists(TOKENS, max_size=8).map("".join) | _damaged() | _damaged() | ANY_TEXT


class LoadsTests(SynchronousTestCase):
    """`loads`."""

    def refused(self, text: str, expected: str, max_depth: int = 64) -> None:
        """Checks that a text is refused, with the text of the error."""
        error = self.assertRaises(ClientError, json_reader.loads, text, max_depth)
        self.assertEqual(expected, error.text)

    def test_reads_every_kind_of_value(self) -> None:
        text = '{"a":[1,-2.5,1e3,true,false,null,"s",{}],"b":{"c":[]}}'
        expected = {"a": [1, -2.5, 1000.0, True, False, None, "s", {}], "b": {"c": []}}
        self.assertEqual(expected, json_reader.loads(text, 64))

    def test_keeps_whole_numbers_whole(self) -> None:
        self.assertEqual("[5, 5.0, 500.0]", repr(json_reader.loads("[5,5.0,5e2]", 64)))

    def test_keeps_large_whole_numbers_exact(self) -> None:
        self.assertEqual(10**40 + 1, json_reader.loads(str(10**40 + 1), 64))

    def test_reads_non_ascii_raw_and_escaped(self) -> None:
        self.assertEqual(
            ["☃", "☃", "😀", "/"], json_reader.loads(r'["☃","\u2603","\ud83d\ude00","\/"]', 64)
        )

    def test_reads_blanks_within_and_after(self) -> None:
        self.assertEqual({"a": [1]}, json_reader.loads('{ "a" :\t[\r\n1 ] } \t\r\n', 64))

    def test_refuses_nan(self) -> None:
        self.refused("NaN", "the line is not valid JSON: NaN is not JSON")
        self.refused('{"a":[NaN]}', "the line is not valid JSON: NaN is not JSON")

    def test_refuses_infinities(self) -> None:
        self.refused("[Infinity]", "the line is not valid JSON: Infinity is not JSON")
        self.refused("[-Infinity]", "the line is not valid JSON: -Infinity is not JSON")

    def test_refuses_numbers_that_become_infinite(self) -> None:
        self.refused('{"a":1e400}', "the line is not valid JSON: the number 1e400 is too large")
        self.refused("[-1e400]", "the line is not valid JSON: the number -1e400 is too large")

    def test_repeats_only_the_beginning_of_a_number(self) -> None:
        shown = "9" * 64 + "…"
        self.refused(
            "[" + "9" * 400 + ".0]", f"the line is not valid JSON: the number {shown} is too large"
        )

    def test_reads_numbers_that_become_zero(self) -> None:
        self.assertEqual(0.0, json_reader.loads("1e-400", 64))

    def test_reads_the_largest_number(self) -> None:
        self.assertEqual(
            [1.7976931348623157e308], json_reader.loads("[1.7976931348623157e308]", 64)
        )

    def test_refuses_a_lone_minus(self) -> None:
        self.refused("-", "the line is not valid JSON: Expecting value at character 1")
        self.refused('{"a":-}', "the line is not valid JSON: Expecting value at character 6")

    def test_refuses_leading_zeros(self) -> None:
        self.refused("01", "the line is not valid JSON: Extra data at character 2")
        self.refused("[01]", "the line is not valid JSON: Expecting ',' delimiter at character 3")
        self.refused("[-01]", "the line is not valid JSON: Expecting ',' delimiter at character 4")

    def test_refuses_a_number_that_ends_in_its_point(self) -> None:
        self.refused("1.", "the line is not valid JSON: Extra data at character 2")
        self.refused("[1.]", "the line is not valid JSON: Expecting ',' delimiter at character 3")

    def test_refuses_a_number_that_begins_with_its_point(self) -> None:
        self.refused("[.5]", "the line is not valid JSON: Expecting value at character 2")

    def test_refuses_raw_control_characters_in_strings(self) -> None:
        for code in range(0x20):
            with self.assertRaises(ClientError):
                json_reader.loads(f'["{chr(code)}"]', 64)

    def test_names_the_place_of_a_raw_control_character(self) -> None:
        self.refused(
            '["\n"]', "the line is not valid JSON: Invalid control character at character 3"
        )

    def test_reads_escaped_control_characters(self) -> None:
        self.assertEqual(["\n\x00\x1f"], json_reader.loads(r'["\n\u0000\u001f"]', 64))

    def test_reads_lone_surrogates(self) -> None:
        self.assertEqual(["\ud800", "x\udfff"], json_reader.loads(r'["\ud800","x\udfff"]', 64))

    def test_takes_the_last_of_repeated_keys(self) -> None:
        self.assertEqual({"a": 2}, json_reader.loads('{"a":1,"a":2}', 64))

    def test_reads_integers_of_4300_digits(self) -> None:
        self.assertEqual([10**4300 - 1], json_reader.loads(f"[{'9' * 4300}]", 64))

    def test_refuses_integers_of_more_digits(self) -> None:
        for text in (f"[{'9' * 4301}]", "-" + "9" * 4301, '{"a":' + "9" * 60000 + "}"):
            self.refused(text, "the line is not valid JSON: a number has too many digits")

    def test_takes_as_many_levels_as_are_allowed(self) -> None:
        self.assertEqual([[1]], json_reader.loads("[[1]]", 2))
        self.assertEqual({"a": [{}]}, json_reader.loads('{"a":[{}]}', 3))

    def test_refuses_one_level_more(self) -> None:
        self.refused("[[[1]]]", "the JSON is nested deeper than 2 levels", 2)
        self.refused('{"a":{"b":{}}}', "the JSON is nested deeper than 2 levels", 2)
        self.refused('[{"a":[1]}]', "the JSON is nested deeper than 2 levels", 2)

    def test_counts_no_siblings(self) -> None:
        self.assertEqual([[]] * 50, json_reader.loads("[" + "[]," * 49 + "[]]", 2))

    def test_counts_no_braces_in_strings(self) -> None:
        self.assertEqual(["[[[[{{{{"], json_reader.loads('["[[[[{{{{"]', 1))

    def test_counts_the_levels_whatever_strings_and_escapes_hold(self) -> None:
        for text in (
            r'[["\"[[["],{"\\":["]"]}]',
            '[{"}":["["]},"[","]]]]"]',
            '{"a":{"b":[]},"c":"{{{{"}',
            "[[],[],{},[{}]]   ",
        ):
            self.assertEqual(depth(json.loads(text)), json_reader._depth(text.encode()), text)

    @PROPERTY
    @given(JSON_VALUES, st.booleans())
    def test_the_depth_is_that_of_the_value(self, value: object, ascii_only: bool) -> None:
        text = json.dumps(value, ensure_ascii=ascii_only)
        found = json_reader._depth(text.encode("utf-8", "surrogatepass"))
        self.assertEqual(depth(value), found)

    def test_refuses_any_depth(self) -> None:
        for levels in (65, 500, 1023, 1024, 1025, 5000, 65535):
            for text in ("[" * levels + "]" * levels, '{"a":' * levels + "1" + "}" * levels):
                self.refused(text, "the JSON is nested deeper than 64 levels")

    def test_refuses_a_depth_that_never_closes(self) -> None:
        self.refused("[" * 100_000, "the JSON is nested deeper than 64 levels")

    def test_refuses_what_follows(self) -> None:
        self.refused('{"a":1}x', "the line is not valid JSON: Extra data at character 8")
        self.refused("{}{}", "the line is not valid JSON: Extra data at character 3")

    def test_takes_only_jsons_own_blanks_after_it(self) -> None:
        for blank in "\x0b\x0c\x85\xa0\u2028\ufeff\x00":
            self.refused("{}" + blank, "the line is not valid JSON: Extra data at character 3")

    def test_refuses_nothing_at_all(self) -> None:
        self.refused("", "the line is not valid JSON: Expecting value at character 1")

    def test_refuses_what_other_languages_take(self) -> None:
        for text in ("{'a':1}", "{a:1}", "[1,]", '{"a":1,}', "[1 2]", '"\\x41"', '"a', "True"):
            with self.assertRaises(ClientError):
                json_reader.loads(text, 64)

    @PROPERTY
    @given(JSON_LIKE, st.sampled_from(["", "", "", "", "", "{", "["]))
    def test_agrees_with_a_strict_reader(self, text: str, start: str) -> None:
        text = (start + text).lstrip(" \t\r\n")
        try:
            expected = repr(reference(text))
        except ValueError:
            error = self.assertRaises(ClientError, json_reader.loads, text, 1000)
            self.assertLess(len(error.text), 150)
        else:
            self.assertEqual(expected, repr(json_reader.loads(text, 1000)))

    @PROPERTY
    @given(JSON_VALUES)
    def test_reads_every_json_value(self, value: object) -> None:
        text = json.dumps(value)
        self.assertEqual(repr(json.loads(text)), repr(json_reader.loads(text, 1000)))

    @PROPERTY
    @given(JSON_VALUES)
    def test_counts_levels(self, value: object) -> None:
        text, levels = json.dumps(value), depth(value)
        json_reader.loads(text, levels)
        if levels:
            error = self.assertRaises(ClientError, json_reader.loads, text, levels - 1)
            self.assertIn(f"deeper than {levels - 1} levels", error.text)


class CollectorTests(SynchronousTestCase):
    """Python's collector does not look through what a long text is made into."""

    def setUp(self) -> None:
        self.collections = 0
        gc.callbacks.append(self.collected)
        self.addCleanup(gc.callbacks.remove, self.collected)
        self.addCleanup(gc.enable)

    def collected(self, phase: str, _: object) -> None:
        self.collections += phase == "start"

    def test_it_rests_while_a_long_text_is_read(self) -> None:
        texts = [f"[{','.join(['[]'] * count)}]" for count in (20_000, 40_000)]
        gc.collect()
        seen = []
        for text in texts:
            self.collections = 0
            value = json_reader.loads(text, 64)
            seen.append(self.collections)
            del value
        # There may be one before it or behind it.
        self.assertLessEqual(max(seen), 2)
        self.assertTrue(gc.isenabled())

    def test_it_goes_on_after_an_error(self) -> None:
        text = "[" + "[]," * json_reader.LONG_TEXT
        self.assertRaises(ClientError, json_reader.loads, text, 64)
        self.assertTrue(gc.isenabled())

    def test_one_that_is_switched_off_stays_so(self) -> None:
        gc.disable()
        json_reader.loads("[" + "1," * json_reader.LONG_TEXT + "1]", 64)
        self.assertFalse(gc.isenabled())

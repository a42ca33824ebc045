"""Tests of `actionhero_tcp.connection.estimate`: never less than what the memory takes."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection import estimate
from actionhero_tcp.connection.backlog import Backlog

SIZE: Final = 32_768

PARTS: Final = {
    "objects with an empty key": '{"":0}',
    "empty objects": "{}",
    "empty lists": "[]",
    "lists of one": "[0]",
    "lists in lists": "[[[[[[[[]]]]]]]]",
    "objects of lists": '{"":[]}',
    "small numbers": "0",
    "numbers": "98765",
    "fractions": "1.5",
    "strings": '"ab%d"',
    "wide strings": '"☃%d"',
    "escaped wide strings": '"\\ud83d\\ude00%d"',
    "objects of two": '{"a%d":0,"b":0}',
}
"""What fills a list, from dear to cheap."""

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=200,
)


def held(make: Callable[[], Any]) -> int:
    """The bytes that what a function makes takes."""
    make()
    # What a collection would free meanwhile is not what is measured.
    gc.disable()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = make()
        return tracemalloc.get_traced_memory()[0] - before if kept is not None else 0
    finally:
        tracemalloc.stop()
        gc.enable()


class JsonTests(SynchronousTestCase):
    """`json_bytes`."""

    def test_what_costs_the_most_for_its_text(self) -> None:
        for name, part in PARTS.items():
            count = SIZE // (len(part) + 1)
            parts = [part % number if "%" in part else part for number in range(count)]
            text = f"[{','.join(parts)}]"
            taken = held(lambda text=text: json.loads(text))  # type: ignore[misc]
            counted = estimate.json_bytes(text.encode())
            self.assertGreaterEqual(counted, taken, name)
            self.assertLess(counted, 10 * taken + 4 * SIZE, name)

    def test_many_members(self) -> None:
        text = json.dumps({f"key{number}": number for number in range(5_461)})
        counted = estimate.json_bytes(text.encode())
        self.assertGreaterEqual(counted, held(lambda: json.loads(text)))

    def test_a_long_text_with_one_wide_character(self) -> None:
        for wide in ("☃", "😀", "\\ud83d\\ude00"):
            text = f'"{wide}{"a" * SIZE}"'
            counted = estimate.json_bytes(text.encode())
            self.assertGreaterEqual(counted, held(lambda text=text: json.loads(text)))  # type: ignore[misc]

    def test_plain_text_counts_for_little_more_than_itself(self) -> None:
        self.assertLess(estimate.json_bytes(b'{"a":"' + b"x" * SIZE + b'"}'), SIZE + 1400)

    @given(JSON, st.booleans())
    @settings(deadline=None, max_examples=50)
    def test_any_value(self, value: object, ascii_only: bool) -> None:
        text = json.dumps(value, ensure_ascii=ascii_only)
        counted = estimate.json_bytes(text.encode("utf-8", "surrogatepass"))
        # What the parser itself leaves behind in its caches is none of the value's.
        self.assertGreaterEqual(counted, held(lambda: [json.loads(text)]))


class ParamsTests(SynchronousTestCase):
    """`params_bytes`."""

    def test_texts_and_what_an_input_may_parse_of_them(self) -> None:
        text = "[" + ",".join(["{}"] * 5000) + "]"
        params = {"list": text, "limit": 100, "wide": "☃" * 500}
        counted = estimate.params_bytes(params)
        taken = held(lambda: (json.loads(text), dict(params), "☃" * 500))
        self.assertGreaterEqual(counted, taken)

    def test_a_lone_surrogate_is_a_character_like_any_other(self) -> None:
        self.assertGreater(estimate.params_bytes({"a": "\ud800" * 100}), 400)


class LinesTests(SynchronousTestCase):
    """`lines_bytes`."""

    def test_many_short_lines(self) -> None:
        for length in (2, 10, 1000):
            lines = [b"%d" % number + b"x" * length for number in range(100, 100 + SIZE // length)]
            data = b"\n".join(lines)
            counted = estimate.lines_bytes(data.split(b"\n"))
            taken = held(lambda data=data: Backlog(data.split(b"\n")))  # type: ignore[misc]
            self.assertGreaterEqual(counted, taken)

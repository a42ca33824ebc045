"""The lines of many requests, made at once."""

from __future__ import annotations

import re
import types
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs import request_lines
from actionhero_tcp.logs.lines import FORMS
from actionhero_tcp.logs.request_lines import RequestLines
from tests.support import PROPERTY, make_connection

NOW = 1346909099.5


class RequestLinesTests(SynchronousTestCase):
    """The same lines, however many are made together."""

    def setUp(self) -> None:
        clock = types.SimpleNamespace(time=lambda: NOW, monotonic=lambda: 0.0)
        self.patch(request_lines, "time", clock)
        self.client = make_connection()

    def make(self, *entries: Any) -> list[str]:
        """The lines of entries."""
        form = FORMS["text"]()
        lines = RequestLines(form, form.name, lambda client: form.fields(client.log_fields))
        return lines.make(entries).splitlines()

    @PROPERTY
    @given(
        st.integers(0, 3000), st.lists(st.sampled_from(["say", "quit"]), min_size=1, max_size=40)
    )
    @example(984, ["say"] * 32)
    @example(1990, ["say"] * 10)
    @example(1991, ["say"] * 10)
    @example(999, ["say"])
    def test_verbs_have_one_line_each(self, first: int, verbs: list[str]) -> None:
        lines = self.make((self.client, first, verbs, 0.0, 0.001 * len(verbs)))
        expected = [(str(first + index), verb) for index, verb in enumerate(verbs)]
        found = [re.search(r" number=(\d+) name=(\w+) ms=1\.000 ok$", line) for line in lines]
        self.assertEqual(expected, [each and (each[1], each[2]) for each in found])
        self.assertEqual(1, len({line.partition(" number=")[0] for line in lines}))

    def test_those_that_still_run_have_none_but_their_number(self) -> None:
        ended = ("act", 0.001, 0.003, None, False)
        entries = [self.client, 1, ["say", None, ended, "say", None], 0.0, 0.004]
        lines = self.make(entries, (self.client, 6, [None], 0.0, 0.0))
        self.assertEqual(
            ["1 name=say ms=1.000 ok", "3 name=act ms=2.000 ok", "4 name=say ms=1.000 ok"],
            [line.partition("number=")[2] for line in lines],
        )

    @PROPERTY
    @given(st.lists(st.floats(0, 10), min_size=1, max_size=20))
    def test_each_time_is_shown_to_the_millisecond(self, times: list[float]) -> None:
        together = self.make(*((self.client, 1, ["say"], each, each) for each in times))
        for line, each in zip(together, times, strict=True):
            seconds = float(line[17:23]) + 60 * int(line[14:16])
            self.assertLess(abs(24 * 60 + 59.5 + each - seconds), 0.0011)

    def test_the_fields_of_the_application_are_those_of_each_client(self) -> None:
        other = make_connection()
        other.log_fields = {"device": 7}
        clients = [self.client, other, self.client]
        lines = self.make(*((client, 1, ["say"], 0.0, 0.0) for client in clients))
        self.assertEqual([False, True, False], [" device=7 " in line for line in lines])

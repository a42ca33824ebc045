"""The request log."""

from __future__ import annotations

import datetime
import errno
import json
import os
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs import request_log, writer
from actionhero_tcp.logs.file import LogFile
from actionhero_tcp.logs.lines import FORMS, MAX_PARAMS_CHARACTERS
from actionhero_tcp.logs.param_filter import ParamFilter
from actionhero_tcp.logs.request_log import FLUSH_LINES, FLUSH_SECONDS, RequestLog
from actionhero_tcp.logs.selection import selection
from actionhero_tcp.logs.writer import LogWriter
from tests.support import PROPERTY, make_connection

ANY_TEXT = st.text(
    st.characters(exclude_categories=()) | st.characters(categories=["Cc", "Cs"]), max_size=20
)

NOW = 1346909099.5
STAMP = "2012-09-06T05:24:59.500Z"


class LogTestCase(SynchronousTestCase):
    """Has a log that goes to a file, and a client, at a fixed time."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        self.clock = Clock()
        self.now = NOW
        self.patch(request_log.time, "time", lambda: self.now)
        self.patch(request_log.time, "monotonic", lambda: self.now)
        self.client = make_connection()
        self.client.id = "ab" * 16
        self.log = self.make()

    def make(
        self,
        path: str | None = None,
        with_params: bool = False,
        form: str = "text",
        hidden: tuple[str, ...] = (),
    ) -> RequestLog:
        """A log; flushed at the test's end unless the test does so."""
        path = str(self.path) if path is None else path
        writer = LogWriter(LogFile(path, "the request log"))
        log = RequestLog(self.clock, writer, with_params, FORMS[form](), ParamFilter(hidden))
        self.addCleanup(log.flush)
        return log

    def ask(
        self,
        log: RequestLog,
        client: Any,
        number: int,
        name: str,
        started: float,
        finished: float,
        error: str | None = None,
        params: Any = None,
    ) -> None:
        """Writes one request."""
        now, self.now = self.now, finished
        logged = log.request(name, started, error, params)
        self.now = now
        log.answered(client, number, (logged,), started, finished)

    def written(self) -> str:
        """What stands in the file."""
        return self.path.read_bytes().decode()

    def line(self, log: RequestLog | None = None) -> str:
        """The last line of the log, without its time and its end."""
        (log or self.log).flush()
        stamp, text = self.written().splitlines()[-1].split(" ", 1)
        self.assertEqual(STAMP, stamp)
        return text


class LinesTests(LogTestCase):
    """What the lines say."""

    def test_a_client_came(self) -> None:
        self.log.connected(self.client)
        self.log.flush()
        self.assertEqual(
            f"{STAMP} connect client={'ab' * 16} from=127.0.0.1:4321\n", self.written()
        )

    def test_a_crash_loses_the_lines_of_half_a_second_at_most(self) -> None:
        self.log.connected(self.client)
        self.clock.advance(FLUSH_SECONDS / 2)
        self.ask(self.log, self.client, 1, "x", NOW, NOW)
        self.assertEqual("", self.written())
        # From the first line on, and not from the last.
        self.clock.advance(FLUSH_SECONDS / 2)
        self.assertEqual(0.5, FLUSH_SECONDS)
        self.assertEqual(2, self.written().count("\n"))

    def test_a_client_went(self) -> None:
        self.client.opened = NOW - 2.25
        self.client.requests = 7
        self.log.disconnected(self.client, "slow consumer")
        self.assertEqual(
            f"disconnect client={'ab' * 16} from=127.0.0.1:4321 requests=7 seconds=2.250 "
            'reason="slow consumer"',
            self.line(),
        )

    def test_one_went_that_was_never_welcomed(self) -> None:
        self.log.turned_away("192.0.2.1:4321", "TLS handshake timeout")
        self.assertEqual(
            'disconnect from=192.0.2.1:4321 reason="TLS handshake timeout"', self.line()
        )
        self.log.turned_away("192.0.2.1:4321", "bad PROXY header", "it is '\\x1b'")
        self.assertEqual(
            'disconnect from=192.0.2.1:4321 reason="bad PROXY header" error="it is \'\\\\x1b\'"',
            self.line(),
        )

    def test_a_request_that_was_answered(self) -> None:
        self.ask(self.log, self.client, 3, "paramAdd", NOW - 0.0125, NOW, None)
        self.assertEqual(
            f"request client={'ab' * 16} from=127.0.0.1:4321 number=3 name=paramAdd ms=12.500 ok",
            self.line(),
        )

    def test_a_request_that_failed(self) -> None:
        self.ask(self.log, self.client, 3, "hello", NOW - 1, NOW, "hello is not a known action.")
        self.assertEqual(
            f"request client={'ab' * 16} from=127.0.0.1:4321 number=3 name=hello "
            'ms=1000.000 error="hello is not a known action."',
            self.line(),
        )

    def test_a_request_without_a_name(self) -> None:
        self.ask(self.log, self.client, 3, "", NOW - 0, NOW, "")
        self.assertIn(' name="" ms=0.000 error=""', self.line())

    def test_each_line_has_its_time(self) -> None:
        for self.now in (NOW, NOW + 0.25, NOW + 3600, NOW + 3600.125):
            self.log.connected(self.client)
        self.log.flush()
        stamps = [line.split(" ")[0] for line in self.written().splitlines()]
        self.assertEqual(
            [
                "2012-09-06T05:24:59.500Z",
                "2012-09-06T05:24:59.750Z",
                "2012-09-06T06:24:59.500Z",
                "2012-09-06T06:24:59.625Z",
            ],
            stamps,
        )

    def test_names_and_errors_cannot_forge_lines(self) -> None:
        self.ask(self.log, self.client, 1, "a\nb\x1b[2J\u2028", NOW - 0, NOW, "c\r\nd\x9b")
        self.assertTrue(
            self.line().endswith(r'name="a\nb\u001b[2J\u2028" ms=0.000 error="c\r\nd\x9b"')
        )
        self.assertEqual(1, len(self.written().splitlines()))

    def test_names_cannot_forge_fields(self) -> None:
        for name, shown in (
            ("a b=c", '"a b=c"'),
            ("a ms=0.001 ok", '"a ms=0.001 ok"'),
            ('a" ms=0.001 ok x="', r'"a\" ms=0.001 ok x=\""'),
            ("a=b", '"a=b"'),
            (" ", '" "'),
        ):
            self.ask(self.log, self.client, 1, name, NOW - 0.5, NOW, "no")
            start, _, rest = self.line().partition(" name=")
            self.assertTrue(start.endswith(" number=1"), start)
            self.assertEqual(f'{shown} ms=500.000 error="no"', rest)
            self.assertEqual((name, len(shown)), json.JSONDecoder().raw_decode(rest))

    def test_names_are_cut(self) -> None:
        for name, shown in (
            (" " * 64, '"' + " " * 64 + '"'),
            ("=" * 65, '"' + "=" * 64 + '…"'),
            ("a b=c " * 1000, '"' + ("a b=c " * 11)[:64] + '…"'),
        ):
            self.ask(self.log, self.client, 1, name, NOW - 0, NOW, None)
            self.assertTrue(self.line().endswith(f" name={shown} ms=0.000 ok"), self.line())

    def test_quotes_in_an_error_are_escaped(self) -> None:
        self.ask(self.log, self.client, 1, "x", NOW - 0, NOW, 'say "hi" ☃')
        self.assertTrue(self.line().endswith(r'error="say \"hi\" ☃"'))

    def test_lone_surrogates_are_escaped(self) -> None:
        self.ask(self.log, self.client, 1, "\ud800", NOW - 0, NOW, "\udfff")
        self.assertTrue(self.line().endswith(r'name="\ud800" ms=0.000 error="\udfff"'))

    def test_names_in_other_scripts_stay(self) -> None:
        self.ask(self.log, self.client, 1, "größe", NOW - 0, NOW, None)
        self.assertIn(" name=größe ", self.line())

    @PROPERTY
    @given(ANY_TEXT, ANY_TEXT, st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2))
    def test_each_call_makes_one_printable_line(
        self, name: str, text: str, params: dict[str, object]
    ) -> None:
        self.path.write_bytes(b"")
        log = self.make(with_params=True)
        self.ask(log, self.client, 1, name, NOW - 0, NOW, text, params)
        log.disconnected(self.client, text)
        log.flush()
        lines = self.written().split("\n")
        kinds = [line.partition("Z ")[2].partition(" ")[0] for line in lines]
        self.assertEqual(["request", "disconnect", ""], kinds)
        self.assertTrue("".join(lines).isprintable())


class FieldsTests(LogTestCase):
    """What the application says of a client."""

    def lines(self, form: str, **fields: Any) -> list[str]:
        """The line of a request, and of the client's end."""
        log = self.make(form=form, hidden=("password",))
        self.client.log_fields = fields
        self.ask(log, self.client, 1, "act", NOW - 0, NOW, None, None)
        log.disconnected(self.client, "quit")
        log.flush()
        return self.path.read_text().splitlines()

    def test_they_follow_the_address(self) -> None:
        for line in self.lines("text", device="7f3a\n", name=5, **{"two words": None}):
            self.assertIn(' from=127.0.0.1:4321 device="7f3a\\n" name_=5 "two words"=null ', line)

    def test_they_are_keys_in_json(self) -> None:
        circle: list[Any] = []
        circle.append(circle)
        fields = {"device": "7f3a", "number": 5, "tags": ["a"], "odd": float("nan")}
        for line in self.lines("json", **fields):
            read = json.loads(line)
            self.assertEqual(("7f3a", 5, ["a"]), (read["device"], read["number_"], read["tags"]))
            self.assertEqual("(cannot be shown)", read["odd"])

    def test_hidden_names_stay_hidden_and_all_is_bounded(self) -> None:
        for form in ("text", "json"):
            self.path.unlink(missing_ok=True)
            for line in self.lines(
                form, password="s3cret", long="x" * 5000, **{f"f{n}": "y" * 90 for n in range(99)}
            ):
                self.assertNotIn("s3cret", line)
                self.assertIn("[FILTERED]", line)
                self.assertLess(len(line), 1500)

    def test_they_are_as_they_are_when_the_line_is_written(self) -> None:
        log = self.make()
        for number, device in ((1, None), (2, "a"), (3, "b")):
            self.client.log_fields = {"device": device} if device else None
            self.ask(log, self.client, number, "act", NOW - 0, NOW, None, None)
            log.flush()
        shown = [line.partition("device=")[2][:3] for line in self.path.read_text().splitlines()]
        self.assertEqual(["", '"a"', '"b"'], shown)


class BatchTests(LogTestCase):
    """Requests of a client that were answered in one batch."""

    def lines(self, requests: Any, started: float = NOW - 0.004) -> list[tuple[str, str, str]]:
        """The number, the name and the rest of each line of a batch."""
        self.log.answered(self.client, 7, requests, started, NOW)
        self.log.flush()
        found = [line.split(" ", 5) for line in self.written().splitlines()]
        return [
            (number.partition("=")[2], *rest.partition("=")[2].split(" ", 1))  # type: ignore[misc]
            for *_, number, rest in found
        ]

    def at(self, name: str, started: float, finished: float, error: str | None = None) -> Any:
        """What the log is told of a request that is known by itself."""
        self.now = finished
        return self.log.request(name, started, error, None)

    def test_verbs_have_taken_equal_shares_of_the_time(self) -> None:
        self.assertEqual(
            [
                ("7", "paramAdd", "ms=1.000 ok"),
                ("8", "paramView", "ms=1.000 ok"),
                ("9", "paramAdd", "ms=1.000 ok"),
                ("10", "quit", "ms=1.000 ok"),
            ],
            self.lines(["paramAdd", "paramView", "paramAdd", "quit"]),
        )

    def test_actions_and_errors_have_their_own(self) -> None:
        first = self.at("slow", NOW - 0.003, NOW - 0.001)
        second = self.at("bad", NOW - 0.001, NOW - 0.0005, "no")
        self.assertEqual(
            [
                ("7", "paramAdd", "ms=0.500 ok"),
                ("8", "paramAdd", "ms=0.500 ok"),
                ("9", "slow", "ms=2.000 ok"),
                ("10", "bad", 'ms=0.500 error="no"'),
                ("11", "quit", "ms=0.500 ok"),
            ],
            self.lines(["paramAdd", "paramAdd", first, second, "quit"]),
        )

    def test_one_that_still_runs_has_no_line_and_keeps_its_number(self) -> None:
        self.assertEqual(
            [("7", "paramAdd", "ms=2.000 ok"), ("9", "quit", "ms=2.000 ok")],
            self.lines(["paramAdd", None, "quit"]),
        )
        self.path.write_bytes(b"")
        self.assertEqual([], self.lines([None]))

    def test_a_large_batch_is_written_whole(self) -> None:
        count = 3 * FLUSH_LINES
        lines = self.lines(["paramAdd"] * count)
        self.assertEqual([str(n) for n in range(7, 7 + count)], [line[0] for line in lines])


class SelectionTests(LogTestCase):
    """A log that does not show all requests."""

    def names(self, requests: bool | str | float) -> list[str]:
        """The names of the requests that are shown of some."""
        writer = LogWriter(LogFile(str(self.path), "the request log"))
        log = RequestLog(self.clock, writer, selection=selection(requests, 0.5))
        log.connected(self.client)
        log.answered(self.client, 1, ["verb1", "verb2"], NOW - 0.001, NOW)
        log.answered(self.client, 3, ["slowVerb"], NOW - 0.5, NOW)
        self.ask(log, self.client, 4, "quick", NOW - 0.1, NOW)
        self.ask(log, self.client, 5, "slow", NOW - 0.5, NOW)
        self.ask(log, self.client, 6, "failed", NOW - 0.1, NOW, "no")
        log.flush()
        connect, *lines = self.written().splitlines()
        self.assertIn(" connect ", connect)
        self.path.write_bytes(b"")
        numbers = {"verb1": 1, "verb2": 2, "slowVerb": 3, "quick": 4, "slow": 5, "failed": 6}
        names = [line.partition(" name=")[2].partition(" ")[0] for line in lines]
        for line, name in zip(lines, names, strict=True):
            self.assertIn(f" number={numbers[name]} ", line)
        return names

    def test_all(self) -> None:
        self.assertEqual(6, len(self.names(True)))

    def test_errors(self) -> None:
        self.assertEqual(["failed"], self.names("errors"))

    def test_slow_ones_and_errors(self) -> None:
        self.assertEqual(["slowVerb", "slow", "failed"], self.names("slow"))

    def test_a_share(self) -> None:
        self.assertEqual(["verb2", "quick", "failed"], self.names(0.5))
        self.assertEqual(["failed"], self.names(0.01))

    def test_a_log_may_show_other_requests_from_now_on(self) -> None:
        log = self.make()
        numbers: list[str] = []
        for kept in (True, "errors", 0.5, True):
            log.select(selection(kept, 0.5))
            log.answered(self.client, len(numbers), ["verb", "verb"], NOW, NOW)
            log.flush()
            numbers.append(str(self.written().count("\n")))
        self.assertEqual(["2", "2", "3", "5"], numbers)

    def test_a_share_is_right_in_the_long_run(self) -> None:
        for share in (0.01, 0.3, 0.999):
            chosen = selection(share, 0.5)
            assert chosen is not None
            kept = sum(chosen.keeps(False, 0.0) for _ in range(10_000))
            self.assertLessEqual(abs(kept - 10_000 * share), 1)


class ParamsTests(LogTestCase):
    """Whether and how the params of a request are written."""

    def setUp(self) -> None:
        super().setUp()
        self.with_params = self.make(with_params=True)

    def ends(self, params: Any, expected: str) -> None:
        """Checks how the line of a request ends."""
        self.ask(self.with_params, self.client, 1, "act", NOW - 0, NOW, None, params)
        self.assertEqual(expected, self.line(self.with_params).partition("ms=0.000 ")[2])

    def test_are_not_written_by_default(self) -> None:
        self.ask(self.log, self.client, 1, "act", NOW - 0, NOW, None, {"password": "secret"})
        self.assertTrue(self.line().endswith(" ok"))

    def test_are_written_where_asked_for(self) -> None:
        self.ends({"key": "☃", "limit": 100}, 'ok params={"key": "☃", "limit": 100}')

    def test_are_written_beside_an_error(self) -> None:
        self.ask(self.with_params, self.client, 1, "act", NOW - 0, NOW, "no", {"a": 1})
        self.assertTrue(self.line(self.with_params).endswith('error="no" params={"a": 1}'))

    def test_nothing_is_written_where_there_are_none(self) -> None:
        self.ends(None, "ok")
        self.ends({}, "ok")

    def test_are_cut(self) -> None:
        start = '{"key": "'
        self.ends(
            {"key": "x" * 5000}, "ok params=" + start + "x" * (MAX_PARAMS_CHARACTERS - len(start))
        )

    def test_are_escaped(self) -> None:
        self.ends({"a\nb": "\x1b\u2028\ud800"}, r'ok params={"a\nb": "\u001b\u2028\ud800"}')

    def test_may_hold_what_an_action_put_there_that_is_no_json(self) -> None:
        when = datetime.datetime(2012, 11, 12)
        self.ask(
            self.with_params, self.client, 1, "act", NOW - 0, NOW, None, {"when": when, "raw": b"x"}
        )
        self.assertIn(" number=1 name=act ms=0.000 ok", self.line(self.with_params))


class JsonTests(LogTestCase):
    """The lines as JSON."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.make(with_params=True, form="json")

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the log, read."""
        self.log.flush()
        return [json.loads(line) for line in self.written().splitlines()]

    def test_each_has_its_time(self) -> None:
        self.log.connected(self.client)
        self.now += 3600.125
        self.ask(self.log, self.client, 1, "x", self.now, self.now)
        self.log.disconnected(self.client, "quit")
        self.assertEqual(
            [
                (STAMP, "connect"),
                ("2012-09-06T06:24:59.625Z", "request"),
                ("2012-09-06T06:24:59.625Z", "disconnect"),
            ],
            [(line["time"], line["event"]) for line in self.lines()],
        )

    def test_a_request(self) -> None:
        self.ask(self.log, self.client, 3, "a b", NOW - 0.0125, NOW, "no", {"a": 1})
        (line,) = self.lines()
        self.assertEqual(
            {
                "time": STAMP,
                "level": "info",
                "namespace": "actionhero_tcp.logs.request_log",
                "event": "request",
                "client": "ab" * 16,
                "from": "127.0.0.1:4321",
                "number": 3,
                "name": "a b",
                "ms": 12.5,
                "outcome": "error",
                "error": "no",
                "params": {"a": 1},
            },
            line,
        )

    def test_names_are_cut(self) -> None:
        self.ask(self.log, self.client, 1, "x" * 5000, NOW, NOW)
        self.assertEqual("x" * 64 + "…", self.lines()[0]["name"])

    def test_lines_of_several_clients_and_names(self) -> None:
        other = make_connection()
        asked = [(self.client, "a"), (other, "b"), (self.client, "b"), (self.client, "a")]
        for number, (client, name) in enumerate(asked):
            self.ask(self.log, client, number, name, NOW, NOW)
        self.assertEqual(
            [(client.id, number, name) for number, (client, name) in enumerate(asked)],
            [(line["client"], line["number"], line["name"]) for line in self.lines()],
        )


class DurationTests(LogTestCase):
    """How long requests took."""

    def test_is_in_milliseconds_to_the_microsecond(self) -> None:
        for seconds, shown in (
            (0.0, "0.000"),
            (0.000001, "0.001"),
            (0.0000494, "0.049"),
            (0.000999, "0.999"),
            (0.0009996, "1.000"),
            (0.001, "1.000"),
            (0.0012346, "1.235"),
            (30.0, "30000.000"),
        ):
            self.ask(self.log, self.client, 1, "x", 0.0, seconds, None)
            self.log.flush()
            self.assertIn(f" ms={shown} ok\n", self.written().splitlines(True)[-1])


class FilterTests(LogTestCase):
    """Values that no log may show."""

    def everything(self, name: str, error: str | None, params: Any) -> str:
        """What the log says of a request, in both forms."""
        for form in FORMS:
            log = self.make(with_params=True, form=form, hidden=("password", "token"))
            self.ask(log, self.client, 1, name, NOW, NOW, error, params)
            log.flush()
        text = self.written()
        self.assertNotIn("hunter2", text)
        return text

    def test_in_params(self) -> None:
        text = self.everything("login", None, {"user": "a", "deep": [{"Token": "hunter2"}]})
        self.assertIn(' ok params={"user": "a", "deep": [{"Token": "[FILTERED]"}]}\n', text)
        self.assertIn('"params":{"user":"a","deep":[{"Token":"[FILTERED]"}]}}\n', text)

    def test_in_errors(self) -> None:
        text = self.everything("login", "not hunter2!", {"password": "hunter2"})
        self.assertEqual(2, text.count('"not [FILTERED]!"'))

    def test_in_errors_where_params_are_not_written(self) -> None:
        log = self.make(hidden=("password",))
        self.ask(log, self.client, 1, "x", NOW, NOW, "not hunter2!", {"password": "hunter2"})
        self.assertEqual('error="not [FILTERED]!"', self.line(log).partition("0.000 ")[2])

    def test_in_names_of_what_was_meant_as_a_param(self) -> None:
        for name in ("password=hunter2", '"password":"hunter2"}', "token=" + "hunter2" * 99):
            text = self.everything(name, f"{name[:64]}… is not a known action.", None)
            self.assertEqual(4, text.count("[FILTERED]"), text)
            self.assertEqual(2, text.count("[FILTERED] is not a known action."))
            self.path.unlink()

    def test_not_in_names_and_errors_that_show_none(self) -> None:
        error = "password is a required parameter for this action"
        text = self.everything("resetPassword", error, {"password": ""})
        self.assertEqual(2, text.count(error))
        self.assertIn(" name=resetPassword ", text)

    def test_params_that_are_nested_without_end(self) -> None:
        params: dict[str, Any] = {"password": "hunter2"}
        params["a"] = params
        self.assertIn('params="(cannot be shown)"', self.everything("login", "hunter2", params))


class FlushTests(LogTestCase):
    """When lines are written."""

    def test_they_wait_for_a_moment(self) -> None:
        self.log.connected(self.client)
        self.clock.advance(FLUSH_SECONDS / 2)
        self.assertEqual("", self.written())
        self.log.connected(self.client)
        self.clock.advance(FLUSH_SECONDS / 2)
        self.assertEqual(2, self.written().count("\n"))

    def test_they_wait_for_one_timer(self) -> None:
        for _ in range(5):
            self.log.connected(self.client)
        self.assertEqual(1, len(self.clock.getDelayedCalls()))

    def test_no_timer_runs_when_nothing_waits(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())
        self.log.connected(self.client)
        self.clock.advance(FLUSH_SECONDS)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_later_lines_are_written_too(self) -> None:
        for count in (1, 2, 3):
            self.log.connected(self.client)
            self.clock.advance(FLUSH_SECONDS)
            self.assertEqual(count, self.written().count("\n"))

    def test_only_so_many_wait(self) -> None:
        for _ in range(FLUSH_LINES - 1):
            self.log.connected(self.client)
        self.assertEqual("", self.written())
        self.log.connected(self.client)
        self.assertEqual(FLUSH_LINES, self.written().count("\n"))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_flushing_writes_at_once_and_only_once(self) -> None:
        self.log.connected(self.client)
        self.log.flush()
        self.assertEqual(1, self.written().count("\n"))
        self.log.flush()
        self.clock.advance(FLUSH_SECONDS)
        self.assertEqual(1, self.written().count("\n"))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_lines_keep_their_order(self) -> None:
        for number in range(FLUSH_LINES + 10):
            self.ask(self.log, self.client, number, "x", NOW - 0, NOW, None)
        self.log.flush()
        numbers = [line.split("number=")[1].split(" ")[0] for line in self.written().splitlines()]
        self.assertEqual([str(number) for number in range(FLUSH_LINES + 10)], numbers)

    def test_goes_on_where_the_system_took_a_part(self) -> None:
        really_write = os.write
        self.patch(os, "writev", lambda descriptor, lots: really_write(descriptor, lots[0][:7]))
        self.log.connected(self.client)
        self.log.flush()
        self.assertEqual(
            f"{STAMP} connect client={'ab' * 16} from=127.0.0.1:4321\n", self.written()
        )


class FailureTests(LogTestCase):
    """A log that cannot be written."""

    def setUp(self) -> None:
        super().setUp()
        self.events: list[Any] = []
        self.patch(writer, "_log", Logger("test", observer=self.events.append))
        self.really_write = os.writev

    def fail(self, *arguments: Any) -> Any:
        """Stands in for a disk that is full."""
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        """Writes one more line, or tries to."""
        self.log.connected(self.client)
        self.clock.advance(FLUSH_SECONDS)

    def test_tells_the_operator_why(self) -> None:
        self.log = self.make("/dev/full")
        self.flush()
        (event,) = self.events
        self.assertEqual("error", event["log_level"].name)
        self.assertEqual("No space left on device", event["reason"])
        self.assertIn("cannot be written", event["log_format"])

    def test_tells_so_once(self) -> None:
        self.patch(os, "writev", self.fail)
        for _ in range(3):
            self.flush()
        self.assertEqual(1, len(self.events))

    def test_loses_what_it_could_not_write_and_no_more(self) -> None:
        patch = self.patch(os, "writev", self.fail)
        self.flush()
        self.assertEqual("", self.written())
        patch.restore()
        self.flush()
        self.assertEqual(1, self.written().count("\n"))

    def test_tells_so_again_after_it_went_well(self) -> None:
        for write in (self.fail, self.really_write, self.fail, self.fail):
            self.patch(os, "writev", write)
            self.flush()
        levels = [event["log_level"].name for event in self.events]
        self.assertEqual(["error", "warn", "error"], levels)

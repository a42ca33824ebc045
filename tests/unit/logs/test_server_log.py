"""The server's own log."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import (
    ILogObserver,
    Logger,
    LogLevel,
    LogPublisher,
    formatEventAsClassicLogText,
)
from twisted.python import log as legacy
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from actionhero_tcp.config.sections import Log
from actionhero_tcp.errors import StartError
from actionhero_tcp.logs import file as logfile
from actionhero_tcp.logs import server_log
from actionhero_tcp.logs.server_log import ServerLog, json_line, text_line
from tests.support import PROPERTY

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)


class Broken(Exception):
    """An error that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def failure(error: Exception) -> Failure:
    """The failure of an error that was raised."""
    try:
        raise error
    except Exception:
        return Failure()


class EventTestCase(SynchronousTestCase):
    """Makes events."""

    def events(self, *, legacy_publisher: bool = False) -> Any:
        """A logger, or a publisher of the older API; what is logged there is in `made`."""
        self.made: list[Any] = []
        if legacy_publisher:
            publisher = LogPublisher(self.made.append)
            return legacy.LogPublisher(observerPublisher=publisher, publishPublisher=publisher)
        return Logger("some.place", observer=self.made.append)

    def event(self, text: str = "", **fields: Any) -> Any:
        """One event, at a fixed time."""
        self.events().info(text, **fields)
        (event,) = self.made
        return {**event, "log_time": 1346909099.5}


class TextLineTests(EventTestCase):
    """`text_line`."""

    def test_is_what_twistd_writes(self) -> None:
        event = self.event("{a} ☃", a="hello\nworld\tand all")
        line = text_line(event)
        self.assertEqual(formatEventAsClassicLogText(event), line)
        self.assertTrue(line.endswith(" [some.place#info] hello\n\tworld\tand all ☃\n"))
        self.assertRegex(line, r"\A2012-09-06T\d\d:\d\d:59[+-]\d{4} ")

    def test_has_the_traceback(self) -> None:
        self.events().failure("it broke", failure(ValueError("why")))
        line = text_line(self.made[0])
        self.assertEqual(formatEventAsClassicLogText(self.made[0]), line)
        self.assertIn("it broke\n\tTraceback (most recent call last):\n\t", line)
        self.assertIn("builtins.ValueError: why\n", line)

    def test_says_which_worker_speaks(self) -> None:
        event = self.event("a [b] {c}", c="d")
        line = text_line(event, 2)
        self.assertTrue(line.endswith(" [worker 2, some.place#info] a [b] d\n"), line)
        self.assertEqual(text_line(event), line.replace("worker 2, ", ""))
        self.assertEqual("", text_line(self.event(), 2))

    def test_escapes_what_steers_a_terminal(self) -> None:
        line = text_line(self.event("{a}", a="\x1b[2J\r\x9b\ud800\u2028"))
        self.assertTrue(line.endswith(" \\x1b[2J\\r\\x9b\\ud800\\u2028\n"), line)

    def test_says_nothing_of_an_event_that_says_nothing(self) -> None:
        self.assertEqual("", text_line(self.event()))

    @PROPERTY
    @given(ANY_TEXT)
    def test_cannot_be_forged(self, text: str) -> None:
        line = text_line(self.event("x{a}", a=text))
        first, *rest = line.split("\n")
        self.assertTrue(first.isprintable() or "\t" in first)
        self.assertEqual("", rest.pop())
        for more in rest:
            self.assertTrue(more.startswith("\t"))
            self.assertTrue(more.replace("\t", "").isprintable())


class JsonLineTests(EventTestCase):
    """`json_line`."""

    def read(self, event: Any) -> dict[str, Any]:
        """An event's line, read."""
        line = json_line(event)
        self.assertTrue(line.endswith("\n"))
        self.assertTrue(line[:-1].isprintable())
        return json.loads(line)  # type: ignore[no-any-return]

    def test_has_time_level_namespace_and_message(self) -> None:
        self.assertEqual(
            {
                "time": "2012-09-06T05:24:59.500Z",
                "level": "info",
                "namespace": "some.place",
                "message": "hello\nworld ☃\x1b",
                "a": "world ☃\x1b",
            },
            self.read(self.event("hello\n{a}", a="world ☃\x1b")),
        )

    def test_has_the_level(self) -> None:
        for level in LogLevel.iterconstants():
            self.events().emit(level, "x")
            self.assertEqual(level.name, self.read(self.made[0])["level"])

    def test_has_the_traceback_by_itself(self) -> None:
        self.events().failure("it broke", failure(ValueError("why\x1b")))
        line = self.read(self.made[0])
        self.assertEqual(("critical", "it broke"), (line["level"], line["message"]))
        self.assertTrue(line["traceback"].startswith("Traceback (most recent call last):\n"))
        self.assertTrue(line["traceback"].endswith("\nbuiltins.ValueError: why\x1b\n"))

    def test_has_a_traceback_that_an_event_ends_with_by_itself(self) -> None:
        text = failure(ValueError("why")).getTraceback()
        line = self.read(self.event("the action x failed:\n{traceback}", traceback=text))
        self.assertEqual(("the action x failed", text), (line["message"], line["traceback"]))

    def test_an_error_that_cannot_be_shown(self) -> None:
        self.events().failure("it broke", failure(Broken()))
        self.assertIn("Broken", self.read(self.made[0])["traceback"])

    def test_a_failure_that_says_nothing_but_its_traceback(self) -> None:
        line = self.read({**self.event(), "log_failure": failure(ValueError("why"))})
        self.assertEqual("", line["message"])
        self.assertIn("ValueError: why", line["traceback"])

    def test_events_of_the_older_api(self) -> None:
        older = self.events(legacy_publisher=True)
        older.msg("hello", "world")
        older.msg(failure=failure(ValueError("why")), why="it broke", isError=1)
        plain, error = map(self.read, self.made)
        self.assertEqual(("info", "hello world"), (plain["level"], plain["message"]))
        self.assertNotIn("traceback", plain)
        self.assertEqual(("critical", "it broke"), (error["level"], error["message"]))
        self.assertTrue(error["traceback"].endswith("ValueError: why\n"))

    def test_says_nothing_of_an_event_that_says_nothing(self) -> None:
        self.assertEqual("", json_line(self.event()))

    def test_an_event_that_lacks_all_but_its_text(self) -> None:
        line = self.read({"log_format": "hello"})
        self.assertEqual(
            ("-", "info", "hello"), (line["namespace"], line["level"], line["message"])
        )

    def test_an_event_that_cannot_be_formatted(self) -> None:
        self.assertIn("Unable to format", self.read(self.event("{nope}"))["message"])

    @PROPERTY
    @given(ANY_TEXT, ANY_TEXT)
    def test_any_text_makes_one_line(self, text: str, error: str) -> None:
        self.events().failure("x{a}", failure(ValueError(error)), a=text)
        line = self.read(self.made[0])
        if text.isprintable():
            self.assertEqual(f"x{text}".rstrip(":\n"), line["message"].rstrip(":"))


class ServerLogTests(EventTestCase):
    """`ServerLog`."""

    def test_lower_levels_are_left_out(self) -> None:
        log = ServerLog(str(self.path), level="warn")
        for level in ("debug", "info", "warn", "critical"):
            self.events().emit(LogLevel.levelWithName(level), level)
            log(self.made[0])
        log({"log_format": "of the older API"})
        lines = self.path.read_text().splitlines()
        self.assertEqual(["warn", "critical"], [line.rpartition(" ")[2] for line in lines])

    def test_of_a_worker_says_so_in_each_form(self) -> None:
        event = self.event("hello")
        for json_form, line in ((False, text_line(event, 3)), (True, json_line(event, 3))):
            ServerLog(str(self.path), json_form, 3)(event)
            self.assertEqual(line, self.path.read_text())
            self.path.unlink()
        self.assertEqual(3, json.loads(json_line(event, 3))["worker"])
        self.assertNotIn("worker", json.loads(json_line(event)))

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def test_is_an_observer(self) -> None:
        self.assertTrue(verifyObject(ILogObserver, ServerLog(os.devnull)))

    def test_writes_text_or_json(self) -> None:
        event = self.event("hello")
        for json_form, line in ((False, text_line(event)), (True, json_line(event))):
            log = ServerLog(str(self.path), json_form)
            log(event)
            self.assertEqual(line, self.path.read_text())
            self.path.unlink()

    def test_writes_each_event_at_once(self) -> None:
        log = ServerLog(str(self.path))
        for count in (1, 2, 3):
            log(self.event("hello"))
            self.assertEqual(count, self.path.read_text().count("\n"))

    def test_an_empty_path_means_standard_output(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        self.patch(logfile, "STANDARD_OUTPUT", writer)
        ServerLog()(self.event("hello"))
        self.assertIn(b"hello", os.read(reader, 1000))

    def test_goes_on_after_it_could_not_write(self) -> None:
        log = ServerLog("/dev/full")
        for _ in range(2):
            log(self.event("hello"))

    def test_one_that_cannot_be_opened_is_told(self) -> None:
        error = self.assertRaises(StartError, ServerLog, "/nope/x.log")
        self.assertEqual(
            "/nope/x.log: cannot open the server's log: No such file or directory", str(error)
        )

    def test_is_opened_anew(self) -> None:
        log = ServerLog(str(self.path))
        log(self.event("first"))
        moved = self.path.rename(f"{self.path}.1")
        log(self.event("second"))
        log.writer.file.reopen()
        log(self.event("third"))
        self.assertEqual(2, moved.read_text().count("\n"))
        self.assertEqual(1, self.path.read_text().count("\n"))


class StartTests(SynchronousTestCase):
    """`start`: where the log goes, by its settings and the options of twistd."""

    def setUp(self) -> None:
        self.patch(server_log, "ServerLog", lambda path, json, *rest: (path, json))

    def start(self, file: str = "", format: str = "text", **twistd: Any) -> Any:
        """What is opened: the path, and whether JSON is written there."""
        options = {"logfile": None, "logger": None, "syslog": 0, "nodaemon": 0, **twistd}
        return server_log.start(Log(file=file, format=format), options)

    def test_in_the_foreground_it_is_standard_output(self) -> None:
        for logfile_option in (None, "-"):
            self.assertEqual(("", False), self.start(nodaemon=1, logfile=logfile_option))

    def test_in_the_background_it_is_the_file_of_twistd(self) -> None:
        self.assertEqual(("twistd.log", False), self.start())

    def test_it_is_what_twistd_is_told(self) -> None:
        for nodaemon in (0, 1):
            self.assertEqual(("x.log", False), self.start(logfile="x.log", nodaemon=nodaemon))

    def test_the_setting_wins_over_the_file_of_twistd(self) -> None:
        options: tuple[dict[str, Any], ...] = ({}, {"logfile": "x.log"}, {"nodaemon": 1})
        for twistd in options:
            self.assertEqual(("y.log", False), self.start("y.log", **twistd))

    def test_the_format_is_that_of_the_setting(self) -> None:
        self.assertEqual(("twistd.log", True), self.start(format="json"))

    def test_an_observer_or_syslog_of_twistd_wins_over_all(self) -> None:
        options: tuple[dict[str, Any], ...] = ({"logger": print}, {"syslog": 1})
        for twistd in options:
            self.assertIsNone(self.start("y.log", "json", **twistd))

    def test_without_twistd_it_is_standard_output(self) -> None:
        self.assertEqual(("", False), server_log.start(Log(), {}))

    def test_in_the_background_there_is_no_standard_output(self) -> None:
        error = self.assertRaises(StartError, self.start, logfile="-")
        self.assertEqual("a daemon in the background has no standard output to log to", str(error))

"""Both logs together."""

from __future__ import annotations

import json
import os
import re
import select
import threading
from pathlib import Path

from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.sections import Config
from actionhero_tcp.logs import file as logfile
from actionhero_tcp.logs.file import LogFile
from actionhero_tcp.logs.lines import FORMS, UNSHOWN
from actionhero_tcp.logs.loggers import Loggers
from actionhero_tcp.logs.request_log import RequestLog
from actionhero_tcp.logs.server_log import ServerLog
from actionhero_tcp.logs.writer import LogWriter
from tests.support import PATIENCE, ROOT, Reactor, make_connection


class LogsTests(SynchronousTestCase):
    """`Logs`."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.server = ServerLog(str(self.folder / "server.log"))
        self.requests = self.make("requests.log")
        self.reactor = Reactor()
        self.logs = Loggers(self.reactor, self.server, self.requests, PATIENCE)

    def make(self, name: str) -> RequestLog:
        """A request log in a file of this name."""
        return RequestLog(Clock(), LogWriter(LogFile(str(self.folder / name), "the request log")))

    def reopen(self, logs: Loggers | None = None) -> list[str]:
        """Opens both anew; gives what went wrong."""
        errors: list[list[str]] = []
        (logs or self.logs).reopen(errors.append)
        (told,) = errors
        return told

    def write(self) -> None:
        """Writes to both."""
        self.server({"log_format": "hello", "log_time": 0.0})
        self.requests.connected(make_connection())

    def counts(self) -> dict[str, int]:
        """How many lines stand in which file."""
        self.requests.flush()
        return {path.name: path.read_text().count("\n") for path in self.folder.iterdir()}

    def test_both_are_opened_anew_and_nothing_is_lost(self) -> None:
        self.write()
        for name in ("server.log", "requests.log"):
            (self.folder / name).rename(self.folder / f"{name}.1")
        self.write()
        self.assertEqual([], self.reopen())
        self.write()
        self.assertEqual(
            {"server.log.1": 2, "requests.log.1": 2, "server.log": 1, "requests.log": 1},
            self.counts(),
        )

    def test_what_goes_wrong_is_told_of_each_and_both_go_on(self) -> None:
        moved = self.folder.rename(self.folder.with_suffix(".moved"))
        self.assertEqual(
            [
                f"{self.folder}/server.log: cannot open the server's log: "
                "No such file or directory",
                f"{self.folder}/requests.log: cannot open the request log: "
                "No such file or directory",
            ],
            self.reopen(),
        )
        self.write()
        self.folder = moved
        self.assertEqual({"server.log": 1, "requests.log": 1}, self.counts())

    def test_one_that_fails_does_not_keep_the_other_from_it(self) -> None:
        (self.folder / "server.log").unlink()
        (self.folder / "server.log").mkdir()
        (self.folder / "requests.log").rename(self.folder / "requests.log.1")
        (error,) = self.reopen()
        self.assertEqual(
            f"{self.folder}/server.log: cannot open the server's log: Is a directory", error
        )
        self.assertTrue((self.folder / "requests.log").is_file())

    def test_either_may_be_missing(self) -> None:
        for given in ({}, {"server": self.server}, {"requests": self.requests}):
            logs = Loggers(self.reactor, **given)  # type: ignore[arg-type]
            self.assertEqual([], self.reopen(logs))
        self.assertIsNone(self.successResultOf(Loggers(self.reactor).close()))

    def test_closing_writes_the_requests_that_wait(self) -> None:
        logs = Loggers(self.reactor, requests=self.make("x.log"))
        assert logs.requests is not None
        logs.requests.connected(make_connection())
        closed = logs.close()
        self.assertIsNone(self.successResultOf(closed))
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.assertEqual(1, (self.folder / "x.log").read_text().count("\n"))

    def test_what_is_closed_is_not_opened_anew(self) -> None:
        logs = Loggers(self.reactor, requests=self.make("x.log"))
        logs.close()
        (self.folder / "x.log").unlink()
        self.assertEqual([], self.reopen(logs))
        self.assertFalse((self.folder / "x.log").exists())

    def test_the_server_has_more_to_say_after_closing(self) -> None:
        Loggers(self.reactor, self.server).close()
        self.server({"log_format": "hello", "log_time": 0.0})
        self.assertEqual(1, (self.folder / "server.log").read_text().count("\n"))

    def test_knows_whether_requests_go_nowhere(self) -> None:
        self.assertFalse(self.logs.goes_nowhere)
        self.assertFalse(Loggers(self.reactor, self.server).goes_nowhere)
        nowhere = Loggers(self.reactor, requests=self.make("/dev/null"))
        self.assertTrue(nowhere.goes_nowhere)

    def test_once_started_threads_write_and_its_end_is_waited_for(self) -> None:
        self.logs.start()
        self.write()
        (self.folder / "requests.log").rename(self.folder / "requests.log.1")
        reopened = threading.Event()
        self.logs.reopen(lambda errors: reopened.set())
        self.assertTrue(reopened.wait(PATIENCE))
        self.write()
        closed = threading.Event()
        self.logs.close().addCallback(lambda _: closed.set())
        self.assertTrue(closed.wait(PATIENCE))
        ((call, arguments, _),) = self.reactor.triggers["after"]["shutdown"]
        self.server({"log_format": "stopped", "log_time": 0.0})
        call(*arguments)
        self.server({"log_format": "the reactor is gone", "log_time": 0.0})
        self.assertEqual(
            {"requests.log.1": 1, "requests.log": 1, "server.log": 4},
            {path.name: path.read_text().count("\n") for path in self.folder.iterdir()},
        )

    def test_a_log_that_takes_nothing_is_waited_for_so_long(self) -> None:
        reader, writer = os.pipe()
        self.patch(logfile, "STANDARD_OUTPUT", writer)
        stuck = RequestLog(Clock(), LogWriter(LogFile("", "the request log")))
        logs = Loggers(self.reactor, requests=stuck, seconds=5)
        logs.start()
        stuck.writer.put(b"x" * 1_000_000)
        closed = logs.close()
        self.reactor.advance(4.9)
        self.assertNoResult(closed)
        self.reactor.advance(0.1)
        self.assertIsNone(self.successResultOf(closed))
        # What comes late changes nothing.
        thread = stuck.writer._thread
        assert thread is not None
        while thread.is_alive():
            os.read(reader, 1 << 20) if select.select([reader], [], [], 0.001)[0] else None
        os.close(reader)
        os.close(writer)


class PageTests(SynchronousTestCase):
    """What docs/operations.md says of the logs."""

    def setUp(self) -> None:
        page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        self.text = page.partition("## Logs")[2].partition("\n## ")[0]

    def fields(self, *lines: str) -> set[str]:
        """The fields of lines in JSON."""
        return {field for line in lines for field in json.loads(line)}

    def test_names_every_field_of_the_lines_in_json(self) -> None:
        path = Path(self.mktemp())
        server = ServerLog(str(path), True, 3)
        server({"log_format": "x{traceback}", "traceback": "y", "log_time": 0.0})
        writer = LogWriter(LogFile(str(path), "the request log"))
        requests = RequestLog(Clock(), writer, True, FORMS["json"]())
        client = make_connection()
        requests.connected(client)
        for params in ({"a": 1}, UNSHOWN):
            logged = requests.request("x", 0.0, "no", params)  # type: ignore[arg-type]
            requests.answered(client, 1, (logged,), 0.0, 0.0)
        requests.disconnected(client, "quit")
        requests.flush()
        table = self.text.partition("### JSON")[2].partition("\n### ")[0]
        documented = set(re.findall(r"(?m)^\| `(\w+)` \|", table))
        self.assertEqual(self.fields(*path.read_text().splitlines()), documented)

    def test_its_lines_in_json_have_no_other_fields(self) -> None:
        (examples,) = re.findall(r"(?ms)^```json\n(.*?)^```", self.text)
        for field in self.fields(*examples.splitlines()):
            self.assertIn(f"\n| `{field}` |", self.text)

    def test_names_the_params_whose_values_are_hidden(self) -> None:
        for name in Config().log.filter_params:
            self.assertIn(f"`{name}`", self.text)

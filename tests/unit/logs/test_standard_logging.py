"""Tests of `actionhero_tcp.logs.standard_logging`: Python's `logging` and the server's log."""

from __future__ import annotations

import json
import logging
from typing import Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport
from twisted.logger import LogEvent, Logger, LogLevel, LogPublisher, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import ActionError
from actionhero_tcp.logs.server_log import json_line, text_line
from actionhero_tcp.logs.standard_logging import (
    ErrorForwarder,
    StandardHandler,
    StandardLogging,
    level_of,
)
from tests.support.integration import request
from tests.support.routing import RouterTestCase


class HandlerTestCase(SynchronousTestCase):
    """Has a logger of `logging` whose records come into a log of Twisted's."""

    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        self.logger = logging.getLogger("fleet.devices")
        self.logger.propagate = False
        self.logger.setLevel(logging.DEBUG)
        self.handler = StandardHandler(self.events.append)
        self.logger.addHandler(self.handler)
        self.addCleanup(self.logger.removeHandler, self.handler)

    def json(self) -> dict[str, Any]:
        """The line of the only event."""
        (event,) = self.events
        return json.loads(json_line(event))  # type: ignore[no-any-return]


class HandlerTests(HandlerTestCase):
    """`StandardHandler`."""

    def test_each_level(self) -> None:
        for name in ("debug", "info", "warning", "error", "critical"):
            getattr(self.logger, name)("at %s", name)
        self.assertEqual(
            ["debug", "info", "warn", "error", "critical"],
            [event["log_level"].name for event in self.events],
        )
        self.assertIn(" [fleet.devices#warn] at warning\n", text_line(self.events[2]))

    def test_levels_between(self) -> None:
        self.assertEqual(
            [LogLevel.debug, LogLevel.debug, LogLevel.info, LogLevel.critical],
            [level_of(number) for number in (1, 15, 25, 99)],
        )

    def test_one_record_is_one_event(self) -> None:
        self.logger.info("one\ntwo {x}")
        self.assertEqual("one\ntwo {x}", self.json()["message"])
        self.assertTrue(text_line(self.events[0]).endswith(" one\n\ttwo {x}\n"))

    def test_named_fields_are_keys(self) -> None:
        self.logger.info("it is hot", extra={"device": "7f3a", "level": 3, "log_format": "x"})
        line = self.json()
        self.assertEqual(
            ("it is hot", "7f3a", "info", 3),
            (line["message"], line["device"], line["level"], line["level_"]),
        )
        self.assertEqual("x", line["log_format"])
        self.assertEqual(
            {"time", "level", "namespace", "message", "device", "level_", "log_format"}, set(line)
        )

    def test_fields_that_are_no_json(self) -> None:
        circle: list[Any] = []
        circle.append(circle)
        self.logger.info("x", extra={"a": float("nan"), "b": circle, "c": object})
        line = self.json()
        self.assertEqual(["(cannot be shown)"] * 2, [line["a"], line["b"]])
        self.assertEqual("<class 'object'>", line["c"])

    def test_an_error_has_its_traceback(self) -> None:
        try:
            raise ValueError("why")
        except ValueError:
            self.logger.exception("it broke")
        line = self.json()
        self.assertEqual(("it broke", "error"), (line["message"], line["level"]))
        self.assertTrue(line["traceback"].endswith("ValueError: why\n"))
        self.assertIn("it broke\n\tTraceback", text_line(self.events[0]))

    def test_arguments_that_do_not_fit(self) -> None:
        self.logger.info("%d of %d", 1)
        self.assertEqual("'%d of %d' (1,)", self.json()["message"])

    def test_a_stack(self) -> None:
        self.logger.info("here", stack_info=True)
        self.assertIn("here\nStack (most recent call last)", self.json()["message"])


class ErrorForwarderTests(HandlerTestCase):
    """`ErrorForwarder`."""

    def setUp(self) -> None:
        super().setUp()
        self.records: list[logging.LogRecord] = []
        handler = logging.Handler()
        handler.emit = self.records.append  # type: ignore[method-assign]
        self.logger.addHandler(handler)
        self.addCleanup(self.logger.removeHandler, handler)
        observer: Any = ErrorForwarder()
        self.log = Logger("fleet.devices", observer=LogPublisher(observer))
        self.forward = observer

    def test_errors_are_handed_on_with_their_exceptions(self) -> None:
        error = ValueError("why")
        try:
            raise error
        except ValueError:
            shown = Failure().getTraceback()
            self.log.error("{a} broke:\n{traceback}", a="it", traceback=shown, exception=Failure())
        (record,) = self.records
        self.assertEqual(("it broke", "it"), (record.getMessage(), vars(record)["a"]))
        assert record.exc_info is not None
        self.assertIs(error, record.exc_info[1])
        # What comes from the server's log does not go there again.
        self.assertEqual([], self.events)

    def test_nothing_else_is(self) -> None:
        for level in (LogLevel.debug, LogLevel.info, LogLevel.warn):
            self.log.emit(level, "x")
        self.assertEqual([], self.records)

    def test_what_came_from_logging_does_not_go_back(self) -> None:
        self.logger.error("x")
        self.forward(self.events[0])
        self.assertEqual(1, len(self.records))


class InstallTests(SynchronousTestCase):
    """`StandardLogging`."""

    def test_it_is_there_once(self) -> None:
        root = logging.getLogger()
        before, level = list(root.handlers), root.level
        first, second = StandardLogging("warn"), StandardLogging("debug")
        first.install()
        self.addCleanup(root.setLevel, level)
        self.assertEqual(logging.WARNING, root.level)
        second.install()
        self.addCleanup(second.remove)
        first.remove()
        second.install()
        self.assertEqual(logging.DEBUG, root.level)
        added = [each for each in root.handlers if each not in before]
        self.assertEqual([StandardHandler], [type(each) for each in added])
        second.remove()
        self.assertEqual(before, root.handlers)


class Sent(Transport):
    """Keeps what sentry-sdk would send."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        event = envelope.get_event()
        if event is not None:
            self.events.append(event)


class SentryTests(RouterTestCase):
    """An error tracker that is built on `logging` hears of failures."""

    def setUp(self) -> None:
        self.sent = Sent()
        sentry_sdk.init(
            dsn="http://key@127.0.0.1:1/1",
            transport=self.sent,
            default_integrations=False,
            integrations=[LoggingIntegration()],
            auto_enabling_integrations=False,
            # It would ask git otherwise.
            release="1",
        )
        self.addCleanup(sentry_sdk.init, release="1")
        forwarder: Any = ErrorForwarder()
        globalLogPublisher.addObserver(forwarder)
        self.addCleanup(globalLogPublisher.removeObserver, forwarder)
        root = logging.getLogger()
        handler = logging.NullHandler()
        root.addHandler(handler)
        self.addCleanup(root.removeHandler, handler)

    def errors(self) -> list[tuple[str, str]]:
        """The class and the text of each error that was sent."""
        found = []
        for event in self.sent.events:
            (value,) = event["exception"]["values"]
            found.append((value["type"], value["value"]))
        return found

    def test_it_gets_the_exception_of_an_action_and_of_background_work(self) -> None:
        async def fail() -> None:
            raise KeyError("in the background")

        def act(api: Any, connection: Any, *, how: str) -> None:
            if how == "background":
                api.background(fail())
            elif how == "refuse":
                raise ActionError("no")
            else:
                raise ValueError(how)

        client = self.start(act)
        self.service.factory.context.api.tasks.start()
        for how in ("break", "refuse", "background"):
            client.ask(request("act", how=how))
            self.reactor.advance(0)
        self.assertEqual(
            [("ValueError", "break"), ("KeyError", "'in the background'")], self.errors()
        )
        event = self.sent.events[0]
        self.assertEqual("actionhero_tcp.dispatch.runner", event["logger"])
        self.assertIn(
            "the action act (", event["logentry"]["message"] % tuple(event["logentry"]["params"])
        )
        frames = event["exception"]["values"][0]["stacktrace"]["frames"]
        self.assertEqual("act", frames[-1]["function"])

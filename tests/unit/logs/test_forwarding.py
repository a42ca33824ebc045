"""Twisted's log handed to Python's `logging`."""

from __future__ import annotations

import logging

from twisted.logger import Logger, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs.forwarding import Forwarder, forward_logs


class Handler(logging.Handler):
    """Keeps records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class ForwarderTests(SynchronousTestCase):
    """What becomes of an event."""

    def setUp(self) -> None:
        self.handler = Handler()
        self.logger = logging.getLogger("tests.forwarding")
        self.logger.addHandler(self.handler)
        self.addCleanup(self.logger.removeHandler, self.handler)
        self.logger.propagate = False
        self.addCleanup(setattr, self.logger, "propagate", True)
        self.logger.setLevel(logging.INFO)
        forwarder: object = Forwarder()
        self.log = Logger("tests.forwarding", observer=LogPublisher(forwarder))  # type: ignore

    def test_levels_and_texts(self) -> None:
        self.log.debug("not this one")
        self.log.info("port {port}", port=5000)
        self.log.warn("careful: %s {what}", what="\x1b[31m")
        self.log.error("bad")
        self.log.critical("worse")
        self.assertEqual(
            [
                ("INFO", "port 5000"),
                ("WARNING", "careful: %s \\x1b[31m"),
                ("ERROR", "bad"),
                ("CRITICAL", "worse"),
            ],
            [(record.levelname, record.getMessage()) for record in self.handler.records],
        )

    def test_failures_carry_their_exception(self) -> None:
        error = ValueError("no")
        try:
            raise error
        except ValueError:
            self.log.failure("it failed", Failure())
        (record,) = self.handler.records
        assert record.exc_info is not None
        self.assertIs(error, record.exc_info[1])
        self.assertIn("it failed", record.getMessage())
        self.assertNotIn("Traceback", record.getMessage())

    def test_a_log_that_has_begun_is_left_alone(self) -> None:
        # trial has started it.
        self.assertFalse(forward_logs())

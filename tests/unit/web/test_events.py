"""Tests of `actionhero_tcp.web.events`."""

from __future__ import annotations

from twisted.logger import Logger, LogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.web.events import MAX_CHARACTERS, MAX_EVENTS, RecentEvents


class RecentEventsTests(SynchronousTestCase):
    """What is kept of the log."""

    def setUp(self) -> None:
        publisher = LogPublisher()
        self.log = Logger("test", observer=publisher)
        self.events = RecentEvents(publisher)
        self.events.start()

    def texts(self) -> list[object]:
        return [event["text"] for event in self.events.latest()]

    def test_warnings_and_errors_the_latest_first(self) -> None:
        self.log.info("started")
        self.log.warn("port {port} is taken", port=5080)
        self.log.error("no")
        self.assertEqual(["no", "port 5080 is taken"], self.texts())
        self.assertEqual(["error", "warn"], [e["level"] for e in self.events.latest()])
        self.assertEqual([2, 1], [e["number"] for e in self.events.latest()])

    def test_failures_with_their_stack(self) -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            self.log.failure("it failed")
        (text,) = self.texts()
        self.assertTrue(str(text).startswith("it failed\n"), text)
        self.assertIn("ValueError: broken", str(text))

    def test_only_the_last_are_kept(self) -> None:
        for number in range(MAX_EVENTS + 5):
            self.log.warn("{number}", number=number)
        self.assertEqual(MAX_EVENTS, len(self.texts()))
        self.assertEqual(str(MAX_EVENTS + 4), self.texts()[0])

    def test_a_long_one_keeps_its_end(self) -> None:
        self.log.warn("{text}", text="a" * MAX_CHARACTERS + "end")
        (text,) = self.texts()
        self.assertEqual(MAX_CHARACTERS + 1, len(str(text)))
        self.assertTrue(str(text).endswith("end"))

    def test_what_clients_put_into_it_is_escaped(self) -> None:
        self.log.warn("{text}", text="\x1b[31m\u202e")
        self.assertNotIn("\x1b", str(self.texts()[0]))
        self.assertNotIn("\u202e", str(self.texts()[0]))

    def test_after_a_stop_nothing_is_kept(self) -> None:
        self.events.stop()
        self.log.warn("late")
        self.assertEqual([], self.texts())

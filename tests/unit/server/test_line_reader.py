"""`server.line_reader`: lines are served, or wait, and reading pauses meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.connected_client import ConnectedClient
from actionhero_tcp.connection.fair_queue import FairQueue
from actionhero_tcp.connection.state import ReadHold
from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.server.line_reader import LineReader
from actionhero_tcp.stats import Stats
from tests.support import Soon, make_account, make_connection, make_live


class Router:
    """Keeps the lines that it serves; may hold the client, or take time, for each of them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.served: list[bytes] = []
        self.holds_at: bytes | None = None
        self.seconds = 0.0

    def serve(self, connection: ConnectedClient, lines: Iterator[bytes]) -> None:
        for line in lines:
            self.served.append(line)
            self.clock.advance(self.seconds)
            if line == self.holds_at:
                connection.hold(ReadHold.PENDING)
                return


class LineReaderTests(SynchronousTestCase):
    """A reader whose client is announced at once."""

    def setUp(self) -> None:
        self.start()

    def start(self, **limits: Any) -> None:
        self.clock, self.soon, self.done = Clock(), Soon(), 0
        self.connection = make_connection()
        self.router = Router(self.clock)
        self.memory = SimpleNamespace(pressed=False, must_wait=lambda account, size: True)
        live = make_live(
            {
                ("limits", "announce_delay"): 0.0,
                **{("limits", name): value for name, value in limits.items()},
            }
        )
        context: Any = SimpleNamespace(
            live=live,
            rooms=None,
            clock=self.clock,
            stats=Stats(),
            memory=self.memory,
            router=self.router,
            write_batch=WriteBatch(self.soon),
            queue=FairQueue(self.soon, self.clock.seconds),
        )
        self.context = context
        self.reading = True
        self.reader = LineReader(self, self.connection, context, make_account())

    # `ReaderOwner`

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def input_served(self) -> None:
        self.done += 1

    def test_lines_are_served_as_they_are_complete(self) -> None:
        for data in (b"on", b"e\ntwo\nth", b"ree\n"):
            self.reader.feed(data)
        self.assertEqual([b"one", b"two", b"three"], self.router.served)
        self.assertTrue(self.reading)

    def test_a_batch_knows_its_client_and_forgets_it(self) -> None:
        batch, seen = self.context.write_batch, []
        self.patch(
            self.router, "served", SimpleNamespace(append=lambda _: seen.append(batch.client))
        )
        self.reader = LineReader(self, self.connection, self.context, make_account())
        self.reader.feed(b"one\n")
        self.assertEqual([self.connection.id], seen)
        self.assertIsNone(batch.client)

    def test_what_follows_a_hold_waits_and_nothing_more_is_read(self) -> None:
        self.router.holds_at = b"one"
        self.reader.feed(b"one\ntwo\n")
        self.assertEqual([b"one"], self.router.served)
        self.assertTrue(self.reader.has_backlog)
        self.assertFalse(self.reading)
        self.reader.feed(b"three\n")
        self.connection.release(ReadHold.PENDING)
        self.reader.resume()
        self.assertEqual([b"one", b"two", b"three"], self.router.served)
        self.assertFalse(self.reader.has_backlog)
        self.assertTrue(self.reading)

    def test_the_rate_limit_has_lines_wait_for_their_time(self) -> None:
        self.start(request_rate=1.0, request_burst=2)
        self.reader.feed(b"a\nb\nc\nd\n")
        self.assertEqual([b"a", b"b"], self.router.served)
        self.assertEqual(ReadHold.RATE, self.connection.holds)
        self.clock.advance(1)
        self.assertEqual([b"a", b"b", b"c"], self.router.served)
        self.clock.advance(1)
        self.assertEqual([b"a", b"b", b"c", b"d"], self.router.served)
        self.assertEqual(2, self.context.stats.limited["requestRate"])
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_who_has_cost_much_waits_for_a_turn(self) -> None:
        self.router.seconds = 0.02
        self.reader.feed(b"one\n")
        self.reader.feed(b"two\n")
        self.assertEqual([b"one"], self.router.served)
        self.assertEqual(ReadHold.QUEUED, self.connection.holds)
        self.soon.one_pass()
        self.assertEqual([b"one", b"two"], self.router.served)
        self.assertFalse(self.connection.holds)

    def test_where_memory_is_short_the_heaviest_wait(self) -> None:
        self.memory.pressed = True
        self.reader.feed(b"one\n")
        self.assertEqual([], self.router.served)
        self.reader.resume()
        self.assertEqual([], self.router.served)
        self.memory.pressed = False
        self.reader.resume()
        self.assertEqual([b"one"], self.router.served)

    def test_the_end_comes_when_the_last_line_is_served(self) -> None:
        self.router.holds_at = b"one"
        self.reader.feed(b"one\ntwo\nhal")
        self.reader.end()
        self.connection.release(ReadHold.PENDING)
        self.reader.resume()
        self.assertEqual(([b"one", b"two"], 1), (self.router.served, self.done))

    def test_closed_nothing_is_served_any_more(self) -> None:
        self.start(request_rate=1.0, request_burst=1)
        self.reader.feed(b"a\nb\n")
        self.connection.hold(ReadHold.CLOSING)
        self.reader.close()
        self.clock.advance(5)
        self.assertEqual([b"a"], self.router.served)
        self.assertEqual([], self.clock.getDelayedCalls())

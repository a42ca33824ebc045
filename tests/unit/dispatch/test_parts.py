"""Answers in parts: their order, back-pressure, time limits and ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from actionhero_tcp import ActionError, after_action, before_action
from actionhero_tcp.dispatch import parts
from tests.support.routing import SERVER_ERROR, RouterTestCase


def stream(**fields: object) -> dict[str, object]:
    """A part of the first answer."""
    return {"context": "stream", **fields, "messageCount": 1}


OK = {"context": "response", "status": "OK", "messageCount": 1}


class Row(Struct):
    """A part."""

    n: int


class PartsTests(RouterTestCase):
    """Actions that are async generators."""

    def lines(self, request: bytes) -> list[dict[str, Any]]:
        """What comes back at once."""
        self.client.send(request + b"\n")
        self.reactor.advance(0)
        return self.client.lines()

    def start_numbers(self, to: int = 2) -> list[str]:
        """Starts a server whose action waits a second after each part; gives what happened."""
        seen: list[str] = []

        async def numbers(api: Any, connection: Any) -> AsyncIterator[dict[str, int]]:
            try:
                for number in range(to):
                    yield {"n": number}
                    await deferLater(api.reactor, 1)
            except BaseException as error:
                seen.append(type(error).__name__)
                raise
            finally:
                seen.append("closed")

        self.start(numbers)
        return seen

    def test_parts_and_the_response(self) -> None:
        seen = self.start_numbers()
        self.assertEqual([stream(n=0)], self.lines(b"numbers"))
        self.reactor.advance(1)
        self.reactor.advance(0)
        self.assertEqual([stream(n=1)], self.client.lines())
        self.reactor.advance(1)
        self.reactor.advance(0)
        self.assertEqual([OK], self.client.lines())
        self.assertEqual(["closed"], seen)

    def test_to_the_byte(self) -> None:
        async def one(api: Any, connection: Any, *, text: str) -> AsyncIterator[Any]:
            yield {"messageCount": 7, "text": text, "context": "x"}

        self.start(one)
        self.client.send(b'{"action":"one","params":{"text":"\xe2\x98\x83/"}}\n')
        self.reactor.advance(0)
        self.assertEqual(
            '{"context":"stream","text":"☃/","messageCount":1}\r\n'
            '{"context":"response","status":"OK","messageCount":1}\r\n',
            self.client.raw().decode(),
        )

    def test_whatever_is_written_as_an_object(self) -> None:
        async def rows(api: Any, connection: Any) -> AsyncIterator[Row | None]:
            yield Row(1)
            yield None

        self.start(rows)
        self.assertEqual([stream(n=1), stream(), OK], self.lines(b"rows"))

    def test_what_is_no_object_is_an_error_and_closes_it(self) -> None:
        for wrong in (1, [1], "x", {"x": float("nan")}, {"x": object()}):
            closed = []

            async def rows(api: Any, connection: Any) -> AsyncIterator[Any]:
                try:
                    yield wrong  # noqa: B023
                finally:
                    closed.append(1)  # noqa: B023

            self.start(rows)
            (answer,) = self.lines(b"rows")
            self.assertEqual(SERVER_ERROR, answer["error"])
            self.assertEqual([1], closed)
            self.assertIn("did not return a JSON object", self.log)

    def test_errors_after_a_part(self) -> None:
        async def rows(api: Any, connection: Any, *, how: str) -> AsyncIterator[Any]:
            yield {"n": 1}
            await deferLater(api.reactor, 1)
            if how == "known":
                raise ActionError("no more", code=410)
            raise KeyError("secret")

        self.start(rows)
        for number, (how, error) in enumerate((("known", "no more"), ("other", SERVER_ERROR)), 1):
            (part,) = self.lines(json.dumps({"action": "rows", "params": {"how": how}}).encode())
            self.assertEqual("stream", part["context"])
            self.reactor.advance(1)
            self.reactor.advance(0)
            (answer,) = self.client.lines()
            self.assertEqual((error, number), (answer["error"], answer["messageCount"]))

    def test_hooks_run_around_it(self) -> None:
        seen: list[Any] = []

        @before_action
        def before(api: Any, connection: Any, call: Any) -> None:
            seen.append("before")

        @after_action
        def after(api: Any, connection: Any, call: Any) -> None:
            seen.append(call.response)
            call.response = {"parts": 1}

        async def rows(api: Any, connection: Any) -> AsyncIterator[Any]:
            seen.append("part")
            yield {"n": 1}

        self.start(rows, before, after)
        end = {"context": "response", "parts": 1, "messageCount": 1}
        self.assertEqual([stream(n=1), end], self.lines(b"rows"))
        self.assertEqual(["before", "part", {"status": "OK"}], seen)

    def test_a_client_that_goes_closes_it(self) -> None:
        seen = self.start_numbers()
        self.lines(b"numbers")
        self.client.transport.loseConnection()
        self.reactor.advance(0)
        self.assertEqual(["CancelledError", "closed"], seen)

    def test_the_time_limit_counts_from_the_latest_part(self) -> None:
        async def slow(api: Any, connection: Any) -> AsyncIterator[Any]:
            for seconds in (20, 20, 31):
                yield {"next": seconds}
                await deferLater(api.reactor, seconds)

        self.start(slow)
        self.lines(b"slow")
        for _ in range(5):
            self.reactor.advance(10)
        self.reactor.advance(0)
        self.assertEqual([stream(next=20), stream(next=31)], self.client.lines())
        for _ in range(2):
            self.reactor.advance(10)
        (answer,) = self.client.lines()
        self.assertEqual("slow did not finish within 30 seconds", answer["error"])

    def start_rows(self, made: list[int], most: int) -> list[str]:
        """Starts a server with an action that yields so many parts, and never waits."""
        seen: list[str] = []

        async def rows(api: Any, connection: Any) -> AsyncIterator[Any]:
            try:
                for number in range(most):
                    made.append(number)
                    yield {"n": number}
            finally:
                seen.append("closed")

        self.start(rows, values={("limits", "write_timeout"): 1000.0})
        return seen

    def test_a_client_that_takes_nothing_holds_it_however_long(self) -> None:
        made: list[int] = []
        seen = self.start_rows(made, 3)
        producer: Any = self.client.transport.producer
        producer.pauseProducing()
        self.client.send(b"rows\n")
        self.reactor.advance(31)
        self.reactor.advance(31)
        self.assertEqual(([0], []), (made, seen))
        producer.resumeProducing()
        self.reactor.advance(0)
        self.assertEqual([stream(n=0), stream(n=1), stream(n=2), OK], self.client.lines())
        self.assertEqual(["closed"], seen)

    def test_a_client_that_goes_while_it_is_held_closes_it(self) -> None:
        seen = self.start_rows([], 3)
        producer: Any = self.client.transport.producer
        producer.pauseProducing()
        self.client.send(b"rows\n")
        self.client.transport.loseConnection()
        self.reactor.advance(0)
        self.assertEqual(["closed"], seen)

    def test_one_that_never_waits_lets_others_in(self) -> None:
        made: list[int] = []
        times = iter(range(1_000_000))
        self.patch(parts, "monotonic", lambda: next(times) / 1000)
        seen = self.start_rows(made, 10_000)
        self.client.protocol.dataReceived(b"rows\n")
        first = len(made)
        self.assertLess(first, 20)
        self.reactor.advance(0)
        self.assertLess(first, len(made))
        self.client.transport.loseConnection()
        self.reactor.advance(0)
        self.assertEqual(["closed"], seen)

    def test_one_that_goes_on_when_it_is_cancelled_is_closed(self) -> None:
        seen: list[str] = []

        async def stubborn(api: Any, connection: Any) -> AsyncIterator[Any]:
            try:
                while True:
                    try:
                        await deferLater(api.reactor, 1)
                    except CancelledError:
                        seen.append("cancelled")
                    yield {}
            finally:
                seen.append("closed")

        self.start(stubborn)
        self.lines(b"stubborn")
        self.client.transport.loseConnection()
        self.assertEqual(["cancelled", "closed"], seen)

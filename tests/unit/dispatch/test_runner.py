"""An action's run: from its start to exactly one response."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from actionhero_tcp import NO_RESPONSE, ActionError, CacheError, Connection
from tests.support.routing import SERVER_ERROR, RouterTestCase, Waiting, echo


class FailureTests(RouterTestCase):
    """Actions that raise what is no business of their clients."""

    def assertFails(self, function: Callable[..., Any], logged: str) -> None:
        """The client hears of a server error only, and the log of what it was and where."""
        self.start(function)
        self.assertError(function.__name__, SERVER_ERROR)
        self.assertIn(logged, self.log)
        self.assertIn(f"the action {function.__name__} ({__file__}:", self.log)
        self.assertEqual(2, self.client.ask("paramsView")["messageCount"])

    def test_an_exception(self) -> None:
        def broken(api: Any, connection: Any) -> None:
            raise KeyError("secret")

        self.assertFails(broken, "KeyError: 'secret'")
        self.assertIn("Traceback (most recent call last)", self.log)

    def test_a_cache_that_cannot_be_used_is_one_line_in_the_log(self) -> None:
        def broken(api: Any, connection: Any) -> None:
            raise CacheError("the cache cannot be used: Redis is away\n")

        self.assertFails(broken, "failed: the cache cannot be used: Redis is away\\n")
        self.assertNotIn("Traceback", self.log)

    def test_any_base_exception(self) -> None:
        for error in (
            KeyboardInterrupt(),
            SystemExit("bye"),
            GeneratorExit(),
            CancelledError(),
            StopIteration(),
            RecursionError(),
            MemoryError(),
        ):

            def broken(api: Any, connection: Any) -> None:
                raise error  # noqa: B023

            self.assertFails(broken, type(error).__name__)

    def test_an_exception_in_a_coroutine_before_it_waits(self) -> None:
        async def broken(api: Any, connection: Any) -> None:
            raise SystemExit(3)

        self.assertFails(broken, "SystemExit: 3")

    def test_an_exception_in_a_coroutine_after_it_has_waited(self) -> None:
        async def broken(api: Any, connection: Any) -> None:
            await succeed(None)
            raise KeyboardInterrupt

        self.assertFails(broken, "KeyboardInterrupt")

    def test_a_deferred_that_fails(self) -> None:
        def broken(api: Any, connection: Any) -> Deferred[None]:
            return fail(KeyError("secret"))

        self.assertFails(broken, "KeyError: 'secret'")

    def test_a_client_error_of_a_deferred_reaches_the_client(self) -> None:
        def broken(api: Any, connection: Any) -> Deferred[None]:
            return fail(ActionError("I am a teapot", {"code": 418}))

        self.start(broken)
        self.assertEqual(
            b'{"context":"response","error":"I am a teapot","code":418,"messageCount":1}\r\n',
            self.raw(b"broken"),
        )

    def test_an_action_error_of_any_make_is_one_answer(self) -> None:
        class Bare(ActionError):
            """One that does not call its base."""

            def __init__(self, *args: object) -> None: ...

        class Broken(Bare):
            """One that cannot be shown."""

            def __str__(self) -> str:
                raise ZeroDivisionError

        class Own(Bare):
            """One with attributes of its own."""

            text: Any = 7
            fields: Any = 5

        class Odd(str):
            """A text that ujson would ask for another one."""

            __slots__ = ()

            def __str__(self) -> str:
                return self

            def __json__(self) -> str:
                raise ZeroDivisionError

        raised: Any = None

        def now(api: Any, connection: Any) -> None:
            raise raised

        def later(api: Any, connection: Any) -> Deferred[Any]:
            waiting = Deferred[Any]()
            api.reactor.callLater(1, waiting.errback, raised)
            return waiting

        self.start(now, later)
        for raised, text in (
            (ActionError(KeyError("x")), "'x'"),  # type: ignore[arg-type]
            (ActionError(42), "42"),  # type: ignore[arg-type]
            (ActionError(None), "None"),  # type: ignore[arg-type]
            (ActionError(b"x"), "b'x'"),  # type: ignore[arg-type]
            (ActionError("\ud800"), "\ud800"),
            (ActionError(""), ""),
            (ActionError(Odd("x")), SERVER_ERROR),
            (Bare("what", 1), "('what', 1)"),
            (Bare(), ""),
            (Broken("x"), SERVER_ERROR),
            (Own("x"), SERVER_ERROR),
        ):
            self.client.send(b"now\nlater\nnow\n")
            self.reactor.advance(1)
            answers = self.client.lines()
            self.assertEqual([text] * 3, [answer["error"] for answer in answers], repr(raised))
            connection = self.client.protocol.connection
            assert connection is not None
            self.assertEqual(set(), connection.pending)

    def test_results_that_are_no_json_object(self) -> None:
        circle: dict[str, Any] = {}
        circle["circle"] = circle
        results: list[Any] = [
            1,
            "text",
            [],
            (),
            True,
            object(),
            {"x": object()},
            {"x": float("nan")},
            {"x": [float("inf")]},
            {"x": 1j},
            {"x": {float("nan")}},
            {(1, 2): 2},
            {"x": {None: 1}},
            circle,
        ]
        for result in results:

            def odd(api: Any, connection: Any) -> Any:
                return result  # noqa: B023

            def odd_later(api: Any, connection: Any) -> Any:
                return succeed(result)  # noqa: B023

            for function in (odd, odd_later):
                self.start(function)
                self.assertError(function.__name__, SERVER_ERROR)
                self.assertIn("did not return a JSON object", self.log)

    def test_control_characters_reach_the_log_as_escapes_only(self) -> None:
        def broken(api: Any, connection: Any, *, text: str) -> None:
            raise ValueError(text)

        self.start(broken)
        evil = "a\x1b[31m\rb\u2028c\x85d\x00"
        self.client.send(
            json.dumps({"action": "broken", "params": {"text": evil}}).encode() + b"\n"
        )
        self.assertEqual(SERVER_ERROR, self.client.lines()[0]["error"])
        self.assertIn("\\x1b[31m\\rb\\u2028c\\x85d\\x00", self.log)
        for character in "\x1b\r\u2028\x85\x00":
            self.assertNotIn(character, self.log)

    def test_what_a_result_holds_reaches_the_log_as_escapes_only(self) -> None:
        def broken(api: Any, connection: Any, **params: Any) -> dict[str, Any]:
            return {"\x1b[31m\nforged": object()}

        self.start(broken)
        self.assertError("broken", SERVER_ERROR)
        self.assertNotIn("\x1b", self.log)
        self.assertNotIn("\nforged", self.log)

    def test_values_that_no_log_may_show_are_hidden_in_tracebacks(self) -> None:
        def now(api: Any, connection: Any, *, password: str) -> None:
            raise KeyError(password)

        async def later(api: Any, connection: Connection, *, password: str) -> None:
            await succeed(None)
            raise ValueError(f"not {connection.params['password']}")

        self.start(now, later)
        self.client.ask("paramAdd password=it's \x1bhunter2")
        for name, shown in (("now", 'KeyError: "[FILTERED]'), ("later", "Error: not [FILTERED]")):
            self.assertError(name, SERVER_ERROR)
            self.assertIn(shown, self.log)
        self.assertNotIn("hunter2", self.log)

    def test_braces_in_an_error_do_not_disturb_the_log(self) -> None:
        def broken(api: Any, connection: Any) -> None:
            raise ValueError("{name} {0} {")

        self.assertFails(broken, "{name} {0} {")


class ResultTests(RouterTestCase):
    """What actions return, on the wire."""

    def assertAnswers(self, result: object, body: bytes) -> None:
        def now(api: Any, connection: Any) -> Any:
            return result

        def later(api: Any, connection: Any) -> Any:
            return succeed(result)

        for function in (now, later):
            self.start(function)
            self.assertEqual(
                b'{"context":"response",' + body + b'"messageCount":1}\r\n',
                self.raw(function.__name__.encode()),
            )

    def test_a_dict(self) -> None:
        self.assertAnswers({"b": 1, "a": [None, "☃/\n"]}, '"b":1,"a":[null,"☃/\\n"],'.encode())

    def test_nothing(self) -> None:
        self.assertAnswers(None, b'"status":"OK",')

    def test_an_empty_dict(self) -> None:
        self.assertAnswers({}, b"")

    def test_the_number_cannot_be_overwritten(self) -> None:
        self.assertAnswers({"messageCount": 77, "a": 1}, b'"a":1,')

    def test_no_response_is_none(self) -> None:
        def now(api: Any, connection: Any) -> Any:
            return NO_RESPONSE

        def later(api: Any, connection: Any) -> Any:
            return succeed(NO_RESPONSE)

        self.start(now, later)
        self.assertEqual(b"", self.raw(b"now") + self.raw(b"later"))
        self.assertEqual(3, self.client.ask("paramsView")["messageCount"])

    def test_an_action_can_speak_beside_its_response(self) -> None:
        def speak(api: Any, connection: Connection) -> None:
            connection.send({"hello": 1})

        self.start(speak)
        self.client.send(b"speak\n")
        self.assertEqual(
            [
                {"hello": 1, "context": "api"},
                {"context": "response", "status": "OK", "messageCount": 1},
            ],
            self.client.lines(),
        )


class PendingTests(RouterTestCase):
    """Requests that run side by side."""

    def setUp(self) -> None:
        self.waiting = Waiting()
        self.start(self.waiting.action(), echo, values={("limits", "action_timeout"): 30.0})

    def test_answers_out_of_order_carry_their_own_numbers(self) -> None:
        self.client.send(b"wait\nwait\nsay hello\nwait\n")
        self.assertEqual([3], [line["messageCount"] for line in self.client.lines()])
        for index in (1, 2, 0):
            self.waiting.end(index, {"index": index})
        self.reactor.advance(0)
        answers = [(line["index"], line["messageCount"]) for line in self.client.lines()]
        self.assertEqual([(1, 2), (2, 4), (0, 1)], answers)

    def test_a_failure_that_comes_later_carries_its_number(self) -> None:
        self.client.send(b"wait\nsay hello\n")
        self.client.raw()
        self.waiting.calls[0][1].errback(Failure(KeyError("secret")))
        self.assertEqual(
            [{"context": "response", "error": SERVER_ERROR, "messageCount": 1}],
            self.client.lines(),
        )
        self.assertIn("KeyError: 'secret'", self.log)

    def test_the_time_limit_ends_it_with_an_error_and_once(self) -> None:
        self.client.send(b"wait\n")
        self.reactor.advance(29.9)
        self.assertEqual([], self.client.lines())
        self.reactor.advance(0.2)
        self.assertEqual(
            [
                {
                    "context": "response",
                    "error": "wait did not finish within 30 seconds",
                    "messageCount": 1,
                }
            ],
            self.client.lines(),
        )
        self.assertEqual(1, self.waiting.cancelled)
        self.reactor.advance(100)
        self.assertEqual([], self.client.lines())
        self.assertEqual("", self.log)

    def test_a_broken_time_limit_is_shown_as_it_is(self) -> None:
        self.start(self.waiting.action(), values={("limits", "action_timeout"): 0.25})
        self.client.send(b"wait\n")
        self.reactor.advance(0.26)
        (answer,) = self.client.lines()
        self.assertEqual("wait did not finish within 0.25 seconds", answer["error"])

    def assertTimeIsNeverUp(self) -> None:
        """No time limit is left that comes to something."""
        before = self.service.factory.context.stats.limited["actionTimeout"]
        self.client.raw()
        self.reactor.advance(100)
        self.assertEqual(b"", self.client.raw())
        after = self.service.factory.context.stats.limited["actionTimeout"]
        self.assertEqual(before, after)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_an_answer_calls_the_time_limit_off(self) -> None:
        self.client.send(b"wait\n")
        self.waiting.end(0, None)
        self.assertTimeIsNeverUp()

    def test_giving_up_answers_once_and_cancels(self) -> None:
        self.client.send(b"wait\nwait\n")
        connection = self.client.protocol.connection
        assert connection is not None
        self.waiting.end(1, None)
        self.client.raw()
        (request,) = connection.pending
        for _ in range(2):
            self.service.factory.context.runner.give_up(request, "enough")
        self.assertEqual(
            [{"context": "response", "error": "enough", "messageCount": 1}], self.client.lines()
        )
        self.assertEqual(1, self.waiting.cancelled)
        self.assertEqual(set(), connection.pending)

    def test_what_an_action_answers_to_its_cancellation_is_dropped(self) -> None:
        def stubborn(api: Any, connection: Any) -> Deferred[Any]:
            return Deferred(lambda waiting: waiting.callback({"late": True}))

        self.start(stubborn)
        self.client.send(b"stubborn\n")
        self.reactor.advance(30.1)
        (answer,) = self.client.lines()
        self.assertIn("did not finish", answer["error"])

    def test_an_action_that_cannot_be_cancelled_is_not_heard_later(self) -> None:
        hidden: list[Deferred[Any]] = []

        async def stubborn(api: Any, connection: Any) -> dict[str, Any]:
            while True:
                hidden.append(Deferred())
                try:
                    return await hidden[-1]  # type: ignore[no-any-return]
                except CancelledError:
                    pass

        self.start(stubborn)
        self.client.send(b"stubborn\n")
        self.reactor.advance(30.1)
        self.client.raw()
        hidden[-1].callback({"late": True})
        self.reactor.advance(0)
        self.assertEqual([], self.client.lines())

    def test_a_lost_client_cancels_without_a_word(self) -> None:
        self.client.send(b"wait\n")
        self.client.protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(1, self.waiting.cancelled)
        self.assertEqual(("", b""), (self.log, self.client.raw()))
        self.assertTimeIsNeverUp()

    def test_an_action_that_fails_at_being_cancelled_harms_no_other(self) -> None:
        def fail_to_cancel(_: object) -> None:
            raise ZeroDivisionError

        def awkward(api: Any, connection: Any) -> Deferred[Any]:
            return Deferred(fail_to_cancel)

        for lose in (True, False):
            waiting = Waiting()
            self.start(awkward, waiting.action())
            self.client.send(b"awkward\nwait\nawkward\n")
            if lose:
                self.client.protocol.connectionLost(Failure(ConnectionLost()))
                self.assertEqual(0, len(self.service.factory.clients))
            else:
                self.reactor.advance(30.1)
                numbers = [line["messageCount"] for line in self.client.lines()]
                self.assertEqual([1, 2, 3], sorted(numbers))
            self.assertEqual(1, waiting.cancelled)
            self.assertTimeIsNeverUp()
            self.assertEqual(2, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_an_error_with_fields_that_are_no_json_comes_later(self) -> None:
        self.client.send(b"wait\n")
        self.waiting.calls[0][1].errback(Failure(ActionError("no", {"f": object()})))
        self.assertEqual(
            [{"context": "response", "error": "no", "messageCount": 1}], self.client.lines()
        )

    def test_no_response_that_comes_later_is_none(self) -> None:
        self.client.send(b"wait\n")
        self.waiting.end(0, NO_RESPONSE)
        self.assertEqual([], self.client.lines())

    def test_a_response_that_cannot_be_sent_is_logged(self) -> None:
        self.client.send(b"wait\n")
        connection = self.client.protocol.connection
        assert connection is not None

        class Broken:
            """An owner that fails."""

            def action_done(self) -> None:
                raise ZeroDivisionError

        connection.owner = Broken()  # type: ignore[assignment]
        self.waiting.end(0, None)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

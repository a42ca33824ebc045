"""`@action`, and the running of what it marks."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from actionhero_tcp.app.actions import MARK, Action
from actionhero_tcp.app.decorator import action
from actionhero_tcp.app.outputs import NO_RESPONSE
from actionhero_tcp.app.thread_pool import FairThreadPool
from actionhero_tcp.connection.connection import Connection
from actionhero_tcp.connection.files import FileReader
from actionhero_tcp.errors import ActionError, ClientError, StartError, UnserializableError
from tests import support

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="default")


def made(function: Callable[..., Any], **options: Any) -> Action:
    """The action that a function becomes."""
    marked = action(**options)(function) if options else action(function)
    return getattr(marked, MARK)  # type: ignore[no-any-return]


def start(function: Callable[..., Any], **params: Any) -> Any:
    """Starts a function as an action."""
    connection = Connection(support.make_connection(), params)
    return made(function).start(SimpleNamespace(), connection)


class DecoratorTests(SynchronousTestCase):
    """What `@action` makes of a function."""

    def assertRefused(self, function: Any, text: str, **options: Any) -> None:
        error = str(self.assertRaises(StartError, lambda: made(function, **options)))
        self.assertIn(text, error)
        line = function.__code__.co_firstlineno
        self.assertTrue(error.startswith(f"{__file__}:{line}: the action "), error)
        self.assertEqual(1, len(error.splitlines()))

    def test_the_function_stays_as_it_is(self) -> None:
        def plain(api: Any, connection: Any, *, a: int = 3) -> dict[str, int]:
            return {"a": a}

        self.assertIs(plain, action(plain))
        self.assertIn("is an action already", str(self.assertRaises(StartError, action, plain)))
        self.assertEqual({"a": 3}, plain(None, None))

    def test_what_cannot_be_shown(self) -> None:
        def plain(api: Any, connection: Any) -> None: ...

        self.assertRefused(plain, "a description is a str", description=5)
        self.assertRefused(plain, "an output_example is a dict", output_example=[1])
        for value in (float("nan"), 1j, object()):
            self.assertRefused(
                plain,
                "the output_example: a holds" if value == value else "the output_example: it is",
                output_example={"a": value},
            )

    def test_its_name_and_description_come_from_the_function(self) -> None:
        def plain(api: Any, connection: Any) -> None:
            """What it does.

            More of it.
            """

        found = made(plain)
        self.assertEqual(("plain", "What it does."), (found.name, found.description))
        self.assertEqual(({}, False), (found.output_example, found.blocking))
        self.assertEqual(f"{__file__}:{plain.__code__.co_firstlineno}", found.place)
        self.assertEqual("", made(lambda api, connection: None, name="x").description)

    def test_options_win_over_the_function(self) -> None:
        def plain(api: Any, connection: Any) -> None:
            """What it does."""

        found = made(
            plain, name="grüß/dich", description="", output_example={"a": 1}, blocking=True
        )
        self.assertEqual(("grüß/dich", "", True), (found.name, found.description, found.blocking))
        self.assertEqual({"a": 1}, found.output_example)

    def test_its_inputs_come_from_the_signature(self) -> None:
        def plain(api: Any, connection: Any, *, a: int, b: str = "x", **rest: Any) -> None:
            """Takes much."""

        inputs = made(plain).inputs
        self.assertEqual(["a"], inputs.names(required=True))
        self.assertEqual(["b"], inputs.names(required=False))
        self.assertTrue(inputs.takes_rest)

    def test_names_that_nobody_could_call_are_refused(self) -> None:
        def plain(api: Any, connection: Any) -> None:
            """Nothing."""

        for name in ("", "two words", "a\tb", "{x", "a\nb", "\x1b", "a\u2028"):
            self.assertRefused(plain, "a name is one word", name=name)

    def test_generators_are_refused(self) -> None:
        def generator(api: Any, connection: Any) -> Iterator[int]:
            yield 1

        self.assertRefused(generator, "a generator is an action only as async def")

    def test_async_generators_yield_objects_and_run_in_no_thread(self) -> None:
        async def numbers(api: Any, connection: Any) -> AsyncIterator[int]:
            yield 1

        self.assertRefused(numbers, "it returns int, which is no JSON object")

        async def parts(api: Any, connection: Any) -> AsyncIterator[dict[str, int]]:
            yield {}

        self.assertRefused(parts, "not for an async generator", blocking=True)
        self.assertTrue(getattr(action(parts), MARK).streams)

    def test_blocking_coroutines_are_refused(self) -> None:
        async def plain(api: Any, connection: Any) -> None:
            """Waits for nothing."""

        self.assertRefused(plain, "blocking=True is for a plain def", blocking=True)

    def test_signatures_of_another_form_are_refused(self) -> None:
        def short(api: Any) -> None:
            """Takes no connection."""

        def long(api: Any, connection: Any, more: Any) -> None:
            """Takes more."""

        def untyped(api: Any, connection: Any, *, a) -> None:  # type: ignore[no-untyped-def]
            """Does not say what it takes."""

        def odd(api: Any, connection: Any, *, a: complex) -> None:
            """Takes what JSON has not."""

        self.assertRefused(short, "takes (api, connection, *,")
        self.assertRefused(long, "takes (api, connection, *,")
        self.assertRefused(untyped, "the input a has no annotation")
        self.assertRefused(odd, "the input a is annotated with complex")

    def test_an_option_that_is_misspelt_gets_a_suggestion(self) -> None:
        for option, told in (
            ("blockng", "@action has no option blockng; did you mean blocking?"),
            ("xyz", "@action has no option xyz"),
        ):
            options: Any = {option: True}
            with self.assertRaises(TypeError) as raised:
                action(**options)
            self.assertEqual(told, str(raised.exception))

    def test_what_is_no_function_is_refused(self) -> None:
        for thing in (1, int, print):
            error = self.assertRaises(StartError, action, thing)
            self.assertIn("is no function", str(error))

    def test_no_response_says_what_it_is(self) -> None:
        self.assertEqual("NO_RESPONSE", repr(NO_RESPONSE))


class SynchronousTests(SynchronousTestCase):
    """Plain functions."""

    def test_what_it_returns_is_the_outcome(self) -> None:
        for outcome in ({"a": 1}, None, 3, NO_RESPONSE):

            def plain(api: Any, connection: Any) -> Any:
                return outcome  # noqa: B023

            self.assertIs(outcome, start(plain))

    def test_it_gets_api_connection_and_converted_inputs(self) -> None:
        api, connection = object(), Connection(support.make_connection(), {"a": "3", "c": 1})

        def takes(api: Any, connection: Any, *, a: int, b: str = "x") -> dict[str, Any]:
            return {"got": (api, connection, a, b)}

        def takes_rest(api: Any, connection: Any, *, a: int, **rest: Any) -> dict[str, Any]:
            return {"got": (api, connection, a, rest)}

        self.assertEqual((api, connection, 3, "x"), made(takes).start(api, connection)["got"])
        self.assertEqual(
            (api, connection, 3, {"c": 1}), made(takes_rest).start(api, connection)["got"]
        )

    def test_a_missing_input_is_an_error_for_the_client_and_nothing_runs(self) -> None:
        def needs(api: Any, connection: Any, *, a: int) -> None:
            raise AssertionError

        error = self.assertRaises(ClientError, start, needs)
        self.assertEqual("a is a required parameter for this action", error.text)

    def test_what_it_raises_passes_through(self) -> None:
        def broken(api: Any, connection: Any) -> None:
            raise KeyboardInterrupt

        self.assertRaises(KeyboardInterrupt, start, broken)

    def test_a_deferred_is_the_outcome(self) -> None:
        waiting: Deferred[Any] = Deferred()
        self.assertIs(waiting, start(lambda api, connection: waiting))


class BlockingTests(TestCase):
    """`@action(blocking=True)`, in real threads."""

    timeout = 60

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        live = support.make_live({("limits", "threads"): 2})
        threads = FairThreadPool(reactor.getThreadPool(), self.reactor, live)  # type: ignore[attr-defined]
        self.api = SimpleNamespace(reactor=reactor, threads=threads)
        self.connection = support.make_connection()

    def start(self, function: Callable[..., Any], **params: Any) -> Any:
        found = made(function, blocking=True)
        return found.start(self.api, Connection(self.connection, params))

    async def test_it_runs_in_another_thread(self) -> None:
        def plain(api: Any, connection: Any) -> dict[str, Any]:
            return {"thread": threading.get_ident()}

        outcome = await self.start(plain)
        self.assertNotEqual(threading.get_ident(), outcome["thread"])

    async def test_it_gets_its_converted_inputs(self) -> None:
        def plain(api: Any, connection: Any, *, a: int, **rest: Any) -> dict[str, Any]:
            return {"a": a, "rest": rest, "params": connection.params}

        outcome = await self.start(plain, a="3", b=1)
        self.assertEqual({"a": 3, "rest": {"b": 1}, "params": {"a": "3", "b": 1}}, outcome)

    def test_a_missing_input_starts_no_thread(self) -> None:
        def plain(api: Any, connection: Any, *, a: int) -> None:
            raise AssertionError

        self.assertRaises(ClientError, self.start, plain)

    async def test_what_it_raises_fails_the_deferred(self) -> None:
        for error in (ActionError("no"), KeyError("a"), SystemExit(1)):

            def broken(api: Any, connection: Any) -> None:
                raise error  # noqa: B023

            try:
                await self.start(broken)
            except BaseException as raised:
                self.assertIs(error, raised)
            else:
                self.fail("did not raise")

    async def test_what_it_sends_is_as_it_was_then(self) -> None:
        sent: list[bytes] = []
        self.connection.outbox.send_event = sent.append  # type: ignore[method-assign]

        def plain(api: Any, connection: Connection) -> None:
            message = {"progress": [0]}
            for percent in (50, 100):
                connection.send(message)
                message["progress"].append(percent)

        await self.start(plain)
        self.assertEqual(
            [
                b'{"progress":[0],"context":"api"}\r\n',
                b'{"progress":[0,50],"context":"api"}\r\n',
            ],
            sent,
        )

    async def test_it_is_told_at_once_of_what_is_no_json(self) -> None:
        def plain(api: Any, connection: Connection) -> dict[str, Any]:
            try:
                connection.send({"a": object()})
            except UnserializableError as error:
                return {"told": str(error)}
            raise AssertionError

        self.assertIn("told", await self.start(plain))

    async def test_what_it_sends_is_sent_in_the_reactors_thread(self) -> None:
        threads: list[int] = []
        sent: list[bytes] = []

        def send(data: bytes) -> None:
            threads.append(threading.get_ident())
            sent.append(data)

        self.connection.outbox.send_event = send  # type: ignore[method-assign]
        closed = self.connection.owner.closed  # type: ignore[attr-defined]

        def plain(api: Any, connection: Connection) -> None:
            connection.send({"a": 1})
            connection.close()

        await self.start(plain)
        self.assertEqual([b'{"a":1,"context":"api"}\r\n'], sent)
        self.assertEqual([threading.get_ident()], threads)
        self.assertEqual(["closed by the application"], closed)

    async def test_a_file_it_sends_is_sent_in_the_reactors_thread(self) -> None:
        sent: list[tuple[Any, int]] = []
        self.connection.outbox.send_file = (  # type: ignore[method-assign]
            lambda reader: sent.append((reader, threading.get_ident()))
        )
        reader = FileReader(os.open(os.devnull, os.O_RDONLY), 0)

        def plain(api: Any, connection: Connection) -> dict[str, int]:
            connection.send_file(reader)
            return {"thread": threading.get_ident()}

        outcome = await self.start(plain)
        self.assertNotEqual(threading.get_ident(), outcome["thread"])
        self.assertEqual([(reader, threading.get_ident())], sent)

    async def test_what_is_no_file_fails_in_the_thread(self) -> None:
        def plain(api: Any, connection: Any) -> None:
            connection.send_file("menu.txt")

        outcome = self.start(plain)
        with self.assertRaisesRegex(TypeError, "not from a str"):
            await outcome

    async def test_what_it_sends_comes_before_its_outcome(self) -> None:
        def plain(api: Any, connection: Connection) -> None:
            connection.send({"a": 1})

        await self.start(plain)
        self.assertEqual(1, len(self.connection.outbox.said))  # type: ignore[attr-defined]

    async def test_cancelled_before_it_runs_it_does_not_run(self) -> None:
        release, ran = threading.Event(), []
        running = self.start(lambda api, connection: release.wait(60) and None)

        def plain(api: Any, connection: Any) -> None:
            ran.append(1)

        waiting = self.start(plain)
        waiting.cancel()
        release.set()
        with self.assertRaises(CancelledError):
            await waiting
        await running
        await self.start(lambda api, connection: None)
        self.assertEqual([], ran)

    async def test_cancelled_while_it_runs_its_outcome_is_dropped(self) -> None:
        release = threading.Event()
        started: Deferred[None] = Deferred()
        finished: Deferred[None] = Deferred()

        def plain(api: Any, connection: Any) -> dict[str, int]:
            self.reactor.callFromThread(started.callback, None)
            release.wait(60)
            self.reactor.callFromThread(finished.callback, None)
            return {"late": 1}

        waiting = self.start(plain)
        await started
        waiting.cancel()
        with self.assertRaises(CancelledError):
            await waiting
        release.set()
        await finished
        await self.start(lambda api, connection: None)

"""Tests of `actionhero_tcp.app.hooked_action`: middleware around actions."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from actionhero_tcp import (
    NO_RESPONSE,
    ActionCall,
    ActionError,
    after_action,
    before_action,
    limit,
    middleware,
)
from tests.support.routing import SERVER_ERROR, RouterTestCase, Waiting, echo


class MiddlewareTests(RouterTestCase):
    """`middleware`."""

    def setUp(self) -> None:
        self.seen: list[Any] = []

    def around(self, name: str, *actions: str, order: int = 0) -> Any:
        """A middleware that notes when it begins and when it ends."""

        @middleware(*actions, order=order)
        async def around(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            self.seen.append(f"{name} begins")
            response = await call_next()
            self.seen.append(f"{name} ends")
            return response

        return around

    def test_it_runs_around_actions_in_order_with_hooks(self) -> None:
        @before_action(order=2)
        def before(api: Any, connection: Any, call: ActionCall) -> None:
            self.seen.append("before")

        @after_action(order=99)
        def after(api: Any, connection: Any, call: ActionCall) -> None:
            self.seen.append("after")

        hooks = (self.around("third", order=3), before, self.around("first"), after)
        client = self.start(echo, *hooks)
        self.assertEqual(
            {"a": 1}, {"a": client.ask('{"action":"echo","params":{"a":1}}')["params"]["a"]}
        )
        self.assertEqual(
            ["first begins", "before", "third begins", "third ends", "first ends", "after"],
            self.seen,
        )

    def test_it_is_for_all_actions_or_for_some(self) -> None:
        client = self.start(echo, self.around("all"), self.around("some", "echo"))
        client.ask("randomNumber")
        self.assertEqual(["all begins", "all ends"], self.seen)
        client.ask("echo")
        self.assertIn("some begins", self.seen)

    def test_it_sees_the_call(self) -> None:
        waiting = Waiting()

        @middleware
        async def note(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            call.state.user = "ada"
            response = await call_next()
            self.seen.append((call.name, call.number, call.params["a"], call.seconds >= 0))
            return response

        @after_action
        def after(api: Any, connection: Any, call: ActionCall) -> None:
            self.seen.append((call.state.user, call.response))

        client = self.start(waiting.action(), note, after)
        client.send(b'paramsView\n{"action":"wait","params":{"a":1}}\nparamsView\n')
        waiting.end(0, {"done": 1})
        self.assertEqual([("wait", 2, 1, True), ("ada", {"done": 1})], self.seen)

    def test_it_changes_the_response(self) -> None:
        @middleware
        async def sign(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            response = await call_next()
            return {**response, "signed": True}

        client = self.start(echo, sign)
        self.assertIs(True, client.ask("echo")["signed"])

    def test_one_that_returns_nothing_leaves_the_response(self) -> None:
        @middleware
        async def note(api: Any, connection: Any, call: ActionCall, call_next: Any) -> None:
            (await call_next())["noted"] = True

        @middleware
        async def other(api: Any, connection: Any, call: ActionCall, call_next: Any) -> None:
            await call_next()

        client = self.start(echo, note, other)
        answer = client.ask("echo")
        self.assertEqual((True, True), (answer["noted"], "params" in answer))

    def test_one_answers_in_place_of_the_action(self) -> None:
        @middleware
        async def cached(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            return {"cached": True}

        @middleware
        async def nothing(api: Any, connection: Any, call: ActionCall, call_next: Any) -> None: ...

        client = self.start(echo, cached)
        answer = client.ask("echo")
        self.assertEqual((True, False), (answer["cached"], "params" in answer))
        self.assertEqual("OK", self.start(echo, nothing).ask("echo")["status"])

    def test_it_refuses_and_mends(self) -> None:
        def act(api: Any, connection: Any, *, how: str) -> None:
            raise ActionError("no") if how == "refuse" else ValueError(how)

        @middleware
        async def mend(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            try:
                return await call_next()
            except ValueError as error:
                if str(error) == "mend":
                    return {"mended": True}
                raise

        @middleware("randomNumber")
        async def refuse(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            raise ActionError("not today", code=403)

        client = self.start(act, mend, refuse)
        ask = '{"action":"act","params":{"how":"%s"}}'
        self.assertEqual("no", client.ask(ask % "refuse")["error"])
        self.assertIs(True, client.ask(ask % "mend")["mended"])
        self.assertEqual(SERVER_ERROR, client.ask(ask % "break")["error"])
        self.assertEqual(403, client.ask("randomNumber")["code"])
        self.flushLoggedErrors()

    def test_it_tries_again(self) -> None:
        runs: list[int] = []

        def act(api: Any, connection: Any) -> dict[str, int]:
            runs.append(1)
            if len(runs) < 3:
                raise ConnectionError
            return {"runs": len(runs)}

        @middleware
        async def retry(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            for _ in range(2):
                try:
                    return await call_next()
                except ConnectionError:
                    continue
            return await call_next()

        self.assertEqual(3, self.start(act, retry).ask("act")["runs"])

    def test_it_may_be_a_plain_function(self) -> None:
        @middleware
        def through(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            return call_next()

        self.assertIn("params", self.start(echo, through).ask("echo"))

    def test_an_action_that_answers_by_itself_goes_through(self) -> None:
        def quiet(api: Any, connection: Any) -> Any:
            connection.send({"own": 1})
            return NO_RESPONSE

        client = self.start(quiet, self.around("all"))
        client.send(b"quiet\n")
        (line,) = client.lines()
        self.assertEqual(1, line["own"])

    def test_one_that_is_cancelled_learns_of_it(self) -> None:
        waiting = Waiting()

        @middleware
        async def note(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            try:
                return await call_next()
            finally:
                self.seen.append("ended")

        client = self.start(waiting.action(), note)
        client.send(b"wait\n")
        client.transport.loseConnection()
        self.assertEqual((["ended"], 1), (self.seen, waiting.cancelled))

    def test_one_waits_before_the_action(self) -> None:
        gate: Deferred[None] = Deferred()

        @middleware
        async def wait(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            await gate
            return await call_next()

        client = self.start(echo, wait)
        client.send(b"echo\n")
        self.assertEqual(b"", client.raw())
        gate.callback(None)
        self.assertIn("params", client.lines()[0])

    def test_an_answer_in_parts(self) -> None:
        async def count(api: Any, connection: Any) -> Any:
            yield {"n": 1}
            yield {"n": 2}

        client = self.start(count, self.around("all"))
        client.send(b"count\n")
        self.reactor.advance(0)
        first, second, last = client.lines()
        self.assertEqual((1, 2, "OK"), (first["n"], second["n"], last["status"]))
        self.assertEqual(["all begins", "all ends"], self.seen)

    def test_a_limit_for_all_actions(self) -> None:
        @middleware
        @limit("2/m")
        async def through(api: Any, connection: Any, call: ActionCall, call_next: Any) -> Any:
            return await call_next()

        client = self.start(echo, through)
        client.ask("echo")
        client.ask("randomNumber")
        answer = client.ask("echo")
        self.assertEqual(("too many requests", 429), (answer["error"], answer["code"]))
        self.assertEqual(1, self.service.factory.context.stats.limited["actionLimit"])
        self.assertIn("details", client.ask("detailsView"))

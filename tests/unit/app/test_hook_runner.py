"""Tests of `actionhero_tcp.app.hook_runner`: hooks around actions and rooms."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import (
    NO_RESPONSE,
    ActionCall,
    ActionError,
    after_action,
    before_action,
    on_disconnect,
)
from actionhero_tcp.app import hook_runner
from actionhero_tcp.app.actions import MARK, Action
from actionhero_tcp.app.decorator import action
from actionhero_tcp.app.hook_runner import HookedAction, Hooks
from actionhero_tcp.app.hooks import Hook
from actionhero_tcp.logs.param_filter import ParamFilter
from tests import support
from tests.support.routing import SERVER_ERROR, RouterTestCase, echo


class Recorder:
    """Hooks that remember what they saw."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def before(self, word: str, **options: Any) -> Any:
        """A hook before all actions that notes a word."""

        @before_action(**options)
        def note(api: Any, connection: Any, call: ActionCall) -> None:
            self.seen.append(word)

        return note

    def after(self, word: str, **options: Any) -> Any:
        """A hook after all actions that notes a word."""

        @after_action(**options)
        def note(api: Any, connection: Any, call: ActionCall) -> None:
            self.seen.append(word)

        return note


def make_hooks(*hooks: Hook) -> Hooks:
    """These hooks."""
    made = Hooks(ParamFilter(()), support.make_live(), Clock())
    made.set_hooks(hooks)
    return made


class AroundTests(SynchronousTestCase):
    """Which actions have hooks around them."""

    def test_an_action_without_hooks_is_left_as_it_is(self) -> None:
        act: Action = getattr(action(name="act")(lambda api, connection: None), MARK)
        hooks = make_hooks(Hook("before_action", len, ("other",)), Hook("on_say", len))
        self.assertIs(act, hooks.around(act))

    def test_an_action_with_hooks_is_the_same_for_all_others(self) -> None:
        @action(description="does", output_example={"a": 1})
        def act(api: Any, connection: Any, *, x: int) -> None: ...

        plain: Action = getattr(act, MARK)
        around = make_hooks(Hook("before_action", len)).around(plain)
        self.assertIsInstance(around, HookedAction)
        for name in ("kind", "name", "place", "in_order", "sends_file", "streams"):
            self.assertEqual(getattr(plain, name), getattr(around, name), name)


class ActionHookTests(RouterTestCase):
    """Before and after actions."""

    def test_the_order(self) -> None:
        seen = Recorder()

        def act(api: Any, connection: Any) -> None:
            seen.seen.append("action")

        self.start(
            act,
            seen.before("1"),
            seen.before("2"),
            seen.before("0", order=-1),
            seen.after("1"),
            seen.after("2"),
            seen.after("0", order=-1),
        ).ask("act")
        self.assertEqual(["0", "1", "2", "action", "2", "1", "0"], seen.seen)

    def test_a_hook_for_one_action_runs_for_no_other(self) -> None:
        seen: list[str] = []

        @before_action("echo")
        def check(api: Any, connection: Any, call: ActionCall) -> None:
            seen.append(call.name)

        client = self.start(echo, check)
        client.ask("echo")
        client.ask("randomNumber")
        self.assertEqual(["echo"], seen)

    def test_a_hook_refuses(self) -> None:
        ran = []

        def act(api: Any, connection: Any) -> None:
            ran.append(1)

        @before_action
        def check(api: Any, connection: Any, call: ActionCall) -> None:
            raise ActionError("log in first", {"code": 401})

        later = Recorder()
        answer = self.start(act, check, later.before("not run"), later.after("run")).ask("act")
        self.assertEqual(
            {"context": "response", "error": "log in first", "code": 401, "messageCount": 1}, answer
        )
        self.assertEqual([], ran)
        self.assertEqual(["run"], later.seen)

    def test_a_hook_changes_the_params_for_this_request_only(self) -> None:
        @before_action
        def change(api: Any, connection: Any, call: ActionCall) -> None:
            call.params["x"] = "3"

        def act(api: Any, connection: Any, *, x: int) -> dict[str, int]:
            return {"x": x}

        client = self.start(act, change)
        self.assertEqual(3, client.ask("act")["x"])
        self.assertNotIn("x", self.params())

    def test_a_wrong_param_is_an_error_that_hooks_see(self) -> None:
        seen: list[Any] = []

        @after_action
        def note(api: Any, connection: Any, call: ActionCall) -> None:
            seen.append(str(call.error))

        def act(api: Any, connection: Any, *, x: int) -> None: ...

        client = self.start(act, note)
        self.assertIn("x is a required parameter", client.ask("act")["error"])
        self.assertEqual(["x is a required parameter for this action"], seen)

    def test_a_hook_changes_the_response_but_not_what_the_action_holds(self) -> None:
        constant = {"a": 1}

        def act(api: Any, connection: Any) -> dict[str, int]:
            return constant

        @after_action
        def change(api: Any, connection: Any, call: ActionCall) -> None:
            call.response["b"] = 2

        answer = self.start(act, change).ask("act")
        self.assertEqual((1, 2), (answer["a"], answer["b"]))
        self.assertEqual({"a": 1}, constant)

    def test_what_an_action_that_returns_nothing_answers_can_be_changed(self) -> None:
        def act(api: Any, connection: Any) -> None: ...

        @after_action
        def change(api: Any, connection: Any, call: ActionCall) -> None:
            call.response["b"] = 2

        self.assertEqual(2, self.start(act, change).ask("act")["b"])
        self.assertEqual("OK", self.start(act, Recorder().after("")).ask("act")["status"])

    def test_a_hook_mends_an_error(self) -> None:
        def act(api: Any, connection: Any) -> None:
            raise KeyError("x")

        @after_action
        def mend(api: Any, connection: Any, call: ActionCall) -> None:
            self.assertIsInstance(call.error, KeyError)
            call.error, call.response = None, {"mended": True}

        self.assertTrue(self.start(act, mend).ask("act")["mended"])
        self.assertNotIn("failed", self.log)

    def test_an_error_of_a_hook_behind_is_the_response(self) -> None:
        @after_action
        def refuse(api: Any, connection: Any, call: ActionCall) -> None:
            raise ActionError("not for you")

        seen: list[Any] = []

        @after_action(order=-1)
        def note(api: Any, connection: Any, call: ActionCall) -> None:
            seen.append((call.response, str(call.error)))

        self.start(echo, refuse, note)
        self.assertError("echo", "not for you")
        self.assertEqual([(None, "not for you")], seen)

    def test_a_hook_that_fails_is_logged_and_its_client_hears_no_details(self) -> None:
        @before_action
        def broken(api: Any, connection: Any, call: ActionCall) -> None:
            raise ValueError("secret\nline")

        self.start(echo, broken)
        self.assertError("echo", SERVER_ERROR)
        self.assertIn("the action echo", self.log)
        self.assertIn("in broken", self.log)
        self.assertIn("secret\\nline", self.log.replace("\nline", "\\nline"))

    def test_hooks_and_action_may_wait(self) -> None:
        waits = [Deferred[None]() for _ in range(3)]
        seen: list[str] = []

        @before_action
        async def before(api: Any, connection: Any, call: ActionCall) -> None:
            await waits[0]
            seen.append("before")

        def act(api: Any, connection: Any) -> Deferred[Any]:
            seen.append("action")
            return waits[1].addCallback(lambda _: {"a": 1})

        @after_action
        def after(api: Any, connection: Any, call: ActionCall) -> Deferred[None]:
            seen.append("after")
            return waits[2].addCallback(lambda _: call.response.update(b=2))

        client = self.start(act, before, after)
        client.send(b"act\n")
        self.assertEqual([], seen)
        for waiting in waits:
            self.assertEqual([], client.lines())
            waiting.callback(None)
        self.reactor.advance(0)
        self.assertEqual(["before", "action", "after"], seen)
        (answer,) = client.lines()
        self.assertEqual((1, 2), (answer["a"], answer["b"]))

    def test_an_action_that_answers_by_itself(self) -> None:
        def act(api: Any, connection: Any) -> Any:
            connection.send({"by": "itself"})
            return NO_RESPONSE

        seen: list[Any] = []

        @after_action
        def note(api: Any, connection: Any, call: ActionCall) -> None:
            seen.append(call.response)

        self.assertEqual("itself", self.start(act, note).ask("act")["by"])
        self.assertEqual([NO_RESPONSE], seen)

    def test_hooks_hear_of_an_action_whose_time_was_up(self) -> None:
        seen: list[Any] = []

        def act(api: Any, connection: Any) -> Deferred[Any]:
            return Deferred()

        @after_action
        def note(api: Any, connection: Any, call: ActionCall) -> None:
            seen.append(type(call.error))

        client = self.start(act, note, values={("limits", "action_timeout"): 5.0})
        client.send(b"act\n")
        self.reactor.advance(5)
        (answer,) = client.lines()
        self.assertIn("did not finish within 5 seconds", answer["error"])
        self.assertEqual([CancelledError], seen)

    def test_hooks_hear_of_an_action_that_asyncio_cancels(self) -> None:
        seen: list[Any] = []

        async def act(api: Any, connection: Any) -> None:
            try:
                await Deferred()
            except CancelledError:
                raise asyncio.CancelledError from None

        @after_action
        def note(api: Any, connection: Any, call: ActionCall) -> None:
            seen.append(type(call.error))

        client = self.start(act, note, values={("limits", "action_timeout"): 5.0})
        client.send(b"act\n")
        self.reactor.advance(5)
        self.assertIn("did not finish", client.lines()[0]["error"])
        self.assertEqual([asyncio.CancelledError], seen)

    def test_hooks_hear_of_an_action_that_raises_what_is_no_exception(self) -> None:
        seen: list[Any] = []

        def act(api: Any, connection: Any) -> None:
            raise SystemExit(1)

        @after_action
        def note(api: Any, connection: Any, call: ActionCall) -> None:
            seen.append(type(call.error))

        self.assertEqual(SERVER_ERROR, self.start(act, note).ask("act")["error"])
        self.assertEqual([SystemExit], seen)

    def test_hooks_hear_of_an_action_whose_client_hung_up(self) -> None:
        seen: list[Any] = []

        def act(api: Any, connection: Any) -> Deferred[Any]:
            return Deferred()

        @after_action
        def note(api: Any, connection: Any, call: ActionCall) -> None:
            seen.append(type(call.error))

        client = self.start(act, note)
        client.send(b"act\n")
        client.transport.loseConnection()
        self.assertEqual([CancelledError], seen)


class FileTests(RouterTestCase):
    """Hooks around actions that send a file."""

    def begin(self, *functions: Any) -> tuple[support.Client, list[Deferred[None]]]:
        """A client of a daemon that has a file, and a hook that waits before it is sent."""
        waits: list[Deferred[None]] = []

        @before_action("file")
        async def check(api: Any, connection: Any, call: ActionCall) -> None:
            waits.append(Deferred())
            await waits[-1]
            if call.params["fileName"] == "secret":
                raise ActionError("not for you")

        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "a").write_bytes(b"content")
        values = {("general", "flat_file_directory"): str(folder)}
        return self.start(check, *functions, values=values), waits

    def ask(self, client: support.Client, name: str) -> None:
        client.send(b'{"action":"file","params":{"fileName":"%b"}}\n' % name.encode())

    def passes(self) -> None:
        for _ in range(5):
            self.reactor.advance(0)

    def test_nothing_is_sent_between_the_request_and_the_file(self) -> None:
        earlier: Deferred[Any] = Deferred()

        def act(api: Any, connection: Any) -> Deferred[Any]:
            return earlier

        client, waits = self.begin(act)
        other = support.Client(self.service, self.reactor)
        client.raw()
        client.send(b"act\n")
        self.ask(client, "a")
        client.send(b"detailsView\n")
        other.send(b"say hello\n")
        earlier.callback({})
        self.passes()
        self.assertEqual(b"", client.raw())
        waits[0].callback(None)
        self.passes()
        data = client.raw()
        self.assertTrue(data.startswith(b"content{"), data)
        rest = [json.loads(line) for line in data.removeprefix(b"content").splitlines()]
        self.assertEqual(
            [3, None, 1], [line.get("messageCount") for line in rest], "in order behind it"
        )

    def test_an_error_comes_in_the_place_of_the_file(self) -> None:
        for name, error in (("secret", "not for you"), ("none", "The file, none, is not found.")):
            client, waits = self.begin()
            self.ask(client, name)
            client.send(b"detailsView\n")
            self.assertEqual(b"", client.raw())
            waits[0].callback(None)
            self.passes()
            refused, details = client.lines()
            self.assertEqual((error, 1), (refused["error"], refused["messageCount"]))
            self.assertEqual(2, details["messageCount"])

    def test_one_whose_time_is_up_holds_nothing_back_any_more(self) -> None:
        client, _ = self.begin()
        self.ask(client, "a")
        client.send(b"detailsView\n")
        self.reactor.advance(30)
        self.passes()
        error, details = client.lines()
        self.assertIn("file did not finish", error["error"])
        self.assertEqual(2, details["messageCount"])

    def test_an_error_of_a_hook_takes_the_place_of_the_file(self) -> None:
        @after_action("file")
        def refuse(api: Any, connection: Any, call: ActionCall) -> None:
            raise ActionError("too late")

        client, waits = self.begin(refuse)
        self.ask(client, "a")
        waits[0].callback(None)
        self.passes()
        self.assertEqual("too late", json.loads(client.raw())["error"])

    def test_an_action_that_waits_can_ask_for_it(self) -> None:
        waiting: Deferred[None] = Deferred()

        @action(sends_file=True)
        async def report(api: Any, connection: Any) -> Any:
            await waiting
            connection.send_file(api.files.open("a"))
            return NO_RESPONSE

        client, _ = self.begin(report)
        client.send(b"report\ndetailsView\n")
        self.assertEqual(b"", client.raw())
        waiting.callback(None)
        self.passes()
        self.assertTrue(client.raw().startswith(b"content{"))


class AfterwardsTests(RouterTestCase):
    """Hooks for which nobody waits."""

    def waiting(self, count: int = 1) -> tuple[list[Deferred[None]], list[str]]:
        """A daemon with an `on_disconnect` hook that waits, after so many clients went."""
        waits: list[Deferred[None]] = []
        seen: list[str] = []

        @on_disconnect
        async def gone(api: Any, connection: Any, reason: str) -> None:
            waits.append(Deferred())
            await waits[-1]
            seen.append(reason)

        self.start(gone, values={("limits", "action_timeout"): 5.0})
        clients = [support.Client(self.service, self.reactor) for _ in range(count)]
        for client in clients:
            client.transport.loseConnection()
        return waits, seen

    def test_it_hears_who_went_and_why(self) -> None:
        seen: list[Any] = []

        @on_disconnect
        def gone(api: Any, connection: Any, reason: str) -> None:
            seen.append((connection.id, connection.attributes, reason, dict(api.connections)))

        client = self.start(gone)
        connection = client.protocol.connection
        assert connection is not None
        connection.attributes["user"] = "ada"
        client.send(b"quit\n")
        client.transport.loseConnection()
        self.assertEqual([(connection.id, {"user": "ada"}, "quit", {})], seen)

    def test_what_it_raises_is_logged_without_secrets(self) -> None:
        @on_disconnect
        def gone(api: Any, connection: Any, reason: str) -> None:
            raise ValueError(connection.params["password"])

        after = Recorder()

        @on_disconnect
        def too(api: Any, connection: Any, reason: str) -> None:
            after.seen.append(reason)

        client = self.start(gone, too, values={("log", "filter_params"): ("password",)})
        client.send(b"paramAdd password=hunter2\n")
        client.transport.loseConnection()
        self.assertIn("the hook gone (", self.log)
        self.assertNotIn("hunter2", self.log)
        self.assertEqual(["client closed"], after.seen)

    def test_it_may_wait(self) -> None:
        (waiting,), seen = self.waiting()
        self.assertEqual([], seen)
        waiting.callback(None)
        self.assertEqual(["client closed"], seen)
        self.reactor.advance(0)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_it_may_not_wait_for_ever(self) -> None:
        _, seen = self.waiting()
        self.reactor.advance(5)
        self.assertEqual([], seen)
        self.assertIn("CancelledError", self.log)

    def test_no_more_than_so_many_may_wait(self) -> None:
        self.patch(hook_runner, "MOST_AFTERWARDS", 2)
        waits, seen = self.waiting(3)
        self.assertIn("CancelledError", self.log)
        for waiting in waits[:2]:
            waiting.callback(None)
        self.assertEqual(2, len(seen))

    def test_a_stop_waits_for_it(self) -> None:
        (waiting,), _ = self.waiting()
        action_done = self.service.factory.context.hooks.settle()
        self.assertNoResult(action_done)
        waiting.callback(None)
        self.successResultOf(action_done)

    def test_a_stop_does_not_wait_for_ever(self) -> None:
        self.waiting()
        action_done = self.service.factory.context.hooks.settle()
        self.reactor.advance(4.9)
        self.assertNoResult(action_done)
        self.reactor.advance(0.1)
        self.successResultOf(action_done)

    def test_a_stop_with_nothing_to_wait_for(self) -> None:
        self.start()
        self.successResultOf(self.service.factory.context.hooks.settle())

    def test_one_that_goes_on_all_the_same_keeps_nobody_waiting(self) -> None:
        @on_disconnect
        async def stubborn(api: Any, connection: Any, reason: str) -> None:
            try:
                await Deferred()
            except CancelledError:
                await Deferred()

        self.start(stubborn).transport.loseConnection()
        action_done = self.service.factory.context.hooks.settle()
        self.assertNoResult(action_done)
        self.reactor.advance(5)
        self.successResultOf(action_done)

    def test_a_stop_that_is_cut_short_waits_for_none(self) -> None:
        _, seen = self.waiting()
        factory = self.service.factory
        drained = factory.clients.drain()
        self.assertNoResult(drained)
        factory.clients.cut_short()
        self.reactor.advance(0)
        self.reactor.advance(0)
        self.successResultOf(drained)
        self.assertEqual([], seen)

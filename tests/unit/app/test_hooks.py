"""Tests of `actionhero_tcp.app.hooks`."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.actions import MARK
from actionhero_tcp.app.decorator import action
from actionhero_tcp.app.hooks import TAKES, ActionCall, Hook, check_names
from actionhero_tcp.errors import StartError


class HookTests(SynchronousTestCase):
    """`Hook` and `ActionCall`."""

    def test_a_hook_knows_its_name_and_its_place(self) -> None:
        hook = Hook("on_say", len, file="hooks.py", line=3)
        self.assertEqual(("len", "hooks.py:3"), (hook.name, hook.place))

    def test_all_kinds_get_the_api_first(self) -> None:
        self.assertEqual({"api"}, {takes[0] for takes in TAKES.values()})

    def test_a_call_knows_its_action_and_for_how_long_it_runs(self) -> None:
        @action
        def greet(api: Any, connection: Any) -> None: ...

        call = ActionCall(getattr(greet, MARK), {}, started=0.0)
        self.assertEqual("greet", call.name)
        self.assertGreater(call.seconds, 0)


class CheckNamesTests(SynchronousTestCase):
    """Hooks for actions that there are not."""

    def test_a_name_that_is_not_there(self) -> None:
        good = [Hook("before_action", len, ("a", "b")), Hook("on_say", len)]
        check_names(good, ["a", "b", "c"])
        hook = Hook("before_action", len, ("a", "x"), file="hooks.py", line=3)
        error = self.assertRaises(StartError, check_names, [*good, hook], ["a", "b"])
        self.assertEqual(
            "hooks.py:3: the hook 'len' is for the action 'x', which there is not", str(error)
        )

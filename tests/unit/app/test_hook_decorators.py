"""Tests of `actionhero_tcp.app.hook_decorators`: what they make and refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import (
    after_action,
    before_action,
    every,
    middleware,
    on_connect,
    on_disconnect,
    on_room_change,
    on_say,
    on_start,
    on_stop,
)
from actionhero_tcp.app.decorator import action
from actionhero_tcp.app.hooks import MARK, TAKES, Hook
from actionhero_tcp.errors import StartError

HERE = __file__


def hooks_of(function: Any) -> list[Hook]:
    """What the decorators have left at a function."""
    return list(getattr(function, MARK))


def every_second(function: Any = None, *, order: int = 0) -> Any:
    """`every` in the form of the other decorators."""
    mark = every("1s", order=order)
    return mark if function is None else mark(function)


class DecoratorTests(SynchronousTestCase):
    """What becomes of a function."""

    def refused(self, decorate: Callable[[Any], Any], function: Any) -> str:
        """The error of a function that cannot be a hook; it names the file."""
        text = str(self.assertRaises(StartError, decorate, function))
        self.assertIn(HERE, text)
        return text

    def test_a_function_stays_as_it_is_and_knows_its_hook(self) -> None:
        def check(api: Any, connection: Any, call: Any) -> str:
            return "as ever"

        self.assertIs(check, before_action(check))
        self.assertEqual("as ever", check(None, None, None))
        (hook,) = hooks_of(check)
        self.assertEqual(("before_action", "check", ()), (hook.kind, hook.name, hook.actions))
        self.assertIs(check, hook.function)
        self.assertEqual(f"{HERE}:{check.__code__.co_firstlineno}", hook.place)

    def test_every_kind_takes_what_its_row_says(self) -> None:
        decorators: dict[str, Any] = {
            "before_action": before_action,
            "after_action": after_action,
            "on_connect": on_connect,
            "on_disconnect": on_disconnect,
            "on_room_change": on_room_change,
            "on_say": on_say,
            "on_start": on_start,
            "on_stop": on_stop,
            "middleware": middleware,
            "every": every_second,
        }
        self.assertEqual(set(TAKES), set(decorators))
        for kind, decorate in decorators.items():
            function = eval(f"lambda {', '.join(TAKES[kind])}: None")
            for made in (decorate(function), decorate(order=3)(function)):
                self.assertEqual({kind}, {hook.kind for hook in hooks_of(made)})
            self.assertEqual([0, 3], [hook.order for hook in hooks_of(function)])
            wrong = eval(f"lambda {', '.join(TAKES[kind])}, more: None")
            text = str(self.assertRaises(StartError, decorate, wrong))
            self.assertIn(f"@{kind} is for a function of ({', '.join(TAKES[kind])})", text)

    def test_it_can_be_for_some_actions(self) -> None:
        @after_action("one", "two", order=-1)
        def check(api: Any, connection: Any, call: Any) -> None: ...

        (hook,) = hooks_of(check)
        self.assertEqual((("one", "two"), -1), (hook.actions, hook.order))

    def test_one_function_can_be_several_hooks(self) -> None:
        @before_action("one")
        @after_action
        def check(api: Any, connection: Any, call: Any) -> None: ...

        self.assertEqual(["after_action", "before_action"], [h.kind for h in hooks_of(check)])

    def test_a_default_or_rest_may_take_the_arguments(self) -> None:
        def rest(*arguments: Any) -> None: ...

        def default(api: Any, connection: Any, room: Any, message: Any, more: int = 1) -> None: ...

        for function in (rest, default):
            self.assertEqual(["on_say"], [hook.kind for hook in hooks_of(on_say(function))])

    def test_a_function_that_takes_too_little_is_refused(self) -> None:
        def check(api: Any) -> None: ...

        text = self.refused(on_connect, check)
        self.assertIn("the hook 'check': @on_connect is for a function of (api, connection)", text)

    def test_a_function_that_takes_the_connection_first_is_refused(self) -> None:
        def check(connection: Any, api: Any) -> None: ...

        text = self.refused(on_connect, check)
        self.assertIn("it takes (connection, api); the order is (api, connection)", text)

    def test_every_without_an_interval_names_the_function(self) -> None:
        def sweep(api: Any) -> None: ...

        text = self.refused(every, sweep)
        self.assertRegex(text, r"test_hook_decorators.py:\d+: @every needs an interval, such as")

    def test_a_generator_is_refused(self) -> None:
        def check(api: Any, connection: Any) -> Iterator[None]:
            yield

        self.assertIn("a generator cannot be a hook", self.refused(on_connect, check))

    def test_what_is_no_function_is_refused(self) -> None:
        error = self.assertRaises(StartError, before_action, len)
        self.assertIn("is no function, so it cannot be a hook", str(error))

    def test_an_action_in_place_of_its_name_is_refused(self) -> None:
        @action
        def act(api: Any, connection: Any) -> None: ...

        def check(api: Any, connection: Any, call: Any) -> None: ...

        decorate: Any = before_action
        text = self.refused(decorate("one", act), check)
        self.assertIn("@before_action takes names of actions", text)

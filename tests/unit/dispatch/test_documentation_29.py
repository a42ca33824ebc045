"""Tests of `actionhero_tcp.dispatch.documentation_29`."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import action
from actionhero_tcp.app.actions import MARK, Action
from actionhero_tcp.dispatch.documentation_29 import documentation


def action_of(function: Any) -> Action:
    """What `@action` has made of a function."""
    made = getattr(function, MARK)
    assert isinstance(made, Action)
    return made


class DocumentationTests(SynchronousTestCase):
    """`documentation`."""

    def test_an_action_has_one_version_with_its_inputs(self) -> None:
        @action(description="Greets.", output_example={"hello": "ada"})
        def greet(api: Any, connection: Any, *, name: str, times: int = 1) -> None: ...

        found = documentation({"greet": action_of(greet)})["greet"]
        self.assertEqual(["1"], list(found))
        described = found["1"]
        self.assertEqual(
            ("greet", 1, "Greets.", {"hello": "ada"}),
            tuple(described[key] for key in ("name", "version", "description", "outputExample")),
        )
        required = {name: each["required"] for name, each in described["inputs"].items()}
        self.assertEqual({"name": True, "times": False}, required)

    def test_actions_are_in_the_order_of_their_names(self) -> None:
        @action
        def plain(api: Any, connection: Any) -> None: ...

        found = documentation({"b": action_of(plain), "a": action_of(plain)})
        self.assertEqual(["a", "b"], list(found))
        self.assertEqual({}, found["a"]["1"]["inputs"])

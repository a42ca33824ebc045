"""The actions and hooks of a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import action
from actionhero_tcp.app.actions import MARK, Action
from actionhero_tcp.app.application import Application
from actionhero_tcp.app.hook_runner import HookedAction, Hooks
from actionhero_tcp.app.hooks import ON_SAY, Hook
from actionhero_tcp.app.loader import Loaded
from actionhero_tcp.logs.param_filter import ParamFilter
from tests.support import make_live


class ApplicationTests(SynchronousTestCase):
    """`Application`."""

    def setUp(self) -> None:
        @action
        def act(api: Any, connection: Any) -> None: ...

        self.act: Action = getattr(act, MARK)
        self.application = Application(
            Loaded({"act": self.act}), Hooks(ParamFilter(()), make_live(), Clock())
        )

    def test_an_action_without_hooks_runs_as_it_is(self) -> None:
        self.assertIs(self.act, self.application.by_name["act"])
        self.assertIs(self.act, self.application.by_word[b"act"])

    def test_hooks_are_around_what_runs_and_not_around_what_is_shown(self) -> None:
        self.application.replace(Loaded({"act": self.act}, [Hook("before_action", len)]))
        self.assertIs(self.act, self.application.actions["act"])
        for runs in (self.application.by_name["act"], self.application.by_word[b"act"]):
            self.assertIsInstance(runs, HookedAction)

    def test_what_was_there_is_gone(self) -> None:
        self.application.replace(Loaded({}, [Hook(ON_SAY, len)]))
        self.assertEqual(
            [{}] * 3, [self.application.actions, self.application.by_name, self.application.by_word]
        )
        self.assertEqual(1, len(self.application.hooks.of(ON_SAY)))
        self.application.replace(Loaded())
        self.assertEqual([], self.application.hooks.of(ON_SAY))

    def test_a_generation_has_actions_in_place_of_others(self) -> None:
        stand_in = replace(self.act, description="another")
        new = replace(self.act, name="new")
        loaded = Loaded({"act": self.act}, stand_ins={"29": {"act": stand_in, "new": new}})
        application = Application(loaded, self.application.hooks)
        actions = application.for_generation("29")
        self.assertIs(stand_in, actions.by_word[b"act"])
        self.assertEqual(["act", "new"], list(actions.actions))
        self.assertEqual(["act"], list(application.actions))
        self.assertIs(application, application.for_generation("2012"))
        application.replace(Loaded({"act": self.act}))
        self.assertIs(self.act, actions.by_name["act"])

"""The application: its actions, as they are defined and as they run, and its hooks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from .request_decoder import RequestDecoder

if TYPE_CHECKING:
    from .actions import Action
    from .hook_runner import Hooks
    from .loader import Loaded
    from .runnable import Runnable


class ActionSet:
    """The actions that some clients can call.

    Attributes:
        actions: The actions by name, as they are defined.
        by_name: The actions by name, as they run: with the hooks that are for them.
        by_word: The same, by the bytes that a line begins with.
        decoder: Reads requests for them in JSON.
        strict: The names of those that refuse params which they do not declare.
    """

    actions: Mapping[str, Action]
    by_name: Mapping[str, Runnable]
    by_word: Mapping[bytes, Runnable]
    decoder: RequestDecoder
    strict: frozenset[str]

    def put(self, actions: Mapping[str, Action], hooks: Hooks) -> None:
        """Replace all actions.

        Args:
            actions: The actions by name.
            hooks: Runs the hooks around them.
        """
        self.actions = MappingProxyType(actions)
        self.by_name = {name: hooks.around(action) for name, action in actions.items()}
        self.decoder = RequestDecoder((actions[name], self.by_name[name]) for name in actions)
        self.strict = frozenset(name for name, action in actions.items() if action.strict)
        self.by_word = {name.encode(): each for name, each in self.by_name.items()}


class Application(ActionSet):
    """The actions and hooks of a server. Development mode replaces it while the server runs.

    Args:
        loaded: The actions and hooks.
        hooks: Runs the hooks.

    Attributes:
        hooks: See above.
    """

    def __init__(self, loaded: Loaded, hooks: Hooks) -> None:
        self.hooks = hooks
        self._sets = {generation: ActionSet() for generation in loaded.stand_ins}
        self.replace(loaded)

    def replace(self, loaded: Loaded) -> None:
        """Puts these actions and hooks in place of all others."""
        self.hooks.set_hooks(loaded.hooks)
        self.put(loaded.actions, self.hooks)
        for generation, actions in self._sets.items():
            actions.put({**loaded.actions, **loaded.stand_ins.get(generation, {})}, self.hooks)

    def for_generation(self, generation: str) -> ActionSet:
        """Find the actions that clients of a generation of actionHero call.

        Args:
            generation: Its name. One without stock actions gets those of all.
        """
        return self._sets.get(generation, self)

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


class Application:
    """What a server runs for its clients. Development mode replaces it while the server runs.

    Args:
        loaded: The actions and hooks.
        hooks: Runs the hooks.

    Attributes:
        hooks: See above.
        actions: The actions by name, as they are defined.
        by_name: The actions by name, as they run: with the hooks that are for them.
        by_word: The same, by the bytes that a line begins with.
        decoder: Reads requests for them in JSON.
    """

    actions: Mapping[str, Action]
    by_name: Mapping[str, Runnable]
    by_word: Mapping[bytes, Runnable]
    decoder: RequestDecoder

    def __init__(self, loaded: Loaded, hooks: Hooks) -> None:
        self.hooks = hooks
        self.replace(loaded)

    def replace(self, loaded: Loaded) -> None:
        """Puts these actions and hooks in place of all others."""
        self.hooks.set_hooks(loaded.hooks)
        self.actions = MappingProxyType(loaded.actions)
        self.by_name = {name: self.hooks.around(action) for name, action in self.actions.items()}
        self.decoder = RequestDecoder(
            (action, self.by_name[name]) for name, action in self.actions.items()
        )
        self.by_word = {name.encode(): each for name, each in self.by_name.items()}

"""Runs the hooks of an application: around its actions, and where clients come, speak and go.

A kind without hooks leaves the call as it is, at no cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..clock import Clock, stop
from ..connection.connected_client import ConnectedClient
from ..connection.connection import Connection
from ..logs.failures import log_failure
from . import coroutines
from .hooked_action import HookedAction, result
from .hooks import (
    AFTER_ACTION,
    BEFORE_ACTION,
    MIDDLEWARE,
    ON_CONNECT,
    ON_DISCONNECT,
    ON_ROOM_CHANGE,
    ON_SAY,
    TAKES,
    Hook,
)
from .limits import LimitedAction, Limiters, limited
from .tracing import traced

if TYPE_CHECKING:
    from ..config.settings import LiveSettings
    from ..logs.param_filter import ParamFilter
    from .actions import Action
    from .runnable import Runnable

MOST_AFTERWARDS: Final = 1000
"""How many hooks may wait for something after their client is gone, or has its answer; one more
is cancelled, and the log says so."""

_log = Logger()


class Hooks:
    """The hooks of an application, in the order in which they run.

    Args:
        filter: Hides the values of some params in tracebacks.
        live: The time limits of hooks.
        clock: Calls later.
    """

    def __init__(self, filter: ParamFilter, live: LiveSettings, clock: Clock) -> None:
        self._filter = filter
        self._live = live
        self._clock = clock
        self.set_hooks(())
        self._afterwards: set[Deferred[Any]] = set()
        self._settled: Deferred[None] | None = None
        self._given_up = False

    def set_hooks(self, hooks: Iterable[Hook]) -> None:
        """Takes these hooks in place of all others; actions are to be wrapped again.

        Args:
            hooks: The hooks, as their files and lines are in order.
        """
        self._ordered = [_limited(hook) for hook in sorted(hooks, key=lambda hook: hook.order)]
        self._by_kind = {kind: [h for h in self._ordered if h.kind == kind] for kind in TAKES}

    def of(self, kind: str) -> list[Hook]:
        """The hooks of a kind."""
        return self._by_kind[kind]

    def around(self, action: Action) -> Runnable:
        """The action with its span, limits and hooks; itself where there are none."""
        before = self._for(action, BEFORE_ACTION, MIDDLEWARE)
        after = self._for(action, AFTER_ACTION)
        hooked: Runnable = action
        if before or after:
            hooked = HookedAction(action, before, after[::-1], self.afterwards)
        limiters = Limiters(action.function)
        if limiters:
            hooked = LimitedAction(hooked, limiters)
        return traced(hooked) if self._live.general.tracing else hooked

    def _for(self, action: Action, *kinds: str) -> tuple[Hook, ...]:
        """The hooks of some kinds that are for an action, in the order in which they run."""
        return tuple(
            hook
            for hook in self._ordered
            if hook.kind in kinds and (not hook.actions or action.name in hook.actions)
        )

    async def connect(self, api: Any, connection: Connection) -> None:
        """Runs what is to run before a client is welcomed.

        Raises:
            Exception: The exception of the first one that refuses the client.
        """
        for hook in self.of(ON_CONNECT):
            await result(hook.function(api, connection))

    async def change_room(
        self, api: Any, connection: Connection, left: str | None, entered: str
    ) -> None:
        """Runs what is to run before a client changes its room.

        Raises:
            Exception: The exception of the first one that refuses it.
        """
        for hook in self.of(ON_ROOM_CHANGE):
            await result(hook.function(api, connection, left, entered))

    async def say(self, api: Any, connection: Connection, room: str, message: str) -> str:
        """Runs what is to run before a client says something.

        Returns:
            What it is to say.

        Raises:
            Exception: The exception of the first one that refuses it.
        """
        for hook in self.of(ON_SAY):
            changed = await result(hook.function(api, connection, room, message))
            if changed is not None:
                if not isinstance(changed, str):
                    kind = type(changed).__name__
                    raise TypeError(f"{hook.place}: {hook.name} returned {kind}, not str or None")
                message = changed
        return message

    # What nobody waits for

    def disconnect(self, api: Any, connection: ConnectedClient, reason: str) -> None:
        """Runs what is to run when a client is gone."""
        hooks = self.of(ON_DISCONNECT)
        if hooks:
            face = Connection(connection, connection.params)
            for hook in hooks:
                self.afterwards(hook, api, face, reason)

    def afterwards(self, hook: Hook, api: Any, connection: Connection, argument: object) -> None:
        """Runs a hook for whose outcome nobody waits; what it raises is logged.

        What it has to wait for may take ``limits.actionTimeout``.
        """
        coroutine = self._run_afterwards(hook, api, connection, argument)
        outcome = coroutines.start(coroutine)
        if not isinstance(outcome, Deferred):
            return
        if self._given_up or len(self._afterwards) >= MOST_AFTERWARDS:
            outcome.cancel()
            return
        self._afterwards.add(outcome)
        seconds = self._live.limits.action_timeout
        timer = self._clock.callLater(seconds, outcome.cancel)
        outcome.addBoth(self._done, outcome, timer)

    async def _run_afterwards(
        self, hook: Hook, api: Any, connection: Connection, argument: object
    ) -> None:
        try:
            await result(hook.function(api, connection, argument))
        except Exception:
            failure = Failure()
            shown = self._filter.text(failure.getTraceback(), connection.params)
            text = "the hook {name} ({place}) failed"
            log_failure(_log, text, failure, shown, name=hook.name, place=hook.place)

    def _done(self, _: object, outcome: Deferred[Any], timer: Any) -> None:
        stop(timer)
        self._afterwards.discard(outcome)
        self._tell_if_settled()

    def _tell_if_settled(self) -> None:
        if self._settled is not None and not self._afterwards:
            action_done, self._settled = self._settled, None
            action_done.callback(None)

    def settle(self) -> Deferred[None]:
        """Waits for the hooks that still run afterwards; for as long as ``limits.closeTimeout``.

        Returns:
            A Deferred that fires when none runs any more.
        """
        action_done: Deferred[None] = Deferred()
        if not self._afterwards:
            action_done.callback(None)
            return action_done
        self._settled = action_done
        seconds = self._live.limits.close_timeout
        timer = self._clock.callLater(seconds, self.give_up)
        return action_done.addBoth(lambda _: stop(timer))

    def give_up(self) -> None:
        """Cancels the hooks that still run afterwards, and waits for none, nor for later ones."""
        self._given_up = True
        for outcome in tuple(self._afterwards):
            outcome.cancel()
        # One that goes on all the same keeps nobody waiting.
        self._afterwards.clear()
        self._tell_if_settled()


def _limited(hook: Hook) -> Hook:
    """The hook with the limits of its function, which are this server's."""
    function = limited(hook.function)
    return hook if function is hook.function else replace(hook, function=function)

"""An action with the hooks around it: middleware, and what runs before and after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ..connection.connection import Connection
from . import coroutines
from .coroutines import CANCELLATIONS
from .hooks import MIDDLEWARE, ActionCall, Hook
from .runnable import Wrapper

if TYPE_CHECKING:
    from .actions import Action


async def result(outcome: Any) -> Any:
    """Wait for what a function returned, where that has to be."""
    return await outcome if isawaitable(outcome) else outcome


class HookedAction(Wrapper):
    """An action with the hooks around it; see `runnable.Runnable`.

    Args:
        action: The action.
        before: Those that run before it and the middleware, in their order.
        after: Those that run after it, in theirs.
        afterwards: Runs one of these for an action that was cancelled: nobody waits for it.
    """

    def __init__(
        self,
        action: Action,
        before: tuple[Hook, ...],
        after: tuple[Hook, ...],
        afterwards: Callable[[Hook, Any, Connection, ActionCall], None],
    ) -> None:
        super().__init__(action)
        self._action = action
        self._before = before
        self._after = after
        self._afterwards = afterwards

    def start(self, api: Any, connection: Connection) -> Any:
        """Runs the hooks and the action; see `Action.start`."""
        return coroutines.start(self._run(api, connection))

    async def _run(self, api: Any, connection: Connection) -> Any:
        # This runs at once for the latest request.
        number = connection._connection.requests
        call = ActionCall(self._action, connection.params, number=number)
        try:
            await self._proceed(api, connection, call, 0)
        except CANCELLATIONS as error:
            call.error = error
            self._end(api, connection, call)
            raise
        except GeneratorExit:
            raise
        except BaseException as error:
            call.error = error
        for hook in self._after:
            await self._run_after(hook, api, connection, call)
        if call.error is not None:
            raise call.error
        return call.response

    async def _proceed(self, api: Any, connection: Connection, call: ActionCall, index: int) -> Any:
        """Runs the hooks before the action from one on, and the action; gives the response."""
        for position in range(index, len(self._before)):
            hook = self._before[position]
            if hook.kind == MIDDLEWARE:
                call_next = partial(self._proceed, api, connection, call, position + 1)
                changed = await result(hook.function(api, connection, call, call_next))
                if changed is not None:
                    call.response = changed
                return call.response
            await result(hook.function(api, connection, call))
        response = await result(self._action.call(api, connection))
        call.response = dict(response) if type(response) is dict else response
        return call.response

    async def _run_after(
        self, hook: Hook, api: Any, connection: Connection, call: ActionCall
    ) -> None:
        try:
            if call.error is None and call.response is None:
                call.response = {"status": "OK"}
            await result(hook.function(api, connection, call))
        except (*CANCELLATIONS, GeneratorExit):
            raise
        except BaseException as error:
            call.response, call.error = None, error

    def _end(self, api: Any, connection: Connection, call: ActionCall) -> None:
        """The action was ended: its hooks learn of it, but nobody learns what they answer."""
        for hook in self._after:
            self._afterwards(hook, api, connection, call)

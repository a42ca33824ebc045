"""The kinds of hooks: functions that run around actions, for clients, at startup and shutdown.

Applications mark functions by the decorators of `hook_decorators`, in the same files as actions.
`hook_runner` runs them, and `lifespan` at startup and shutdown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from types import SimpleNamespace
from typing import Any, Final

from ..errors import StartError
from .actions import Action

MARK: Final = "__actionhero_hooks__"
"""The attribute of a function that holds its hooks."""

BEFORE_ACTION: Final = "before_action"
AFTER_ACTION: Final = "after_action"
ON_CONNECT: Final = "on_connect"
ON_DISCONNECT: Final = "on_disconnect"
ON_ROOM_CHANGE: Final = "on_room_change"
ON_SAY: Final = "on_say"
ON_START: Final = "on_start"
ON_STOP: Final = "on_stop"
MIDDLEWARE: Final = "middleware"
EVERY: Final = "every"

TAKES: Final = {
    BEFORE_ACTION: ("api", "connection", "call"),
    AFTER_ACTION: ("api", "connection", "call"),
    ON_CONNECT: ("api", "connection"),
    ON_DISCONNECT: ("api", "connection", "reason"),
    ON_ROOM_CHANGE: ("api", "connection", "left", "entered"),
    ON_SAY: ("api", "connection", "room", "message"),
    ON_START: ("api",),
    ON_STOP: ("api",),
    MIDDLEWARE: ("api", "connection", "call", "call_next"),
    EVERY: ("api",),
}
"""Each kind of hook, and what its functions are called with."""

AROUND_ACTIONS: Final = frozenset({BEFORE_ACTION, AFTER_ACTION, MIDDLEWARE})
"""The kinds of hooks that run around actions: all of them, or those that a hook names."""

LIMITABLE: Final = frozenset({BEFORE_ACTION, MIDDLEWARE})
"""The kinds of hooks that limits can be on."""

CallNext = Callable[[], Awaitable[Any]]
"""A middleware calls it to run the rest, and gets the response."""


@dataclass(slots=True)
class ActionCall:
    """One call of an action, as its hooks see it.

    Attributes:
        action: The action: its name, its description, its inputs.
        number: The request's number, which its response carries.
        started: When the call began, in seconds by the monotonic clock.
        state: A dict that hooks and middleware of this call share.
        params: The client's params, as of this request. The action gets the changes of
            `before_action`, converted and checked like a client's params.
        response: For `after_action`: what the client is going to get, or None where that is an
            error; `NO_RESPONSE` where the action answers by itself. A hook may change the dict,
            which is a private copy, or put another in its place.
        error: For `after_action`: what the action or a hook raised, or None. It is a
            ``CancelledError`` where the action was cancelled: its time was up, its client hung
            up, or the server stopped. That is Twisted's class, on an asyncio reactor asyncio's.
            A hook that sets it to None, and a response, mends the error.
    """

    action: Action
    params: dict[str, Any]
    response: Any = None
    error: BaseException | None = None
    number: int = 0
    started: float = field(default_factory=monotonic)
    state: SimpleNamespace = field(default_factory=SimpleNamespace)

    @property
    def name(self) -> str:
        """The action's name."""
        return self.action.name

    @property
    def seconds(self) -> float:
        """How long the call has been running, in seconds."""
        return monotonic() - self.started


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook.

    Attributes:
        kind: One of `TAKES`.
        function: The function.
        actions: The names of the actions it is for; empty for all.
        order: Its order among its kind: the lowest first, ties by file and line.
        file: The file that defines it.
        line: The line there.
        seconds: For `every`: the time from one run to the next.
    """

    kind: str
    function: Callable[..., Any]
    actions: tuple[str, ...] = ()
    order: int = 0
    file: str = ""
    line: int = 0
    seconds: float = 0.0
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.function.__name__)

    @property
    def place(self) -> str:
        """Where it is defined, as ``file:line``."""
        return f"{self.file}:{self.line}"


def check_names(hooks: Iterable[Hook], actions: Iterable[str]) -> None:
    """Checks that every action that a hook is for is there.

    Raises:
        StartError: One is not; the text names the hook and where it is defined.
    """
    known = set(actions)
    for hook in hooks:
        for name in hook.actions:
            if name not in known:
                raise StartError(
                    f"{hook.place}: the hook {hook.name!r} is for the action {name!r}, "
                    "which there is not"
                )

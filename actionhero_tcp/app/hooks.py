"""The hooks: functions that run around actions, where clients come and go, at start and stop.

They are in the same files as actions. `hook_runner` runs them, and `lifespan` at the
start and the stop.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from time import monotonic
from types import FunctionType, SimpleNamespace
from typing import Any, Final, Protocol, TypeVar, overload

from ..errors import StartError
from .actions import Action
from .inputs import check_order
from .intervals import parse_interval
from .marks import Mark, place_of, remember

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

Function = TypeVar("Function", bound=Callable[..., Any])

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


class _ForActions(Protocol):
    """A decorator that may be given the names of actions."""

    @overload
    def __call__(self, function: Function, /) -> Function: ...
    @overload
    def __call__(self, *actions: str, order: int = 0) -> Callable[[Function], Function]: ...


class _ForClients(Protocol):
    """A decorator that may be given an order."""

    @overload
    def __call__(self, function: Function, /) -> Function: ...
    @overload
    def __call__(self, *, order: int = 0) -> Callable[[Function], Function]: ...


def _for_actions(decorator: Callable[..., Any]) -> _ForActions:
    """Tells type checkers how a decorator is used."""
    return decorator


def _for_clients(decorator: Callable[..., Any]) -> _ForClients:
    """Tells type checkers how a decorator is used."""
    return decorator


@_for_actions
def before_action(*actions: Any, order: int = 0) -> Any:
    """Makes a function run before actions: ``def hook(api, connection, call)``.

    It may change ``call.params`` (see `ActionCall`), and refuses by raising `ActionError`: then
    the action does not run, nor does a later hook of this kind.

    Args:
        actions: The names of the actions that it is for; without any it is for all.
        order: Its order among its kind, the lowest first.

    Raises:
        StartError: The function cannot be a hook; names the file and the line.
    """
    return _marker(BEFORE_ACTION, order, actions)


@_for_actions
def after_action(*actions: Any, order: int = 0) -> Any:
    """Makes a function run after actions: ``def hook(api, connection, call)``.

    It runs whether the action was well or not, or was refused by a `before_action`. It sees and
    may change ``call.response`` and ``call.error`` (see `ActionCall`), and may raise
    `ActionError`, which becomes the error. Those of the highest order run first, so that the
    hook that is the first to see the call is the last to see what comes of it.

    Args:
        actions: The names of the actions that it is for; without any it is for all.
        order: Its order among its kind.

    Raises:
        StartError: The function cannot be a hook; names the file and the line.
    """
    return _marker(AFTER_ACTION, order, actions)


@_for_clients
def on_connect(function: Any = None, /, *, order: int = 0) -> Any:
    """Makes a function run for each client that connects: ``def hook(api, connection)``.

    It runs before the client is welcomed and in a room; what it sends with ``connection.send``
    follows the welcome. It refuses the client by raising `ActionError`, whose text the client
    gets before the connection is closed. Any other error refuses it too.

    Args:
        function: The function, where the decorator is used without parentheses.
        order: Its order among its kind, the lowest first.

    Raises:
        StartError: The function cannot be a hook; names the file and the line.
    """
    return _marker(ON_CONNECT, order, (function,))


@_for_clients
def on_disconnect(function: Any = None, /, *, order: int = 0) -> Any:
    """Makes a function run for each client that is gone: ``def hook(api, connection, reason)``.

    The reason is one of the documented ones, such as ``"client closed"``. It runs only for clients
    that were welcomed. What it raises is logged.

    Args:
        function: The function, where the decorator is used without parentheses.
        order: Its order among its kind, the lowest first.

    Raises:
        StartError: The function cannot be a hook; names the file and the line.
    """
    return _marker(ON_DISCONNECT, order, (function,))


@_for_clients
def on_room_change(function: Any = None, /, *, order: int = 0) -> Any:
    """Makes a function run before a client changes its room.

    The function is ``def hook(api, connection, left, entered)``. It runs for ``roomChange``
    to a room in which the client is not yet, and refuses by raising `ActionError`: then the
    client stays where it is.

    Args:
        function: The function, where the decorator is used without parentheses.
        order: Its order among its kind, the lowest first.

    Raises:
        StartError: The function cannot be a hook; names the file and the line.
    """
    return _marker(ON_ROOM_CHANGE, order, (function,))


@_for_clients
def on_say(function: Any = None, /, *, order: int = 0) -> Any:
    """Makes a function run before a client says something.

    The function is ``def hook(api, connection, room, message)``. It returns what is to
    be said in the message's place, or None to leave it, and refuses by raising `ActionError`:
    then nobody hears it. Messages of the server (``api.rooms.say``) do not come here.

    Args:
        function: The function, where the decorator is used without parentheses.
        order: Its order among its kind, the lowest first.

    Raises:
        StartError: The function cannot be a hook; names the file and the line.
    """
    return _marker(ON_SAY, order, (function,))


@_for_clients
def on_start(function: Any = None, /, *, order: int = 0) -> Any:
    """Makes a function run before a process serves its first client: ``def hook(api)``.

    It opens what actions need, such as a pool of connections to a database, and keeps that in
    ``api.state``. No port is open before all of these have ended. An exception aborts startup: an
    `ActionError` shows its text, other errors also log the traceback.

    Args:
        function: The function, where the decorator is used without parentheses.
        order: Its order among its kind, the lowest first.

    Raises:
        StartError: The function cannot be a hook; names the file and the line.
    """
    return _marker(ON_START, order, (function,))


@_for_clients
def on_stop(function: Any = None, /, *, order: int = 0) -> Any:
    """Makes a function run when a process has served its last client: ``def hook(api)``.

    It closes what `on_start` has opened. It does not run if an `on_start` hook of the same file has
    failed or has not run. Those of the highest order run first, so that what
    was opened first is closed last. What it raises is logged.

    Args:
        function: The function, where the decorator is used without parentheses.
        order: Its order among its kind.

    Raises:
        StartError: The function cannot be a hook; names the file and the line.
    """
    return _marker(ON_STOP, order, (function,))


@_for_actions
def middleware(*actions: Any, order: int = 0) -> Any:
    """Make a function run around actions: ``async def f(api, connection, call, call_next)``.

    ``await call_next()`` runs the next middleware or hook, and at last the action, and returns
    the response: what the action returned, or None. The function returns what is to be the
    response, or None to leave it. What it raises is the error, as if the action had raised it; it
    may catch what ``call_next`` raises, not call it at all, or call it again.

    Args:
        actions: The names of the actions that it is for; without any it is for all.
        order: Its position among the `before_action` hooks and the other middleware: the lowest
            comes first, and is outermost. `after_action` hooks run when all middleware has ended.

    Raises:
        StartError: The function cannot be a middleware; names the file and the line.
    """
    return _marker(MIDDLEWARE, order, actions)


def every(interval: str, *, order: int = 0) -> Callable[[Function], Function]:
    """Make a function run again and again while the server runs: ``def f(api)``.

    The first run is one interval after the startup. Runs never overlap: if one takes longer than
    the interval, the ones that it delays are skipped. What it raises is logged, and the next run
    comes all the same. At the stop a run is cancelled.

    Args:
        interval: The time from one run to the next, such as ``500ms``, ``5s``, ``10m`` or ``1h``.
        order: Its position among functions of this kind, the lowest first.

    Raises:
        StartError: The interval is not of that form, or the function cannot be run so; names the
            file and the line.
    """
    if callable(interval):
        file, line = place_of(interval)
        raise StartError(f'{file}:{line}: @every needs an interval, such as @every("5s")')
    try:
        seconds = parse_interval(interval)
    except ValueError as error:
        file, line = place_of(interval)
        raise StartError(f"{file}:{line}: @every({interval!r}): {error}") from None
    return _marker(EVERY, order, (), seconds)  # type: ignore[no-any-return]


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


def _marker(kind: str, order: int, arguments: tuple[Any, ...], seconds: float = 0.0) -> Any:
    """What the decorators return: the marked function, or what marks it."""

    def mark(function: Function) -> Function:
        hook = replace(_make(kind, function, names, order), seconds=seconds)
        setattr(function, MARK, (*getattr(function, MARK, ()), hook))
        remember(Mark(function, f"the hook {hook.name!r}", hook.file, hook.line))
        return function

    if len(arguments) == 1 and not isinstance(arguments[0], str) and arguments[0] is not None:
        names: tuple[str, ...] = ()
        return mark(arguments[0])
    names = tuple(name for name in arguments if name is not None)
    return mark


def _make(kind: str, function: Any, names: tuple[str, ...], order: int) -> Hook:
    file, line = place_of(function)
    place = f"{file}:{line}"
    if not isinstance(function, FunctionType):
        kind_of = type(function).__name__
        raise StartError(
            f"{place}: an object of type {kind_of} is no function, so it cannot be a hook"
        )
    takes = TAKES[kind]
    wrong = f"{place}: the hook {function.__name__!r}: "
    if any(not isinstance(name, str) for name in names):
        raise StartError(f"{wrong}@{kind} takes names of actions")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise StartError(f"{wrong}a generator cannot be a hook")
    signature = inspect.signature(function)
    try:
        check_order(signature)
        signature.bind(*takes)
    except ValueError as error:
        raise StartError(f"{wrong}{error}") from None
    except TypeError:
        raise StartError(f"{wrong}@{kind} is for a function of ({', '.join(takes)})") from None
    return Hook(kind, function, names, order, file, line)

"""The decorators that make a function a hook."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from types import FunctionType
from typing import Any, Protocol, TypeVar, overload

from ..errors import StartError
from .hooks import (
    AFTER_ACTION,
    BEFORE_ACTION,
    EVERY,
    MARK,
    MIDDLEWARE,
    ON_CONNECT,
    ON_DISCONNECT,
    ON_ROOM_CHANGE,
    ON_SAY,
    ON_START,
    ON_STOP,
    TAKES,
    Hook,
)
from .inputs import check_order
from .intervals import parse_interval
from .marks import Mark, place_of, remember

Function = TypeVar("Function", bound=Callable[..., Any])


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


def _marker(kind: str, order: int, arguments: tuple[Any, ...], seconds: float = 0.0) -> Any:
    """Return the marked function, or a decorator that marks one."""

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

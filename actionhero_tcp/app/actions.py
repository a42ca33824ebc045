"""`@action`, and the running of what it marks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, overload

from twisted.internet.defer import Deferred

from ..connection.connection import ActionConnection
from ..errors import StartError, UnserializableError
from ..wire import json_writer
from . import coroutines
from .inputs import Inputs, read_signature

if TYPE_CHECKING:
    from ..connection.files import FileReader

MARK: Final = "__actionhero_action__"
"""The attribute of a function that holds its `Action`."""


class _NoResponse:
    """The type of `NO_RESPONSE`."""

    def __repr__(self) -> str:
        return "NO_RESPONSE"


NO_RESPONSE: Final = _NoResponse()
"""What an action returns that has answered by itself: its client gets no response."""

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Action:
    """One action: a function, and what is known of it.

    Attributes:
        name: What clients call it.
        function: What runs.
        inputs: What it takes.
        description: What it does, for ``actionsView``.
        output_example: An answer of its, for ``actionsView``.
        blocking: Whether it runs in a thread.
        sends_file: Whether what is sent to its client while it runs follows its file.
        file: The file that defines it.
        line: The line there.
        simple: Whether it has no inputs, and runs in the reactor's thread.
        kind: What it is called in the log.
        in_order: Whether its client's next requests wait for it.
    """

    kind: ClassVar[str] = "action"
    in_order: ClassVar[bool] = False

    name: str
    function: Callable[..., Any]
    inputs: Inputs
    description: str = ""
    output_example: Mapping[str, object] = field(default_factory=dict)
    blocking: bool = False
    sends_file: bool = False
    file: str = ""
    line: int = 0
    simple: bool = field(init=False)

    def __post_init__(self) -> None:
        takes_nothing = not self.inputs.declared and not self.inputs.takes_rest
        object.__setattr__(self, "simple", takes_nothing and not self.blocking)

    @property
    def place(self) -> str:
        """Where it is defined, as ``file:line``."""
        return f"{self.file}:{self.line}"

    def start(self, api: Any, connection: ActionConnection) -> Any:
        """Runs the action as far as it goes by itself.

        Args:
            api: The server's face to actions.
            connection: Who asked, with the params of the request.

        Returns:
            What the action returned, or a Deferred of it where it has to wait.

        Raises:
            ClientError: A param is missing or cannot be converted.
            BaseException: Whatever the action raised.
        """
        outcome = self.call(api, connection)
        if type(outcome) is dict:
            return outcome
        if inspect.iscoroutine(outcome):
            return coroutines.start(outcome)
        return outcome

    def call(self, api: Any, connection: ActionConnection) -> Any:
        """Calls the function with its inputs; see `start`.

        Returns:
            What it returned, which may be a coroutine; or a Deferred where it runs in a thread.
        """
        if self.simple:
            return self.function(api, connection)
        arguments = self.inputs.arguments(connection.params)
        if self.blocking:
            return self._start_in_thread(api, connection, arguments)
        return self.function(api, connection, **arguments)

    def _start_in_thread(
        self, api: Any, connection: ActionConnection, arguments: dict[str, Any]
    ) -> Deferred[Any]:
        """Runs the function in a thread, unless it is cancelled before it has got one."""
        face = _ThreadConnection(connection, api.reactor)
        outcome: Deferred[Any] = api.threads.run(
            connection.id, lambda: self.function(api, face, **arguments)
        )
        return outcome


class _ThreadConnection(ActionConnection):
    """The connection for an action in a thread, which must not touch a transport from there."""

    __slots__ = ("_reactor",)

    def __init__(self, connection: ActionConnection, reactor: Any) -> None:
        super().__init__(connection._connection, connection.params)
        self._reactor = reactor

    def send(self, message: Mapping[str, object]) -> None:
        self._reactor.callFromThread(super().send, message)

    def send_file(self, reader: FileReader) -> None:
        self._reactor.callFromThread(super().send_file, reader)

    def close(self) -> None:
        self._reactor.callFromThread(super().close)


@overload
def action(function: Function) -> Function: ...
@overload
def action(
    *,
    name: str | None = None,
    description: str | None = None,
    output_example: Mapping[str, object] | None = None,
    blocking: bool = False,
    sends_file: bool = False,
) -> Callable[[Function], Function]: ...


def action(
    function: Any = None,
    *,
    name: str | None = None,
    description: str | None = None,
    output_example: Mapping[str, object] | None = None,
    blocking: bool = False,
    sends_file: bool = False,
) -> Any:
    """Makes a function an action that clients can call. The function itself stays as it is.

    The function takes ``(api, connection, *, inputs…)``: a keyword-only parameter without
    a default is a required input, one with a default an optional one, and its annotation
    (``str int float bool list dict``, each also with ``| None``) converts what a client
    sent. ``**params`` takes all the rest. It returns a dict for the response, or None.

    Args:
        function: The function, where the decorator is used without parentheses.
        name: What clients call it, where that is not the function's name.
        description: What it does, where that is not the first line of its docstring.
        output_example: An answer of its, for ``actionsView``.
        blocking: Runs a plain ``def`` in a thread, for code that blocks; clients take turns.
        sends_file: It sends a file (``connection.send_file``), and may have to wait before:
            whatever else is sent to its client from the moment on that it begins to wait
            follows the file.

    Raises:
        StartError: The function cannot be an action; names the file and the line.
    """

    def mark(function: Function) -> Function:
        made = _make(function, name, description, output_example, blocking, sends_file)
        setattr(function, MARK, made)
        return function

    return mark if function is None else mark(function)


def _make(
    function: Any,
    name: str | None,
    description: str | None,
    output_example: Mapping[str, object] | None,
    blocking: bool,
    sends_file: bool,
) -> Action:
    code = getattr(function, "__code__", None)
    if code is None:
        raise StartError(f"{function!r} is no function, so it cannot be an action")
    place = f"{code.co_filename}:{code.co_firstlineno}"
    name = function.__name__ if name is None else name
    assert name is not None
    if description is None:
        description = (inspect.getdoc(function) or "").partition("\n")[0]
    try:
        _check_name(name)
        _check_kind(function, blocking)
        _check_shown(description, output_example or {})
        inputs = read_signature(function)
    except ValueError as error:
        raise StartError(f"{place}: the action {name!r}: {error}") from None
    return Action(
        name=name,
        function=function,
        inputs=inputs,
        description=description,
        output_example=output_example or {},
        blocking=blocking,
        sends_file=sends_file,
        file=code.co_filename,
        line=code.co_firstlineno,
    )


def _check_name(name: str) -> None:
    if not name or not name.isprintable() or " " in name or name.startswith("{"):
        raise ValueError("a name is one word, of printable characters, that does not begin with {")


def _check_shown(description: object, output_example: object) -> None:
    """Refuses what ``actionsView`` could not show."""
    if not isinstance(description, str):
        raise ValueError("a description is a str")
    if not isinstance(output_example, Mapping):
        raise ValueError("an output_example is a dict")
    try:
        json_writer.dumps(dict(output_example))
    except UnserializableError as error:
        raise ValueError(f"the output_example: {error}") from None


def _check_kind(function: Any, blocking: bool) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ValueError("a generator cannot be an action")
    if blocking and inspect.iscoroutinefunction(function):
        raise ValueError("blocking=True is for a plain def, not for async def")

"""An action: a function, and what is known of it. `decorator` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import AsyncGeneratorType, CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from twisted.internet.defer import Deferred

from ..connection.connection import Connection, JsonParams, parts_of
from ..connection.files import check_reader
from ..wire import json_lines
from . import coroutines, schema
from .inputs import Inputs
from .streams import send_parts

if TYPE_CHECKING:
    from ..connection.files import FileReader

MARK: Final = "__actionhero_action__"
"""The attribute of a function that holds its `Action`."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action: a function, and what is known of it.

    Attributes:
        name: The name that clients use.
        function: The function.
        inputs: What it takes.
        description: What it does, for ``actionsView``.
        output_example: An answer of its, for ``actionsView``.
        blocking: Whether it runs in a thread.
        sends_file: Whether what is sent to its client while it runs follows its file.
        file: The file that defines it.
        line: The line there.
        strict: Whether it refuses params that it does not declare.
        streams: Whether it is an async generator, whose values are sent one by one.
        errors: What it raises for clients: texts by code.
        output: The type of its response, of its return annotation.
        simple: Whether it has no inputs to look at, and runs in the reactor's thread.
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
    strict: bool = False
    streams: bool = False
    errors: Mapping[int, str] = field(default_factory=dict)
    output: Any = Any
    simple: bool = field(init=False)
    _schemas: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        takes_nothing = not self.inputs.declared and not self.inputs.takes_rest
        simple = takes_nothing and not self.blocking and not self.strict
        object.__setattr__(self, "simple", simple)

    @property
    def place(self) -> str:
        """Where it is defined, as ``file:line``."""
        return f"{self.file}:{self.line}"

    @property
    def schemas(self) -> Mapping[str, Any]:
        """What it takes, returns and raises: ``inputSchema``, ``outputSchema`` and ``errors``."""
        if not self._schemas:
            self._schemas.update(
                inputSchema=schema.of_inputs(self.inputs, strict=self.strict),
                outputSchema=schema.of_output(self.output),
                errors=[{"code": code, "error": text} for code, text in self.errors.items()],
            )
        return self._schemas

    def start(self, api: Any, connection: Connection) -> Any:
        """Runs the action as far as it goes by itself.

        Args:
            api: The server's face to actions.
            connection: The request, with its connection and params.

        Returns:
            The result of the action, or a Deferred of it.

        Raises:
            ClientError: A param is missing or cannot be converted.
            BaseException: Any exception of the action.
        """
        params = connection._params
        if type(params) is JsonParams:
            outcome = self.function(api, connection, **params.arguments)
        elif self.simple:
            outcome = self.function(api, connection)
        else:
            outcome = self.call(api, connection)
        if type(outcome) is CoroutineType:
            return coroutines.start(outcome)
        if type(outcome) is AsyncGeneratorType:
            return coroutines.start(send_parts(outcome, parts_of(connection)))
        return outcome

    def call(self, api: Any, connection: Connection) -> Any:
        """Calls the function with its inputs; see `start`.

        Returns:
            What it returned, which may be a coroutine; or a Deferred where it runs in a thread.
        """
        if self.simple:
            outcome = self.function(api, connection)
        else:
            arguments = self.inputs.arguments(connection.params, strict=self.strict)
            if self.blocking:
                return self._start_in_thread(api, connection, arguments)
            outcome = self.function(api, connection, **arguments)
        if type(outcome) is AsyncGeneratorType:
            return send_parts(outcome, parts_of(connection))
        return outcome

    def _start_in_thread(
        self, api: Any, connection: Connection, arguments: dict[str, Any]
    ) -> Deferred[Any]:
        """Runs the function in a thread, unless it is cancelled before it has got one."""
        face = _ThreadConnection(connection, api.reactor)
        outcome: Deferred[Any] = api.threads.run(
            connection.id, lambda: self.function(api, face, **arguments)
        )
        return outcome


class _ThreadConnection(Connection):
    """The connection for an action in a thread, which must not touch a transport from there."""

    __slots__ = ("_reactor",)

    def __init__(self, connection: Connection, reactor: Any) -> None:
        super().__init__(connection._connection, connection.params)
        self._reactor = reactor

    def join(self, room: str) -> None:
        self._connection.owner.rooms.check(room)
        self._reactor.callFromThread(super().join, room)

    def leave(self, room: str) -> None:
        self._reactor.callFromThread(super().leave, room)

    def send(self, message: Mapping[str, object]) -> None:
        # Encoded here: the action may change it before the reactor's thread gets to it.
        line = json_lines.message_line(message)
        self._reactor.callFromThread(self._connection.outbox.send_event, line)

    def send_file(self, reader: FileReader) -> None:
        check_reader(reader)
        self._reactor.callFromThread(super().send_file, reader)

    def close(self) -> None:
        self._reactor.callFromThread(super().close)

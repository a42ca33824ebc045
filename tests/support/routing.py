"""What the tests of lines and of actions share: a daemon that has a test's own actions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import Connection
from actionhero_tcp.app import hooks, loader
from actionhero_tcp.app.actions import MARK
from actionhero_tcp.app.decorator import action
from tests import support

SERVER_ERROR = "The server experienced an internal error"


class RouterTestCase(SynchronousTestCase):
    """A daemon without a network that has the actions of the test."""

    def start(
        self, *functions: Callable[..., Any], values: dict[tuple[str, str], Any] | None = None
    ) -> support.Client:
        """A client of a new daemon that has these actions, beside its own; its welcome is read."""
        load_builtin = loader.load_builtin
        marked = [f for f in map(action_of, functions) if hasattr(f, MARK)]
        extra = {getattr(f, MARK).name: getattr(f, MARK) for f in marked}
        found = [hook for f in functions for hook in getattr(f, hooks.MARK, ())]

        def load_more(*arguments: Any) -> loader.Loaded:
            loaded = load_builtin(*arguments)
            loaded.actions = {**loaded.actions, **extra}
            loaded.hooks = [*loaded.hooks, *found]
            return loaded

        self.patch(loader, "load_builtin", load_more)
        self.service, self.reactor = support.make_service(
            {("general", "actions_directory"): "none", **(values or {})}
        )
        self.patch(loader, "load_builtin", load_builtin)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.client = support.Client(self.service, self.reactor)
        self.reactor.advance(0)
        self.client.raw()
        return self.client

    @property
    def log(self) -> str:
        """What was logged."""
        return "\n".join(formatEvent(event) for event in self.events)

    def raw(self, line: bytes) -> bytes:
        """Sends a line, and gives what comes back."""
        self.client.raw()
        self.client.send(line + b"\n")
        return self.client.raw()

    def assertError(self, line: bytes | str, text: str) -> None:
        """The line is answered with this error and nothing else, under its own number."""
        connection = self.client.protocol.connection
        assert connection is not None
        number = connection.requests + 1
        answer = self.raw(line if isinstance(line, bytes) else line.encode())
        expected = {"context": "response", "error": text, "messageCount": number}
        self.assertEqual(list(expected.items()), list(json.loads(answer).items()))
        self.assertTrue(answer.endswith(b"}\r\n"))

    def params(self) -> dict[str, Any]:
        """The sticky params."""
        return self.client.ask("paramsView")["params"]  # type: ignore[no-any-return]


def action_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, marked as an action, unless it is a hook."""
    return (
        function if hasattr(function, MARK) or hasattr(function, hooks.MARK) else action(function)
    )


def echo(api: Any, connection: Connection, **params: Any) -> dict[str, object]:
    """Gives its params back."""
    return {"params": params}


class Waiting:
    """An action that waits for its test to end it.

    Attributes:
        calls: For each call its params and the Deferred it waits for.
        cancelled: How many were cancelled.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, Any], Deferred[Any]]] = []
        self.cancelled = 0

    def action(self) -> Callable[..., Any]:
        """The action, called ``wait``."""

        def wait(api: Any, connection: Connection, **params: Any) -> Deferred[Any]:
            waiting: Deferred[Any] = Deferred(self._cancelled)
            self.calls.append((params, waiting))
            return waiting

        return wait

    def _cancelled(self, _: object) -> None:
        self.cancelled += 1

    def end(self, index: int, outcome: object) -> None:
        """Ends one."""
        self.calls[index][1].callback(outcome)

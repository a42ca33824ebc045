"""What a request can run: an action, a verb that waits, or either with hooks around it."""

from __future__ import annotations

from typing import Any, Protocol

from ..connection.connection import Connection


class Runnable(Protocol):
    """Runs once for each request.

    Attributes:
        kind: What it is called in the log.
        name: Its name.
        place: Where it is defined, as ``file:line``.
        in_order: Whether its client's next requests wait for it.
        sends_file: Whether what is sent to its client while it runs follows its file.
        streams: Whether it answers in parts.
    """

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def in_order(self) -> bool: ...
    @property
    def sends_file(self) -> bool: ...
    @property
    def streams(self) -> bool: ...

    def start(self, api: Any, connection: Connection) -> Any:
        """Runs it as far as it goes by itself; see `actions.Action.start`."""


class Wrapper:
    """What stands around a runnable and is called like it: the base of wrappers.

    Args:
        inner: The runnable.

    Attributes:
        kind: See `Runnable`, like all others.
        name: See above.
        place: See above.
        in_order: See above.
        sends_file: See above.
        streams: See above.
    """

    def __init__(self, inner: Runnable) -> None:
        self.kind = inner.kind
        self.name = inner.name
        self.place = inner.place
        self.in_order = inner.in_order
        self.sends_file = inner.sends_file
        self.streams = inner.streams
        self._inner = inner

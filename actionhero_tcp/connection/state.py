"""The life of a connection: its states, and which of them follow which."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntFlag
from typing import Final


class State(Enum):
    """The states of a connection.

    The value says it for people; docs/architecture.md shows the same table.
    """

    ENTERING = "its handshake runs; it is no client yet"
    OPEN = "its lines are read and served"
    DRAINING = "no more is read; what was read is served and answered"
    CLOSING = "no more is served; what runs is answered"
    LINGERING = "our end is closed; the client takes what was sent, and hangs up"
    CLOSED = "it is gone"


TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.ENTERING: frozenset({State.OPEN, State.LINGERING, State.CLOSED}),
    State.OPEN: frozenset({State.DRAINING, State.CLOSING, State.CLOSED}),
    State.DRAINING: frozenset({State.LINGERING, State.CLOSED}),
    State.CLOSING: frozenset({State.LINGERING, State.CLOSED}),
    State.LINGERING: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}
"""The states that may follow each state."""


class IllegalTransitionError(Exception):
    """A connection was to enter a state that cannot follow the one it is in; a bug of ours."""


def check(before: State, after: State) -> None:
    """Checks that a state may follow another.

    Raises:
        IllegalTransitionError: It may not.
    """
    if after not in TRANSITIONS[before]:
        raise IllegalTransitionError(f"{before.name} to {after.name}")


class ReadHold(IntFlag):
    """Why a client's lines have to wait. Each reason is set and released by the same holder."""

    NONE = 0
    PENDING = 1
    """As many of its actions run as may: the runner."""
    ORDER = 2
    """A request has to end before the next one begins: the runner."""
    OUTBOX = 4
    """Too much waits to be sent to it: the protocol."""
    RATE = 8
    """It has used up its requests for now: the reader."""
    QUEUED = 16
    """Other clients are to be served before it: the reader."""
    MEMORY = 32
    """It holds too much memory: the protocol."""
    TRANSPORT = 64
    """Too much waits in its transport: the protocol."""
    CLUSTER = 128
    """Redis is behind with what the client says: the protocol."""
    CLOSING = 256
    """Nothing of it is served any more: the protocol. It is never released."""

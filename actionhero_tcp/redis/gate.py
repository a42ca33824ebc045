"""Lets a bounded number of bytes through at a time; what is beyond waits for its turn."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred, fail, succeed

from .protocol import RedisError

if TYPE_CHECKING:
    from ..connection.memory import Account

MAX_BYTES: Final = 4 * 1024 * 1024
"""So many bytes of calls are with Redis at the same time."""

MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
"""So many bytes of calls may wait; further calls fail at once."""


class Gate:
    """Where calls wait while Redis is behind.

    A call that is larger than all that may pass goes alone.

    Args:
        account: Is charged for all calls, those that wait and those that have passed.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._passing = 0
        self._waiting: deque[tuple[Deferred[None], int]] = deque()
        self._waiting_bytes = 0

    @property
    def held_bytes(self) -> int:
        """The bytes of all calls, those that wait and those that have passed."""
        return self._account.held

    def enter(self, size: int) -> Deferred[None]:
        """Waits until there is room.

        Args:
            size: The bytes of the call; `leave` has to be called with the same.

        Returns:
            A Deferred that fires then; cancelled, it leaves the queue. It fails with a
            `RedisError` where too much waits already.
        """
        if not self._waiting and self._has_room(size):
            self._passing += size
            self._account.charge(size)
            return succeed(None)
        if self._waiting_bytes + size > MAX_WAITING_BYTES:
            return fail(RedisError("too much waits for Redis already"))
        turn: Deferred[None] = Deferred(lambda turn: self._forget(turn, size))
        self._waiting.append((turn, size))
        self._waiting_bytes += size
        self._account.charge(size)
        return turn

    def leave(self, size: int) -> None:
        """A call has its reply, or will never have one."""
        self._passing -= size
        self._account.release(size)
        while self._waiting and self._has_room(self._waiting[0][1]):
            turn, size = self._waiting.popleft()
            self._waiting_bytes -= size
            self._passing += size
            turn.callback(None)

    def _has_room(self, size: int) -> bool:
        return not self._passing or self._passing + size <= MAX_BYTES

    def _forget(self, turn: Deferred[None], size: int) -> None:
        self._waiting.remove((turn, size))
        self._waiting_bytes -= size
        self._account.release(size)

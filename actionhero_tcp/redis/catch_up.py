"""Keeps what was published counted as on its way until our own subscriber has read past it.

A node hears what it publishes itself. Redis answers a `PUBLISH` once it has queued the message for
each subscriber, however far that one is behind, and closes the connection of a subscriber that is
behind by more than `client-output-buffer-limit pubsub` (32 MB, or 8 MB for a minute). A node that
released its clients by the reply alone would let them flood its own subscriber off Redis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

MAX_UNREAD_BYTES: Final = 256 * 1024
"""So many bytes are published before the subscriber is asked whether it has read them. The
question costs a round trip to Redis, and whatever is published meanwhile stays counted."""

Item = TypeVar("Item")


class CatchUp(Generic[Item]):
    """Commands that Redis has executed, and our subscriber may not have read.

    Args:
        ask: Asks Redis for a reply on the subscriber's connection, which comes after all that
            was published before; its Deferred may fail.
        forget: Called with what is on its way no longer.
    """

    __slots__ = ("_ask", "_asked", "_forget", "_items", "_unread")

    def __init__(
        self, ask: Callable[[], Deferred[Any]], forget: Callable[[list[Item]], object]
    ) -> None:
        self._ask = ask
        self._forget = forget
        self._items: list[Item] = []
        self._unread = 0
        self._asked = False

    def executed(self, items: list[Item], size: int) -> None:
        """Redis has executed commands.

        Args:
            items: The commands.
            size: The bytes that they count for.
        """
        self._unread += size
        if not self._asked and self._unread <= MAX_UNREAD_BYTES:
            self._forget(items)
            return
        self._items += items
        if not self._asked:
            self._question()

    def _question(self) -> None:
        self._asked = True
        items, self._items, self._unread = self._items, [], 0
        self._ask().addBoth(self._answered, items)

    def _answered(self, _: object, items: list[Item]) -> None:
        # Where it failed the connection is lost, and what it had not read is lost with it.
        self._asked = False
        if self._items:
            self._question()
        self._forget(items)

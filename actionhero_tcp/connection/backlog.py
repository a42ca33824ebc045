"""The lines of one client that have been read and have to wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from .estimate import lines_bytes

if TYPE_CHECKING:
    from ..clock import Clock
    from .connected_client import ConnectedClient
    from .rate_limit import RateLimit

LINES_AT_ONCE: Final = 16
"""So many lines are served without a look at the clock."""

SLICE_SECONDS: Final = 0.01
"""After this time the other clients are served."""


class Backlog:
    """Lines that wait, in the order in which they came.

    They are what one read of the socket gave, 64 KiB at most: while a client has a
    backlog it is not read from.

    Args:
        lines: The lines; empty ones, which are no requests, are left out.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines: deque[bytes] = deque(line for line in lines if line)

    def __bool__(self) -> bool:
        return bool(self._lines)

    @property
    def held(self) -> int:
        """The bytes of memory that the lines take."""
        return lines_bytes(self._lines)

    def extend(self, lines: Iterable[bytes]) -> None:
        """Adds lines at the end."""
        self._lines.extend(line for line in lines if line)

    def serve(
        self,
        serve: Callable[[ConnectedClient, Iterator[bytes]], None],
        connection: ConnectedClient,
        clock: Clock,
        rate_limit: RateLimit | None,
    ) -> float:
        """Serves lines from the front: until none is left, or the client has to wait.

        Args:
            serve: The router's.
            connection: Whose lines they are.
            clock: Tells how long it takes.
            rate_limit: How many requests the client may make now; None for any number.

        Returns:
            Seconds until the client may go on, as far as time is what it waits for: 0 for
            the reactor's next pass.
        """
        lines = self._lines
        now = clock.seconds()
        ends = now + SLICE_SECONDS
        while lines and not connection.holds:
            count = min(LINES_AT_ONCE, len(lines))
            if rate_limit is not None:
                count = rate_limit.take(count, now)
                if not count:
                    return rate_limit.wait()
            rest = iter([lines.popleft() for _ in range(count)])
            serve(connection, rest)
            # At the front: to copy a long backlog for each line would cost its square.
            lines.extendleft(reversed(list(rest)))
            now = clock.seconds()
            if now >= ends:
                break
        return 0.0

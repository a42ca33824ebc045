"""An outbox for clients that take whatever they read at once for one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..clock import Timer, stop
from ..net.lowest_transport import has_unsent
from ..wire.json_lines import END_OF_LINE
from .outbox import Outbox

if TYPE_CHECKING:
    from ..clock import Clock
    from .memory import Account
    from .outbox import OutboxOwner, Writer
    from .write_batch import WriteBatch

PAUSE_SECONDS: Final = 0.005
"""How long a client has to read one line before the next one is written."""


class OneLineOutbox(Outbox):
    """Writes one line at a time, and the next one after a pause.

    The next line waits until the kernel has sent the one before, so the two never share a
    packet. A client that does not read for longer than the pause may still read both at once.

    Args:
        write_batch: See `Outbox`, as for the next three.
        owner: See above.
        max_event_bytes: See above.
        account: See above.
        clock: Times the pauses.
    """

    __slots__ = ("_clock", "_pause")

    def __init__(
        self,
        write_batch: WriteBatch,
        owner: OutboxOwner,
        max_event_bytes: int,
        account: Account,
        clock: Clock,
    ) -> None:
        super().__init__(write_batch, owner, max_event_bytes, account)
        self._clock = clock
        self._pause: Timer | None = None

    def open(self, writer: Writer) -> None:
        """See `Outbox.open`; nothing goes past this outbox."""
        super().open(writer)
        self._write_through_outbox()

    def close(self) -> None:
        """See `Outbox.close`."""
        stop(self._pause)
        self._pause = None
        super().close()

    def flush(self) -> None:
        """Hand the transport one line, or one chunk of a file, unless there is a pause."""
        parts, writer = self._parts, self._writer
        if self._blocked or self._scheduled or not parts or writer is None:
            self._charge()
            return
        first = parts[0]
        if isinstance(first, bytes):
            self._write_line(writer, first)
        else:
            self._flush_with_files(writer)
        self._charge()

    def _write_line(self, writer: Writer, part: bytes) -> None:
        """Write the first line of a part, which may hold several."""
        end = part.find(END_OF_LINE) + len(END_OF_LINE)
        line, rest = (part[:end], part[end:]) if end >= len(END_OF_LINE) else (part, b"")
        if rest:
            self._parts[0] = rest
        else:
            del self._parts[0]
        self._forget_bytes(len(line))
        self._write_batch.sent_bytes += len(line)
        writer.write(line)
        self._scheduled = True
        self._begin_pause()

    def _begin_pause(self) -> None:
        self._pause = self._clock.callLater(PAUSE_SECONDS, self._end_pause)

    def _end_pause(self) -> None:
        self._pause = None
        if self._writer is not None and has_unsent(self._writer):
            self._begin_pause()
        else:
            self._continue()

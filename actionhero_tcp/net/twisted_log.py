"""Whether Twisted's log has been started, which Twisted keeps to itself."""

from __future__ import annotations

from typing import Final

from twisted.logger import globalLogBeginner

_FIRST_OBSERVER: Final = "_temporaryObserver"


def has_begun() -> bool:
    """Return whether somebody observes Twisted's log, as `twistd` and trial do.

    Until then Twisted keeps the last 65,536 events in memory. Of a Twisted whose inside is
    another, this is True: an observer is not added twice then.
    """
    return getattr(globalLogBeginner, _FIRST_OBSERVER, None) is None

"""The signal that ended the reactor, which Twisted keeps under a private name."""

from __future__ import annotations

import signal
from typing import Any


def exit_signal(reactor: Any) -> int:
    """Return the signal that stopped a reactor; SIGTERM where none did or Twisted keeps none."""
    number: int | None = getattr(reactor, "_exitSignal", None)
    return number or signal.SIGTERM

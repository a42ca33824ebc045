"""The signal handlers of the process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Final

from twisted.logger import Logger

_log = Logger()

SAME_SIGNAL_SECONDS: Final = 0.25
"""What comes so soon after the first signal to stop is taken for the same one: a supervisor may
send it to the process and to its group."""

Handler = Callable[[int, FrameType | None], Any]


class Signals:
    """The handlers of a daemon, from before its reactor runs until its end.

    The first SIGTERM or SIGINT is left to Twisted, which stops the reactor gracefully; one
    that comes earlier stops it as soon as it runs, so that nothing that the start has made is
    left behind. The second cuts that short. The third ends the process at once.

    Args:
        reactor: The reactor; everything is called in its thread.
        cut_short: Cuts a graceful shutdown short.
        calls: What to call for other signals, by their numbers.
        starter: The process that only starts the daemon and waits for it, by its number: what
            it gets to stop ends it at once. None where the daemon stays in the foreground.
    """

    def __init__(
        self,
        reactor: Any,
        cut_short: Callable[[], object],
        calls: Mapping[int, Callable[[], object]],
        starter: int | None = None,
    ) -> None:
        self._reactor = reactor
        self._cut_short = cut_short
        self._calls = calls
        self._starter = starter
        self._twisted: dict[int, Handler] = {
            signal.SIGTERM: reactor.sigTerm,
            signal.SIGINT: reactor.sigInt,
        }
        self._latest: float | None = None
        self._was_cut_short = False

    def install(self) -> None:
        """Takes over the signals; to be called before the reactor runs."""
        # A reactor that starts to run takes over SIGTERM. So there is no time in between
        # when a second one would stop the reactor twice, it takes this handler for its own.
        self._reactor.sigTerm = self._stop
        for number in self._twisted:
            signal.signal(number, self._stop)
        for other in self._calls:
            signal.signal(other, self._call)
        # The parent may have blocked these signals, so that none arrived too early.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [*self._twisted, *self._calls])

    def _call(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._calls[number])

    def _stop(self, number: int, frame: FrameType | None = None) -> None:
        if os.getpid() == self._starter:
            end_process(number)
            return
        now = time.monotonic()
        latest, self._latest = self._latest, now
        if latest is None:
            self._twisted[number](number, frame)
        elif now - latest < SAME_SIGNAL_SECONDS:
            self._latest = latest
        elif not self._was_cut_short:
            self._was_cut_short = True
            self._reactor.callFromThread(self._cut_short)
        else:
            end_process(number)


def end_process(number: int) -> None:
    """Ends the process by a signal, at once."""
    signal.signal(number, signal.SIG_DFL)
    _kill(number)


def end_process_after(seconds: float, number: int) -> None:
    """Ends the process by a signal should it still be there after some time.

    A thread that never returns would keep it for ever: Python waits for its threads.

    Args:
        seconds: The time.
        number: The signal; from now on it ends the process whenever it comes.
    """
    signal.signal(number, signal.SIG_DFL)
    timer = threading.Timer(seconds, _kill, (number,))
    timer.daemon = True
    timer.start()


def _kill(number: int) -> None:
    """Ends the process by a signal that it does not handle; process 1 is spared, and exits."""
    os.kill(os.getpid(), number)
    if os.getpid() == 1:
        os._exit(128 + number)

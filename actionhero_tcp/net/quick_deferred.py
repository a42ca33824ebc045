"""A Deferred that calls its one callback sooner.

Most Deferreds of a client have one callback when their result comes, often that of a coroutine
that awaits them. `Deferred.callback` takes 0.9 µs to call it, since it bears all kinds of chains;
with 16 requests outstanding that is a sixth of the client's time for each.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_ANOTHER_WAITS: Any = getattr(defer, "_CONTINUE", None)
"""Stands for the callback where another Deferred waits for this one."""

_INSIDE: Final = ("_callbacks", "_runCallbacks", "_runningCallbacks", "paused", "called", "debug")


class QuickDeferred(Deferred[Any]):
    """A Deferred with a shorter way to fire."""

    def succeed(self, result: Any) -> None:
        """Like `callback`; shorter where there is just one callback, which gives nothing."""
        callbacks = self._callbacks
        if len(callbacks) != 1 or self.called or self.paused or self.debug:
            self.callback(result)
            return
        callback, args, more = callbacks[0][0]
        if callback is _ANOTHER_WAITS:
            self.callback(result)
            return
        callbacks.clear()
        self.called = True
        self.result = result
        self._runningCallbacks = True
        try:
            result = callback(result, *args, **more)  # type: ignore[operator]
        except BaseException:
            result = Failure()
        self._runningCallbacks = False
        self.result = None
        if callbacks or result is not None:
            # Twisted goes on from here, as if it had called something that gave this.
            callbacks.insert(0, ((_given, (result,), {}), (_given, (result,), {})))
            self._runCallbacks()

    fail = Deferred.errback


def _given(_: object, result: Any) -> Any:
    return result


KNOWS_DEFERREDS: Final = _ANOTHER_WAITS is not None and all(
    hasattr(Deferred(), name) for name in _INSIDE
)
"""Whether the inside of this Twisted's Deferreds is as `QuickDeferred.succeed` expects it; where it
is not, that is `callback`."""

if not KNOWS_DEFERREDS:
    QuickDeferred.succeed = Deferred.callback  # type: ignore[method-assign]

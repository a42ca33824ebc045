"""How many requests one client may make: a bucket of tokens, which fills steadily."""

from __future__ import annotations


class RateLimit:
    """Requests that a client may make now; what it asks beyond them has to wait.

    Args:
        rate: Requests a second that it gets in the long run; more than 0.
        burst: Requests it may make at once after a rest; 0 for a second's worth, and at least 1.
        now: The time, in seconds.
    """

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = float(burst or max(1.0, rate))
        self._tokens = self._burst
        self._updated = now

    def take(self, wanted: int, now: float) -> int:
        """Takes leave for some requests.

        Args:
            wanted: How many the client has made.
            now: The time, in seconds.

        Returns:
            How many of them it may make now, 0 to ``wanted``.
        """
        elapsed = max(0.0, now - self._updated)
        self._tokens = min(self._burst, self._tokens + elapsed * self._rate)
        self._updated = now
        granted = min(wanted, int(self._tokens + _ROUNDING))
        self._tokens -= granted
        return granted

    def wait(self) -> float:
        """Seconds until the next request may be made, counted from the last `take`."""
        return max(0.0, (1.0 - self._tokens) / self._rate)


_ROUNDING = 1e-6
"""A timer of just `wait` seconds must find the token there, whatever the floats lost."""

"""Which requests the request log shows, where it does not show all."""

from __future__ import annotations

from typing import Protocol

from ..config.sections import ERRORS, SLOW


class Selection(Protocol):
    """Says of each request whether it is written."""

    def keeps(self, failed: bool, seconds: float) -> bool:
        """Whether a request is written.

        Args:
            failed: Whether it was answered with an error.
            seconds: How long it took.
        """


class Failed:
    """The requests that were answered with an error."""

    def keeps(self, failed: bool, seconds: float) -> bool:
        """See `Selection.keeps`."""
        return failed


class Slow:
    """The requests that took long, and those that were answered with an error.

    Args:
        least_seconds: From how long on a request is slow.
    """

    def __init__(self, least_seconds: float) -> None:
        self._least_seconds = least_seconds

    def keeps(self, failed: bool, seconds: float) -> bool:
        """See `Selection.keeps`."""
        return failed or seconds >= self._least_seconds


class Share:
    """The requests that were answered with an error, and a share of the others.

    Args:
        share: From 0 to 1, such as 0.01 for every hundredth request, at even distances.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._sum = 0.0

    def keeps(self, failed: bool, seconds: float) -> bool:
        """See `Selection.keeps`."""
        if failed:
            return True
        self._sum += self._share
        if self._sum < 1.0:
            return False
        self._sum -= 1.0
        return True


def selection(requests: bool | str | float, slow_seconds: float) -> Selection | None:
    """The selection of `log.requests`.

    Args:
        requests: Its value, other than false.
        slow_seconds: From how long on a request is slow.

    Returns:
        The selection; None for all requests.
    """
    if requests == ERRORS:
        return Failed()
    if requests == SLOW:
        return Slow(slow_seconds)
    return None if requests is True else Share(float(requests))

"""Times as decorators take them: ``500ms``, ``5s``, ``10m``."""

from __future__ import annotations

import re
from typing import Final

UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
"""Seconds of each unit."""

MAX_SECONDS: Final = 864_000
"""No interval is longer than ten days."""

_INTERVAL: Final = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|min|h|d)")


def parse_interval(text: object) -> float:
    """Read an interval.

    Args:
        text: A number and a unit, such as ``500ms``, ``5s``, ``10m``, ``1h`` or ``1d``.

    Returns:
        The seconds.

    Raises:
        ValueError: It is not of that form, or longer than `MAX_SECONDS`.
    """
    match = _INTERVAL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("an interval is a number and a unit, such as 500ms, 5s, 10m or 1h")
    number = int(match[1])
    seconds = number / 1000 if match[2] == "ms" else float(number * UNITS[match[2]])
    if seconds > MAX_SECONDS:
        raise ValueError("an interval is at most 10 days")
    return seconds

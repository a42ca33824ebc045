"""Keeps the values of some params out of the logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

HIDDEN: Final = "[FILTERED]"
"""The replacement for a hidden value in a log."""

LEAST_CHARACTERS: Final = 3
"""Shorter values are not looked for in texts, where they would occur by chance."""


class ParamFilter:
    """Hides the values of params that have certain names, in upper or lower case.

    Args:
        names: Their names.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(name.casefold() for name in names if name)
        words = "|".join(map(re.escape, sorted(self._names))) or r"\Z."
        self._assignment = re.compile(rf"((?:{words})\W*?[=:])\s*\S+", re.IGNORECASE)

    def params(self, params: object) -> object:
        """A copy of params in which the values are hidden, at any depth.

        Raises:
            RecursionError: They are nested too deeply.
        """
        if isinstance(params, dict):
            return {
                key: HIDDEN if self._is_hidden(key) else self.params(value)
                for key, value in params.items()
            }
        if isinstance(params, list | tuple):
            return [self.params(value) for value in params]
        return params

    def text(self, text: str, params: object) -> str:
        """A text that may repeat values of these params, without the values to be hidden.

        Args:
            text: An error or a traceback.
            params: The params of the request that it is about.
        """
        # The longest first, since one may be a part of another.
        for value in sorted(set(self._values(params)), key=len, reverse=True):
            text = text.replace(value, HIDDEN)
        return text

    def assignments(self, text: str) -> str:
        """A text that holds something like ``password=x``, without the x."""
        return self._assignment.sub(rf"\1{HIDDEN}", text)

    def _is_hidden(self, key: object) -> bool:
        return isinstance(key, str) and key.casefold() in self._names

    def _values(self, params: object) -> Iterator[str]:
        """The values to be hidden, in every form in which a text may show them."""
        waiting: list[tuple[object, bool]] = [(params, False)]
        seen: set[tuple[int, bool]] = set()
        while waiting:
            value, hidden = waiting.pop()
            if isinstance(value, dict | list | tuple):
                if (id(value), hidden) in seen:
                    continue
                seen.add((id(value), hidden))
                items = value.items() if isinstance(value, dict) else enumerate(value)
                waiting += [(item, hidden or self._is_hidden(key)) for key, item in items]
            elif hidden and isinstance(value, str | int | float):
                text = value if isinstance(value, str) else repr(value)
                if len(text) >= LEAST_CHARACTERS:
                    yield from (text, repr(text)[1:-1], json.dumps(text)[1:-1])

"""JSON values for tests with generated input, and a strict reader to compare with."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import strategies as st

ANY_TEXT = st.text(
    st.characters(exclude_categories=()) | st.characters(categories=["Cc", "Cs"]), max_size=30
)
"""Any text, also with lone surrogates in it."""

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT
)


def _nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
        max_leaves=15,
    )


JSON_VALUES = _nested(SCALARS)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("too large")
    return value


def _refuse(name: str) -> float:
    raise ValueError(name)


def reference(text: str) -> object:
    """A strict reading of a JSON text; ValueError where it is none."""
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def depth(value: object) -> int:
    """How deeply a value is nested."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0

"""The functions that `@action` and the hooks' decorators marked during the import of a file.

A mark is an attribute of a function, so it is lost where something else takes the function's
place: a decorator above, a class around it. The import records marked functions here, so that the
    loader can refuse those it would miss.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_marked: ContextVar[list[Mark] | None] = ContextVar("marked", default=None)


@dataclass(frozen=True, slots=True)
class Mark:
    """One function that was marked.

    Attributes:
        function: The function.
        text: What it is, with its name, such as ``the action 'greet'``.
        file: The file that defines it.
        line: The line there.
    """

    function: Callable[..., Any]
    text: str
    file: str
    line: int


@contextmanager
def collected() -> Iterator[list[Mark]]:
    """Collects what is marked from now on; where this is nested, the inner one has its own."""
    marked: list[Mark] = []
    token = _marked.set(marked)
    try:
        yield marked
    finally:
        _marked.reset(token)


def remember(mark: Mark) -> None:
    """Adds a mark to what is being collected, if anything is."""
    marked = _marked.get()
    if marked is not None:
        marked.append(mark)


def place_of(function: Any) -> tuple[str, int]:
    """The file and the line that define a function: the user's own, below decorators.

    What is no function, and wraps none, is placed where it was marked.
    """
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:
        return code.co_filename, code.co_firstlineno
    package = __name__.rpartition(".")[0].rpartition(".")[0]
    frame = inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(package):
        frame = frame.f_back
    return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)

"""Coroutines that run at once, as far as they go without having to wait."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any

from twisted.internet.defer import Deferred


def start(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine up to the first thing it has to wait for.

    One that waits for nothing costs no Deferred, which would take 3 µs. It runs in a
    context of its own, as under `Deferred.fromCoroutine`.

    Returns:
        What it returned, or a Deferred of that where it has to wait.

    Raises:
        BaseException: Whatever it raised without having had to wait.
    """
    context = copy_context()
    try:
        awaited = context.run(coroutine.send, None)
    except StopIteration as stop:
        return stop.value
    return context.run(Deferred.fromCoroutine, _continued(coroutine, awaited))


def _continued(
    coroutine: Coroutine[Any, Any, Any], awaited: Any
) -> Generator[Deferred[Any], Any, Any]:
    """The rest of a coroutine that already waits for something, as a generator."""
    try:
        while True:
            try:
                value = yield awaited
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                awaited = coroutine.throw(error)
            else:
                awaited = coroutine.send(value)
    except StopIteration as stop:
        return stop.value

"""Where functions are defined, and what was marked."""

from __future__ import annotations

import functools
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import marks
from actionhero_tcp.app.marks import Mark, place_of


def decorated(function: Any) -> Any:
    """A decorator that tells whose place it takes."""

    @functools.wraps(function)
    def inner(*arguments: Any) -> Any:
        return function(*arguments)

    return inner


def plain() -> None:
    """A function."""


LINE = plain.__code__.co_firstlineno


class Callable:
    """What can be called and is no function."""

    def __call__(self) -> None:
        """Does nothing."""


class PlaceTests(SynchronousTestCase):
    """`place_of`."""

    def test_functions_and_what_wraps_them(self) -> None:
        for function in (
            plain,
            decorated(plain),
            decorated(decorated(plain)),
            staticmethod(plain),
            functools.partial(plain),
            functools.partial(decorated(plain)),
        ):
            self.assertEqual((__file__, LINE), place_of(function))

    def test_anything_else_is_placed_where_it_is_marked(self) -> None:
        for thing in (len, Callable(), None):
            file, line = place_of(thing)
            self.assertEqual(__file__, file)
            self.assertGreater(line, LINE)


class CollectedTests(SynchronousTestCase):
    """`collected`."""

    def test_each_import_has_its_own(self) -> None:
        one, two = (Mark(plain, text, "", 0) for text in ("one", "two"))
        marks.remember(one)
        with marks.collected() as outer:
            marks.remember(one)
            with marks.collected() as inner:
                marks.remember(two)
            marks.remember(one)
        self.assertEqual(([one, one], [two]), (outer, inner))

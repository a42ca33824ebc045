"""Tests of `actionhero_tcp.daemon.garbage`."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.daemon import garbage


class Settling(SynchronousTestCase):
    def setUp(self) -> None:
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)

    def test_freezes_what_is_there(self) -> None:
        kept = [[]]
        garbage.settle()
        self.assertFalse(any(each is kept for each in gc.get_objects()))
        self.assertGreater(gc.get_freeze_count(), 0)

    def test_still_collects_circles_of_later(self) -> None:
        garbage.settle()
        circle: list[object] = []
        circle.append(circle)
        del circle
        self.assertGreaterEqual(gc.collect(), 1)

    def test_collects_less_often(self) -> None:
        _, middle, old = gc.get_threshold()
        garbage.settle()
        self.assertEqual(gc.get_threshold(), (garbage.YOUNG_OBJECTS, middle, old))
        self.assertTrue(gc.isenabled())

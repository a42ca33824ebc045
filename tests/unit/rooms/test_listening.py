"""Who listens to rooms."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.rooms.listening import Listening, ear_of, is_ear
from tests.support import make_connection


class ListeningTests(SynchronousTestCase):
    """`Listening`."""

    def setUp(self) -> None:
        self.listening = Listening()
        self.ada, self.bob = make_connection(), make_connection()

    def test_the_first_and_the_last_one_are_told(self) -> None:
        self.assertTrue(self.listening.add(self.ada, "r"))
        self.assertFalse(self.listening.add(self.bob, "r"))
        self.assertEqual([self.ada, self.bob], list(self.listening.rooms["r"]))
        self.assertFalse(self.listening.discard(self.ada, "r"))
        self.assertTrue(self.listening.discard(self.bob, "r"))
        self.assertEqual({}, self.listening.rooms)

    def test_the_rooms_of_one(self) -> None:
        self.assertEqual([], list(self.listening.of(self.ada)))
        self.listening.add(self.ada, "r")
        self.listening.add(self.ada, "s")
        self.listening.discard(self.ada, "r")
        self.assertEqual(["s"], list(self.listening.of(self.ada)))

    def test_no_client_is_called_as_an_ear(self) -> None:
        self.assertTrue(is_ear(ear_of("p")))
        self.assertFalse(is_ear(self.ada.id))

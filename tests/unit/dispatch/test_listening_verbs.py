"""Tests of `actionhero_tcp.dispatch.listening_verbs`."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.dispatch.listening_verbs import LISTENS_ALREADY, LISTENS_NOT, listening_verbs
from actionhero_tcp.errors import ClientError, LimitError
from actionhero_tcp.rooms.rooms import Rooms
from tests.support import make_connection, make_live


class ListeningVerbsTests(SynchronousTestCase):
    """`listenToRoom` and `silenceRoom`."""

    def setUp(self) -> None:
        live = make_live({("limits", "max_rooms"): 2, ("limits", "max_room_name_length"): 5})
        self.rooms = Rooms(WriteBatch(lambda call: None), live)
        self.client = make_connection()
        self.verbs = {verb.words[0]: verb for verb in listening_verbs(self.rooms, live)}

    def ask(self, verb: str, room: str) -> dict[str, Any]:
        """The answer to a verb."""
        answer = self.verbs[verb].answer(self.client, 7, room.encode())
        assert isinstance(answer, bytes)
        found: dict[str, Any] = json.loads(answer)
        return found

    def test_a_client_hears_a_room_without_being_in_it(self) -> None:
        answer = self.ask("listenToRoom", "quiet")
        self.assertEqual(
            {"context": "response", "status": "OK", "room": "quiet", "messageCount": 7}, answer
        )
        self.assertEqual(["quiet"], list(self.rooms.listening.of(self.client)))
        self.assertEqual({}, self.client.rooms)

    def test_it_can_listen_once(self) -> None:
        self.ask("listenToRoom", "quiet")
        self.assertEqual(LISTENS_ALREADY, self.ask("listenToRoom", "quiet")["error"])

    def test_it_can_end_that(self) -> None:
        self.ask("listenToRoom", "quiet")
        self.assertNotIn("error", self.ask("silenceRoom", "quiet"))
        self.assertEqual([], list(self.rooms.listening.of(self.client)))

    def test_what_it_does_not_hear_cannot_be_silenced(self) -> None:
        self.assertEqual(LISTENS_NOT, self.ask("silenceRoom", "quiet")["error"])

    def test_limits(self) -> None:
        self.assertRaises(LimitError, self.ask, "listenToRoom", "too-long")
        self.ask("listenToRoom", "one")
        self.ask("listenToRoom", "two")
        self.assertRaises(LimitError, self.ask, "listenToRoom", "three")

    def test_private_rooms_cannot_be_heard(self) -> None:
        self.assertRaises(ClientError, self.ask, "listenToRoom", "@me")

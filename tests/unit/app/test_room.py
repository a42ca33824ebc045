"""A room as actions see it."""

from __future__ import annotations

from typing import Any

from actionhero_tcp import Api, Connection, Room
from tests.support.routing import RouterTestCase


class RoomTests(RouterTestCase):
    """`Room`, as `Api.room` gives it."""

    def test_members_and_speech(self) -> None:
        seen: list[Any] = []

        def look(api: Api, connection: Connection) -> None:
            room = api.room("defaultRoom")
            seen.extend([room, room.members, len(room), connection in room, "nobody" in room])
            seen.append(len(api.room("elsewhere")))
            room.say({"a": 1})

        self.start(look)
        self.client.send(b"look\n")
        said, answer = self.client.lines()
        self.assertEqual(({"a": 1}, "OK"), (said["message"], answer["status"]))
        room, members, size, here, nobody, elsewhere = seen
        self.assertIsInstance(room, Room)
        self.assertEqual("<Room defaultRoom>", repr(room))
        assert self.client.protocol.connection is not None
        self.assertEqual([self.client.protocol.connection.id], members)
        self.assertEqual((1, True, False, 0), (size, here, nobody, elsewhere))

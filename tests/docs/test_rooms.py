"""The examples of docs/rooms.md, and its statements that name a default."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.sections import General, Limits
from tests import support
from tests.docs.test_actions import ask, examples

PAGE = support.ROOT / "docs" / "rooms.md"


class RoomPageTests(SynchronousTestCase):
    """Two devices of one fleet, and a stranger."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        for name, code in examples(PAGE).items():
            path = Path(temporary.name) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(code, encoding="utf-8")
        actions = str(Path(temporary.name) / "actions")
        service, reactor = support.make_service({("general", "actions_directory"): actions})
        self.clients = [support.Client(service, reactor) for _ in range(3)]
        for client in self.clients:
            client.raw()

    def test_a_command_reaches_the_fleet(self) -> None:
        ada, grace, stranger = self.clients
        self.assertEqual("north", ada.ask(ask("enrol", token="7f3a"))["fleet"])
        self.assertEqual("north", grace.ask(ask("enrol", token="99c1"))["fleet"])
        ada.raw()
        self.assertEqual(401, stranger.ask(ask("enrol", token="x"))["code"])
        self.assertIn("error", stranger.ask("roomChange @north"))
        order = ask("command", fleet="north", order="blink")
        self.assertEqual(403, stranger.ask(order)["code"])
        self.assertEqual("OK", ada.ask(order)["status"])
        (message,) = grace.lines()
        self.assertEqual(
            ({"order": "blink"}, "@north", 0, "command"),
            tuple(message[key] for key in ("message", "room", "from", "context")),
        )
        self.assertEqual(["message", "room", "from", "context", "sentAt"], list(message))
        self.assertEqual((b"", b""), (ada.raw(), stranger.raw()))

    def test_the_table_of_verbs(self) -> None:
        ada, grace, stranger = self.clients
        for client, token in ((ada, "7f3a"), (grace, "99c1")):
            client.ask(ask("enrol", token=token))
        for client in self.clients:
            client.raw()
        ada.ask("say hello")
        self.assertEqual("defaultRoom", stranger.lines()[0]["room"])
        self.assertEqual(["defaultRoom"], [line["room"] for line in grace.lines()])
        self.assertEqual("defaultRoom", ada.ask("roomView")["room"])
        ada.ask("roomChange kitchen")
        grace.raw()
        grace.ask(ask("command", fleet="north", order="blink"))
        self.assertEqual("@north", ada.lines()[0]["room"])

    def test_the_defaults(self) -> None:
        page = PAGE.read_text(encoding="utf-8")
        self.assertIn(f"`general.privateRooms` (`{General().private_rooms}` by default)", page)
        self.assertIn(f"`limits.maxRooms` ({Limits().max_rooms})", page)
        self.assertIn(f"`limits.maxRoomNameLength` ({Limits().max_room_name_length})", page)

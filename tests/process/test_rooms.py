"""Rooms over real sockets: who hears what, who comes and goes, and who does not listen."""

from __future__ import annotations

from collections.abc import Callable

from tests.support import wait_for
from tests.support.integration import MEGABYTE, WELCOME, DaemonTestCase, OwnDaemonTestCase, Talker

ENTERED = "I have entered the room"
LEFT = "I have left the room"

ACTIONS = """
from actionhero_tcp import action


@action
def logIn(api, connection, *, user: str, level: int = 0):
    connection.attributes["user"] = user
    connection.attributes["level"] = level


@action
def announce(api, connection, *, room: str, text: str):
    api.rooms.say(room, text)


@action
def whisper(api, connection, *, to: str, text: str):
    return {"sent": api.send_socket_message(api.connections[to], {"whisper": text})}
"""


class RoomTests(DaemonTestCase):
    """Two and more clients in a room of the test's own."""

    files = {"actions/room_actions.py": ACTIONS}

    def members(self, count: int, room: str = "") -> list[Talker]:
        """So many clients in a room, who have heard all that was said there before."""
        room = room or self.id().rpartition(".")[2]
        clients: list[Talker] = []
        for _ in range(count):
            client = self.enter(self.daemon.connect())
            self.assertEqual(client.line(), WELCOME)
            client.send(f"roomChange {room}\n".encode())
            self.answer(client, "room")
            for earlier in clients:
                self.assertEqual(earlier.message()["message"], ENTERED)
            clients.append(client)
        return clients

    def answer(self, client: Talker, key: str) -> dict[str, object]:
        """The next response, past what the default room says before it."""
        message = client.message()
        while message["context"] != "response":
            self.assertEqual(message["room"], "defaultRoom")
            message = client.message()
        self.assertIn(key, message)
        return message

    def assert_heard(self, client: Talker, message: str, speaker: str) -> None:
        heard = client.message()
        self.assertEqual(list(heard), ["message", "room", "from", "context", "sentAt"])
        self.assertEqual((heard["message"], heard["from"]), (message, speaker))
        self.assertEqual(heard["context"], "user")
        self.assertGreater(heard["sentAt"], 1_600_000_000_000)

    def test_everybody_but_the_speaker_hears(self) -> None:
        speaker, *listeners = self.members(4)
        own_id = speaker.id()
        self.assertEqual(speaker.ask("say  hello ☃/ = \x01?")["status"], "OK")
        for listener in listeners:
            self.assert_heard(listener, " hello ☃/ = \x01?", own_id)
        # Nothing of it came back to the speaker, nor twice to anybody.
        for client in (speaker, *listeners):
            self.assertIn("details", client.ask("detailsView"))

    def test_what_is_said_to_the_byte(self) -> None:
        speaker, listener = self.members(2, "R")
        own_id = speaker.id()
        speaker.send(b"say hello?\n")
        self.assertRegex(
            listener.line().decode(),
            rf'^\{{"message":"hello\?","room":"R","from":"{own_id}","context":"user",'
            r'"sentAt":\d{13}\}$',
        )

    def test_many_messages_arrive_in_order(self) -> None:
        speaker, listener = self.members(2)
        answers = speaker.pipeline(b"".join(b"say %d\n" % i for i in range(5000)), 5000)
        self.assertEqual([m["messageCount"] for m in answers], list(range(2, 5002)))
        heard = listener.messages(5000)
        self.assertEqual([m["message"] for m in heard], [str(i) for i in range(5000)])

    def test_two_talk_at_once(self) -> None:
        clients = self.members(2)
        for client in clients:
            client.send(b"".join(b"say %d\n" % i for i in range(500)))
        for client in clients:
            messages = client.messages(1000)
            heard = [m["message"] for m in messages if m["context"] == "user"]
            self.assertEqual(heard, [str(i) for i in range(500)])

    def test_other_rooms_hear_nothing(self) -> None:
        speaker, listener = self.members(2)
        (stranger,) = self.members(1, "elsewhere")
        speaker.ask("say secret")
        self.assertEqual(listener.message()["message"], "secret")
        self.assertIn("roomStatus", stranger.ask("roomView"))

    def test_members_in_the_order_in_which_they_came(self) -> None:
        clients = self.members(3, "ordered")
        ids = [client.id() for client in clients]
        status = clients[1].ask("roomView")["roomStatus"]
        self.assertEqual(status, {"room": "ordered", "members": ids, "membersCount": 3})

    def test_a_change_of_room_is_announced_in_both(self) -> None:
        mover, stays = self.members(2, "from")
        (waits,) = self.members(1, "to")
        own_id = mover.id()
        self.assertEqual(mover.ask("roomChange to")["room"], "to")
        self.assert_heard(stays, LEFT, own_id)
        self.assert_heard(waits, ENTERED, own_id)
        mover.ask("say here")
        self.assertEqual(waits.message()["room"], "to")
        self.assertEqual(stays.ask("roomView")["roomStatus"]["membersCount"], 1)

    def check_leaving(self, leave: Callable[[Talker], object]) -> None:
        goes, stays = self.members(2)
        own_id = goes.id()
        leave(goes)
        self.assert_heard(stays, LEFT, own_id)
        # Once, and it is out of the list.
        status = stays.ask("roomView")["roomStatus"]
        self.assertEqual(status["members"], [stays.id()])

    def test_leaving_by_quit(self) -> None:
        self.check_leaving(lambda client: client.send(b"quit\n"))

    def test_leaving_by_ctrl_d(self) -> None:
        self.check_leaving(lambda client: client.send(b"\x04"))

    def test_leaving_by_fin(self) -> None:
        self.check_leaving(Talker.close)

    def test_leaving_by_half_close(self) -> None:
        self.check_leaving(Talker.finish)

    def test_leaving_by_rst(self) -> None:
        self.check_leaving(Talker.reset)

    def test_the_speaker_who_leaves_at_once_is_heard(self) -> None:
        speaker, listener = self.members(2)
        own_id = speaker.id()
        speaker.send(b"say last words\nquit\n")
        self.assert_heard(listener, "last words", own_id)
        self.assert_heard(listener, LEFT, own_id)

    def test_matching_by_id(self) -> None:
        speaker, chosen, other = self.members(3)
        speaker.ask("paramAdd roomMatchKey=id")
        speaker.ask(f"paramAdd roomMatchValue={chosen.id()}")
        speaker.ask("say for one")
        speaker.ask("paramsDelete")
        speaker.ask("say for all")
        self.assertEqual([m["message"] for m in chosen.messages(2)], ["for one", "for all"])
        self.assertEqual(other.message()["message"], "for all")

    def test_matching_by_what_an_action_has_set(self) -> None:
        speaker, chosen, other = self.members(3)
        for client, user in ((chosen, "ann"), (other, "bob")):
            client.ask_json("logIn", user=user, level=7)
        # A client's own param of that name is no attribute.
        other.ask("paramAdd user=ann")
        for key, value in (("user", "ann"), ("level", "7"), ("nope", "None"), ("user", "carl")):
            speaker.ask(f"paramAdd roomMatchKey={key}")
            speaker.ask(f"paramAdd roomMatchValue={value}")
            speaker.ask(f"say {key}")
        speaker.ask("paramDelete roomMatchValue")
        speaker.ask("say end")
        self.assertEqual([m["message"] for m in chosen.messages(3)], ["user", "level", "end"])
        self.assertEqual([m["message"] for m in other.messages(2)], ["level", "end"])

    def test_the_application_speaks(self) -> None:
        (listener,) = self.members(1, "spoken")
        (other,) = self.members(1, "outside")
        other.ask_json("announce", room="spoken", text="api")
        heard = listener.message()
        self.assertEqual((heard["message"], heard["from"]), ("api", 0))
        answer = other.ask_json("whisper", to=listener.id(), text="psst")
        self.assertIs(answer["sent"], True)
        self.assertEqual(listener.line(), b'{"whisper":"psst","context":"api"}')

    def test_half_lines_of_two_clients_never_mix(self) -> None:
        one, two = self.members(2)
        for part, other in ((b"say a", b"say 1"), (b"b", b"2"), (b"c\r", b"3"), (b"", b"\r")):
            one.send(part)
            two.send(other)
            # An answer on a third connection: what was sent before has been read by then.
            (witness,) = self.members(1, "witness")
            witness.ask("paramsView")
            witness.close()
        one.send(b"\n")
        self.assertEqual(one.message()["status"], "OK")
        self.assertEqual(two.message()["message"], "abc")
        two.send(b"\n")
        self.assertEqual(two.message()["status"], "OK")
        self.assertEqual(one.message()["message"], "123")


class NewcomerTests(OwnDaemonTestCase):
    """The default room."""

    def test_a_newcomer_is_announced_there(self) -> None:
        running = self.start("--default-chat-room=lobby")
        stream = running.connect()
        self.addCleanup(stream.close)
        first = Talker(stream)
        self.assertEqual(first.message()["room"], "lobby")
        stream = running.connect()
        self.addCleanup(stream.close)
        second = Talker(stream)
        self.assertEqual(second.message()["room"], "lobby")
        own_id = second.id()
        entered = first.message()
        self.assertEqual((entered["message"], entered["from"]), (ENTERED, own_id))
        self.assertEqual(first.ask("roomView")["roomStatus"]["membersCount"], 2)

    def test_one_that_only_connects_is_never_announced(self) -> None:
        running = self.start("--announce-delay=60")
        first = self.join(running)
        own_id = first.id()
        for _ in range(10):
            probe = self.join(running)
            members = first.ask("roomView")["roomStatus"]["membersCount"]
            self.assertEqual(members, 2)
            probe.close()
            wait_for(
                lambda: first.ask("roomView")["roomStatus"]["members"] == [own_id],
                "the end of a probe",
            )

    def test_one_that_sends_nothing_is_announced_after_a_while(self) -> None:
        running = self.start("--announce-delay=0.1")
        first = self.join(running)
        first.id()
        second = self.join(running)
        self.assertEqual(first.message()["message"], ENTERED)
        second.close()
        self.assertEqual(first.message()["message"], LEFT)

    def test_large_rooms_are_not_told_who_comes_and_goes(self) -> None:
        running = self.start("--announce-limit=2", "--announce-delay=0")
        first, second, third = (self.join(running) for _ in range(3))
        self.assertEqual(first.message()["message"], ENTERED)
        third.ask("say hello")
        self.assertEqual(first.message()["message"], "hello")
        self.assertEqual(second.message()["message"], "hello")


class SlowConsumerTests(OwnDaemonTestCase):
    """A listener that never reads."""

    def test_is_closed_while_the_others_get_every_line(self) -> None:
        running = self.start("--max-outbox-bytes=100000", "--announce-delay=0")
        deaf = self.join(running, receive_buffer=4096)
        deaf_id = deaf.id()
        speaker, listener = self.join(running), self.join(running)
        self.assertEqual(speaker.message()["message"], ENTERED)
        words = "x" * 60_000
        count = 0
        while True:
            count += 1
            self.assertLess(count * len(words), 100 * MEGABYTE, "it is never closed")
            speaker.send(f"say {count} {words}\n".encode())
            heard = listener.message()
            if heard["message"] == LEFT:
                break
            self.assertEqual(heard["message"], f"{count} {words}")
            answer = speaker.message()
            if answer.get("message") == LEFT:
                answer = speaker.message()
            self.assertEqual(answer["messageCount"], count)
        self.assertEqual(heard["from"], deaf_id)
        self.assertEqual(listener.message()["message"], f"{count} {words}")
        self.assertTrue(deaf.is_dropped())
        running.wait_for_log('reason="slow consumer"')
        self.assertIn(deaf_id, next(x for x in running.log.split("\n") if "slow consumer" in x))
        self.assertEqual(listener.ask("roomView")["roomStatus"]["membersCount"], 2)
        listener.close()
        speaker.close()
        self.stop(running)

    def test_one_who_catches_up_is_served_on(self) -> None:
        running = self.start("--max-outbox-bytes=100000000")
        late = self.join(running, receive_buffer=4096)
        speaker = self.join(running)
        words = "x" * 60_000
        for count in range(1, 301):
            self.assertEqual(speaker.ask(f"say {count} {words}")["messageCount"], count)
        self.assertEqual(late.message()["message"], ENTERED)
        heard = [m["message"] for m in late.messages(300)]
        self.assertEqual(heard, [f"{count} {words}" for count in range(1, 301)])
        late.send(b"paramsView\n" * 1000)
        answers = [m["messageCount"] for m in late.messages(1000)]
        self.assertEqual(answers, list(range(1, 1001)))

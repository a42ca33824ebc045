"""The verbs of the protocol."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.dispatch.dialect_2012 import _QUIT
from actionhero_tcp.errors import ClientError
from actionhero_tcp.rooms import rooms
from actionhero_tcp.rooms.rooms import Rooms
from tests.support import PROPERTY, make_commands, make_connection, make_live

OK = b'{"context":"response","status":"OK","messageCount":7}\r\n'
PARAM_OK = b'{"status":"OK","context":"response","messageCount":7}\r\n'

WORDS = (
    *("quit", "exit", "close", "paramAdd", "addParam", "paramView", "viewParam", "paramDelete"),
    *("deleteParam", "paramsView", "paramsDelete", "roomChange", "roomView", "detailsView", "say"),
)


class CommandsTestCase(SynchronousTestCase):
    """Has the verbs, and two clients in the default room."""

    def setUp(self) -> None:
        self.rooms = Rooms(WriteBatch(lambda call: None), make_live())
        self.commands = make_commands(
            self.rooms,
            {
                ("limits", "max_params"): 3,
                ("limits", "max_param_bytes"): 100,
                ("limits", "max_room_name_length"): 10,
            },
        )
        self.ada, self.bob = make_connection(), make_connection()
        self.ada.id, self.bob.id = "a" * 32, "b" * 32
        self.ada.connected_at = 1346909099674
        for client in (self.ada, self.bob):
            self.rooms.join(client, "lobby")
        self.ada.outbox.said.clear()

    def ask(self, line: str) -> bytes:
        """The response to a line of ada's, as her seventh request."""
        word, _, argument = line.partition(" ")
        response = self.commands.table[word.encode()].answer(self.ada, 7, argument.encode())
        assert isinstance(response, bytes)
        return response

    def refused(self, line: str, expected: str) -> None:
        """Checks that a line is refused, and what the error says."""
        error = self.assertRaises(ClientError, self.ask, line)
        self.assertEqual((expected, {}), (error.text, error.fields))

    def heard(self) -> list[Any]:
        """What bob heard."""
        return [message["message"] for message in self.bob.outbox.heard]


class TableTests(CommandsTestCase):
    """The table of verbs."""

    def test_holds_every_word(self) -> None:
        self.assertEqual({word.encode() for word in WORDS}, set(self.commands.table))

    def test_older_spellings_do_the_same(self) -> None:
        table = self.commands.table
        for older, word in (
            (b"addParam", b"paramAdd"),
            (b"viewParam", b"paramView"),
            (b"deleteParam", b"paramDelete"),
            (b"exit", b"quit"),
            (b"close", b"quit"),
        ):
            self.assertIs(table[word], table[older])

    def test_holds_what_interrupts_stand_for(self) -> None:
        self.assertIn(_QUIT, self.commands.table)

    def test_every_verb_has_help(self) -> None:
        for verb in self.commands.verbs:
            self.assertTrue(verb.help.strip(), verb.name)
            self.assertNotIn("\n", verb.help)

    def test_a_verbs_name_is_the_word_of_today(self) -> None:
        expected = [
            *("quit", "paramAdd", "paramView", "paramDelete", "paramsView", "paramsDelete"),
            *("roomChange", "roomView", "detailsView", "say"),
        ]
        self.assertEqual(expected, [verb.name for verb in self.commands.verbs])

    def test_every_verb_has_an_example_that_works(self) -> None:
        for verb in self.commands.verbs:
            self.assertEqual(verb.name, verb.example.split(" ")[0])
            self.assertNotIn(b"error", self.ask(verb.example))

    def test_examples(self) -> None:
        expected = {
            "paramAdd": "paramAdd key=value",
            "paramView": "paramView key",
            "paramDelete": "paramDelete key",
            "roomChange": "roomChange myRoom",
            "say": "say hello",
        }
        for verb in self.commands.verbs:
            if verb.takes:
                self.assertEqual(expected.pop(verb.name), verb.example)
        self.assertEqual({}, expected)


class ArgumentsTests(CommandsTestCase):
    """What is checked before a verb runs."""

    def test_verbs_that_take_nothing(self) -> None:
        for line in ("paramsView", "paramsDelete", "roomView", "detailsView", "quit"):
            self.refused(f"{line} now", f"{line} takes no argument")
            self.refused(f"{line}  x ", f"{line} takes no argument")

    def test_the_other_words_for_quit_are_named_as_quit(self) -> None:
        for word in ("exit", "close"):
            self.refused(f"{word} now", "quit takes no argument")

    def test_a_refused_verb_does_nothing(self) -> None:
        self.refused("quit now", "quit takes no argument")
        self.ask("paramAdd a=1")
        self.refused("paramsDelete a", "paramsDelete takes no argument")
        self.assertEqual(([], {"a": "1"}), (self.ada.owner.closed, self.ada.params))

    def test_blanks_are_no_argument(self) -> None:
        self.assertEqual(OK, self.ask("paramsDelete  "))
        self.assertEqual(OK, self.ask("paramsDelete \t "))

    def test_verbs_that_take_one_word(self) -> None:
        for word, takes, example in (
            ("paramView", "the name of a param", "key"),
            ("paramDelete", "the name of a param", "key"),
            ("roomChange", "the name of a room", "myRoom"),
        ):
            for argument in ("", " ", "  \t", " a b", " a\tb", "  two words "):
                self.refused(word + argument, f"{word} takes {takes}, as in: {word} {example}")

    def test_older_spellings_are_named_as_those_of_today(self) -> None:
        self.refused("viewParam", "paramView takes the name of a param, as in: paramView key")
        self.refused(
            "addParam x", "paramAdd takes a param and its value, as in: paramAdd key=value"
        )

    def test_blanks_around_one_word_do_not_count(self) -> None:
        self.ask("paramAdd key=v")
        self.assertIn(b'"params":{"key":"v"}', self.ask("paramView  \tkey \t"))


class QuitTests(CommandsTestCase):
    """``quit``, ``exit`` and ``close``."""

    def test_says_goodbye(self) -> None:
        for word in ("quit", "exit", "close"):
            expected = b'{"status":"Bye!","context":"response","messageCount":7}\r\n'
            self.assertEqual(expected, self.ask(word))

    def test_closes(self) -> None:
        self.ask("exit")
        self.assertEqual(["quit"], self.ada.owner.closed)


class ParamsTests(CommandsTestCase):
    """The verbs for sticky params."""

    def test_add(self) -> None:
        self.assertEqual(PARAM_OK, self.ask("paramAdd key=value"))
        self.assertEqual({"key": "value"}, self.ada.params)

    def test_add_by_the_older_spelling(self) -> None:
        self.assertEqual(PARAM_OK, self.ask("addParam key=value"))
        self.assertEqual({"key": "value"}, self.ada.params)

    def test_a_value_is_all_that_follows_the_first_equals_sign(self) -> None:
        self.ask("paramAdd key= a = b =\tc ")
        self.assertEqual({"key": " a = b =\tc "}, self.ada.params)

    def test_a_value_may_be_empty(self) -> None:
        self.assertEqual(PARAM_OK, self.ask("paramAdd key="))
        self.assertEqual({"key": ""}, self.ada.params)

    def test_blanks_around_a_key_do_not_count(self) -> None:
        self.ask("paramAdd  \tkey\t =v")
        self.assertEqual({"key": "v"}, self.ada.params)

    def test_keys_may_be_any_word(self) -> None:
        self.ask("paramAdd ü-1.☃={}")
        self.assertEqual({"ü-1.☃": "{}"}, self.ada.params)

    def test_add_needs_a_key_and_an_equals_sign(self) -> None:
        expected = "paramAdd takes a param and its value, as in: paramAdd key=value"
        for argument in ("", " ", " key", " key value", " =value", "  =", " a b=c", " a\tb=c"):
            self.refused("paramAdd" + argument, expected)
        self.assertEqual({}, self.ada.params)

    def test_add_keeps_to_the_limits(self) -> None:
        for key in "abc":
            self.ask(f"paramAdd {key}=1")
        self.refused("paramAdd d=1", "a connection can hold at most 3 params")
        self.refused(
            "paramAdd c=" + "x" * 100, "the params of a connection can take at most 100 bytes"
        )
        self.assertEqual(PARAM_OK, self.ask("paramAdd action=x"))

    def test_view(self) -> None:
        self.ask('paramAdd key=a ☃/ "b"')
        expected = (
            '{"context":"response","params":{"key":"a ☃/ \\"b\\""},"messageCount":7}\r\n'.encode()
        )
        self.assertEqual(expected, self.ask("paramView key"))
        self.assertEqual(expected, self.ask("viewParam key"))

    def test_view_of_a_number(self) -> None:
        self.ada.params["limit"] = 100
        self.assertEqual(
            b'{"context":"response","params":{"limit":100},"messageCount":7}\r\n',
            self.ask("paramView limit"),
        )

    def test_view_of_what_is_not_set(self) -> None:
        self.assertEqual(
            b'{"context":"response","params":{},"messageCount":7}\r\n', self.ask("paramView key")
        )

    def test_keys_have_upper_and_lower_case(self) -> None:
        self.ask("paramAdd Key=1")
        self.assertIn(b'"params":{}', self.ask("paramView key"))

    def test_delete(self) -> None:
        self.ask("paramAdd a=1")
        self.ask("paramAdd b=2")
        self.assertEqual(PARAM_OK, self.ask("paramDelete a"))
        self.assertEqual(PARAM_OK, self.ask("deleteParam b"))
        self.assertEqual({}, self.ada.params)

    def test_delete_of_what_is_not_set(self) -> None:
        self.assertEqual(PARAM_OK, self.ask("paramDelete a"))

    def test_view_all(self) -> None:
        self.assertEqual(
            b'{"context":"response","params":{},"messageCount":7}\r\n', self.ask("paramsView")
        )
        self.ada.params.update(action="cacheTest", limit=100, offset=0, key="myKey")
        self.assertEqual(
            b'{"context":"response","params":{"action":"cacheTest","limit":100,"offset":0,'
            b'"key":"myKey"},"messageCount":7}\r\n',
            self.ask("paramsView"),
        )

    def test_delete_all(self) -> None:
        for key in "abc":
            self.ask(f"paramAdd {key}=1")
        self.assertEqual(OK, self.ask("paramsDelete"))
        self.assertEqual({}, self.ada.params)
        self.assertEqual(OK, self.ask("paramsDelete"))

    def test_add_touches_no_other_client(self) -> None:
        self.ask("paramAdd key=value")
        self.assertEqual({}, self.bob.params)

    @PROPERTY
    @given(st.text(max_size=12) | st.from_regex(r"\A[ \t]*[a-z ☃]{0,3}[ =]{0,2}.{0,5}\Z"))
    def test_what_was_added_can_be_viewed(self, argument: str) -> None:
        self.setUp()
        key, equals, value = argument.partition("=")
        key = key.strip(" \t")
        if equals and key and not set(key) & set(" \t"):
            self.assertEqual(PARAM_OK, self.ask(f"paramAdd {argument}"))
            self.assertEqual({key: value}, json.loads(self.ask(f"paramView {key}"))["params"])
        else:
            self.assertRaises(ClientError, self.ask, f"paramAdd {argument}")
            self.assertEqual({}, self.ada.params)


class RoomTests(CommandsTestCase):
    """``roomChange``, ``roomView`` and ``say``."""

    def test_change(self) -> None:
        self.assertEqual(
            b'{"context":"response","status":"OK","room":"den","messageCount":7}\r\n',
            self.ask("roomChange den"),
        )
        self.assertEqual(["den"], list(self.ada.rooms))
        self.assertEqual(
            ([self.bob.id], [self.ada.id]), (self.rooms.members("lobby"), self.rooms.members("den"))
        )

    def test_change_is_announced_in_both_rooms(self) -> None:
        cleo = make_connection()
        self.rooms.join(cleo, "den")
        self.ask("roomChange den")
        self.assertEqual([rooms.LEFT], self.heard())
        self.assertEqual([rooms.ENTERED], [m["message"] for m in cleo.outbox.heard])

    def test_change_leaves_all_rooms(self) -> None:
        self.rooms.join(self.ada, "second")
        self.ask("roomChange den")
        self.assertEqual(["den"], list(self.ada.rooms))
        self.assertNotIn("second", self.rooms)

    def test_change_to_the_same_room_is_not_announced(self) -> None:
        self.assertEqual(
            b'{"context":"response","status":"OK","room":"lobby","messageCount":7}\r\n',
            self.ask("roomChange lobby"),
        )
        self.assertEqual([], self.heard())
        self.assertEqual([self.ada.id, self.bob.id], self.rooms.members("lobby"))

    def test_rooms_may_be_any_word(self) -> None:
        self.assertEqual(
            '{"context":"response","status":"OK","room":"ü/\\"☃","messageCount":7}\r\n'.encode(),
            self.ask('roomChange ü/"☃'),
        )

    def test_change_takes_names_up_to_the_limit(self) -> None:
        self.ask("roomChange " + "☃" * 10)
        self.assertEqual("☃" * 10, self.ada.room)

    def test_change_refuses_longer_names(self) -> None:
        self.refused("roomChange " + "x" * 11, "a room's name has at most 10 characters")
        self.assertEqual("lobby", self.ada.room)

    def test_view(self) -> None:
        self.assertEqual(
            b'{"context":"response","status":"OK","room":"lobby","roomStatus":{"room":"lobby",'
            b'"members":["%b","%b"],"membersCount":2},"messageCount":7}\r\n'
            % (b"a" * 32, b"b" * 32),
            self.ask("roomView"),
        )

    def test_view_of_ones_own_room_alone(self) -> None:
        self.ask("roomChange den")
        self.assertEqual(
            b'{"context":"response","status":"OK","room":"den","roomStatus":{"room":"den",'
            b'"members":["%b"],"membersCount":1},"messageCount":7}\r\n' % (b"a" * 32),
            self.ask("roomView"),
        )

    def test_view_names_so_many_members_and_counts_all(self) -> None:
        self.commands = make_commands(self.rooms, {("limits", "max_members_shown"): 3})
        for _ in range(5):
            self.rooms.join(make_connection(), "lobby")
        view = json.loads(self.ask("roomView"))["roomStatus"]
        self.assertEqual(7, view["membersCount"])
        self.assertEqual(self.rooms.members("lobby")[:3], view["members"])

    def test_view_of_no_room(self) -> None:
        self.rooms.leave_all(self.ada)
        self.assertEqual(
            b'{"context":"response","status":"OK","room":null,"roomStatus":{"room":null,'
            b'"members":[],"membersCount":0},"messageCount":7}\r\n',
            self.ask("roomView"),
        )

    def test_a_private_room_cannot_be_entered_and_is_not_left(self) -> None:
        self.rooms.join(self.ada, "@team")
        self.refused(
            "roomChange @team", "only the application lets clients into rooms that begin with @"
        )
        self.refused(
            "roomChange @other", "only the application lets clients into rooms that begin with @"
        )
        self.assertNotIn("@other", self.rooms)
        self.assertIn("lobby", json.loads(self.ask("roomView"))["room"])
        self.ask("roomChange den")
        self.assertEqual(["@team", "den"], list(self.ada.rooms))

    def test_say_goes_to_the_room_that_the_client_is_in_and_to_no_private_one(self) -> None:
        self.rooms.join(self.ada, "@team")
        self.rooms.join(self.bob, "@team")
        self.bob.outbox.said.clear()
        self.ask("say hello")
        self.assertEqual(["lobby"], [message["room"] for message in self.bob.outbox.heard])
        for client in (self.ada, self.bob):
            self.rooms.leave(client, "lobby")
        self.bob.outbox.said.clear()
        self.ask("say psst")
        self.assertEqual(["@team"], [message["room"] for message in self.bob.outbox.heard])

    def test_say(self) -> None:
        self.assertEqual(OK, self.ask("say hello there"))
        (message,) = self.bob.outbox.heard
        self.assertEqual(["message", "room", "from", "context", "sentAt"], list(message))
        self.assertEqual(["hello there", "lobby", "a" * 32, "user"], [*message.values()][:4])

    def test_say_is_not_heard_by_the_speaker(self) -> None:
        self.ask("say hello")
        self.assertEqual([], self.ada.outbox.said + self.ada.outbox.sent)

    def test_a_message_is_all_that_follows_the_first_blank(self) -> None:
        for line, message in (("say  a = b ", " a = b "), ("say  ", " "), ("say \t", "\t")):
            self.ask(line)
            self.assertEqual(message, self.heard()[-1])

    def test_say_needs_a_message(self) -> None:
        for line in ("say", "say "):
            self.refused(line, "say takes a message, as in: say hello")
        self.assertEqual([], self.heard())

    def test_say_to_nobody_is_ok(self) -> None:
        self.rooms.leave_all(self.bob)
        self.assertEqual(OK, self.ask("say hello"))
        self.rooms.leave_all(self.ada)
        self.assertEqual(OK, self.ask("say hello"))

    def test_say_keeps_to_the_chosen_listeners(self) -> None:
        self.ask("paramAdd roomMatchKey=id")
        self.ask("paramAdd roomMatchValue=nobody")
        self.assertEqual(OK, self.ask("say hello"))
        self.assertEqual([], self.heard())
        self.ask(f"paramAdd roomMatchValue={self.bob.id}")
        self.ask("say hello")
        self.assertEqual(["hello"], self.heard())


class DetailsViewTests(CommandsTestCase):
    """``detailsView``."""

    def test_without_params(self) -> None:
        self.assertEqual(
            b'{"context":"response","status":"OK","details":{"params":{},"public":{"id":"%b",'
            b'"connectedAt":1346909099674}},"messageCount":7}\r\n' % (b"a" * 32),
            self.ask("detailsView"),
        )

    def test_with_params(self) -> None:
        self.ada.params.update(limit=100, key="☃%b")
        self.assertEqual(
            '{{"context":"response","status":"OK","details":{{"params":{{"limit":100,"key":"☃%b"}},'
            '"public":{{"id":"{}","connectedAt":1346909099674}}}},"messageCount":7}}\r\n'.format(
                "a" * 32
            ).encode(),
            self.ask("detailsView"),
        )

    def test_shows_nothing_of_the_applications_own(self) -> None:
        self.ada.attributes["user"] = "ada"
        self.assertEqual(["params", "public"], list(json.loads(self.ask("detailsView"))["details"]))


class EveryVerbTests(CommandsTestCase):
    """What holds for every verb and any argument."""

    @PROPERTY
    @given(st.lists(st.tuples(st.sampled_from(WORDS), st.text(max_size=8)), max_size=6))
    def test_gives_one_line_of_json_or_an_error_for_the_client(
        self, lines: list[tuple[str, str]]
    ) -> None:
        self.setUp()
        for word, argument in lines:
            try:
                answer = self.ask(f"{word} {argument}")
            except ClientError as error:
                self.assertIsInstance(error.text, str)
                continue
            self.assertTrue(answer.endswith(b',"messageCount":7}\r\n'), answer)
            self.assertEqual((1, 1), (answer.count(b"\n"), answer.count(b"\r")))
            self.assertEqual("response", json.loads(answer)["context"])
            self.assertEqual(1, len(self.ada.rooms))

"""The dialect of actionHero 29: verbs, ids of requests, sticky params, rooms, errors."""

from __future__ import annotations

import json
from typing import Any

from tests.support.routing import RouterTestCase, Waiting, echo

DIALECT = {("tcp_server", "dialect"): "29", ("general", "starting_chat_rooms"): ("hall", "attic")}
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


class Dialect29Tests(RouterTestCase):
    """One client over a transport of its own."""

    def setUp(self) -> None:
        self.waiting = Waiting()
        self.start(echo, self.waiting.action(), values={**DIALECT, **self.more()})

    def more(self) -> dict[tuple[str, str], Any]:
        return {}

    def ask(self, line: str) -> dict[str, Any]:
        return self.client.ask(line)

    def error(self, line: str) -> str:
        answer = self.ask(line)
        self.assertEqual(answer["context"], "response")
        return answer["error"]  # type: ignore[no-any-return]

    def test_an_answer_carries_both_numbers_last(self) -> None:
        self.ask("paramAdd messageId=m")
        self.assertEqual(
            self.raw(b"paramView messageId"),
            b'{"status":"OK","context":"response","data":"m","messageId":"m","messageCount":2}\r\n',
        )

    def test_the_id_is_a_uuid_or_what_the_client_gave(self) -> None:
        first = self.ask("paramAdd messageId=m")
        self.assertRegex(first["messageId"], UUID)
        self.assertEqual(self.ask("paramsView")["messageId"], "m")
        self.assertEqual(self.ask('{"action":"echo","params":{"a":1}}')["messageId"], "m")
        self.assertRegex(self.ask("paramsView")["messageId"], UUID)
        self.assertEqual(self.ask('{"action":"echo","params":{"messageId":42}}')["messageId"], 42)
        self.assertEqual(self.ask("paramsDelete")["messageId"], 42)
        for absent in ("0", '""', "null", "false"):
            answer = self.ask('{"action":"echo","params":{"messageId":' + absent + "}}")
            self.assertRegex(answer["messageId"], UUID)

    def test_param_add_takes_what_it_can(self) -> None:
        for line, params in (
            ("paramAdd k=v", {"k": "v"}),
            ("paramAdd k=a=b", {"k": "a"}),
            ("paramAdd k=a b", {"k": "a"}),
            ("paramAdd k=", {"k": ""}),
            ("paramAdd key v2", {"k": "", "key": "v2"}),
            ("paramAdd", {"k": "", "key": "v2"}),
            ("paramAdd key", {"k": ""}),
            ("paramDelete nope", {"k": ""}),
            ("paramDelete k", {}),
        ):
            answer = self.ask(line)
            self.assertEqual((answer["status"], "data" in answer), ("OK", False), line)
            self.assertEqual(self.ask("paramsView")["data"], params, line)
        self.assertNotIn("data", self.ask("paramView nope"))

    def test_a_private_room_does_not_exist_for_who_wants_to_enter(self) -> None:
        rooms = self.service.factory.context.api.rooms
        rooms.create("@staff")
        self.assertEqual(self.error("roomAdd @staff"), "room does not exist")
        self.assertEqual(self.error("say @staff hello"), "connection not in this room (@staff)")
        connection = self.client.protocol.connection
        assert connection is not None
        rooms.join(connection, "@staff")
        self.assertEqual(self.ask("roomView @staff")["data"]["membersCount"], 1)

    def test_the_application_says_something_in_a_context(self) -> None:
        connection = self.client.protocol.connection
        assert connection is not None
        rooms = self.service.factory.context.api.rooms
        rooms.join(connection, "@staff")
        rooms.broadcast("@staff", "go", context="command")
        (message,) = self.client.lines()
        self.assertEqual((message["from"], message["context"]), ("0", "command"))

    def test_params_of_json_stick(self) -> None:
        self.ask("paramAdd old=1")
        answer = self.ask('{"params":{"a":[1],"action":"x"},"action":"echo"}')
        self.assertEqual(answer["params"], {"a": [1], "action": "echo"})
        self.assertEqual(self.ask("paramsView")["data"], {"a": [1], "action": "echo"})
        self.assertEqual(self.ask("{}")["params"], {"a": [1], "action": "echo"})
        self.assertEqual(self.ask('{"action":["echo"]}')["params"]["action"], "echo")
        self.assertEqual(self.ask('{"action":"echo","params":["x","y"]}')["params"]["1"], "y")
        self.assertEqual(self.ask('{"action":"echo","params":null}')["params"], {"action": "echo"})

    def test_what_is_no_action(self) -> None:
        for line in (
            "nope",
            '{"action":"echo"',
            " paramsView",
            "paramAdd\tk=v",
            "null",
            "close",
            '{"action":"paramsView"}',
            '{"action":7}',
            "Quit",
            "roomChange hall",
        ):
            self.assertEqual(self.error(line), "unknown action or invalid apiVersion", line)
        self.ask("paramAdd apiVersion=2")
        self.assertEqual(self.error("echo"), "unknown action or invalid apiVersion")

    def test_details(self) -> None:
        self.ask("nope")
        details = self.ask("detailsView x")["data"]
        self.assertEqual(
            list(details),
            [
                "id",
                "fingerprint",
                "remoteIP",
                "remotePort",
                "params",
                "connectedAt",
                "rooms",
                "totalActions",
                "pendingActions",
            ],
        )
        self.assertRegex(details["id"], UUID)
        self.assertEqual(details["fingerprint"], details["id"])
        self.assertEqual((details["totalActions"], details["rooms"]), (1, []))

    def test_each_line_that_is_no_verb_counts_as_an_action(self) -> None:
        self.start(echo, values={**DIALECT, ("limits", "max_json_depth"): 8})
        deep = "[" * 9 + "]" * 9
        for line in ("echo", '{"action":"echo"}', f'{{"params":{deep}}}', '{"params":', "nope"):
            self.ask(line)
        self.assertEqual(self.ask("detailsView")["data"]["totalActions"], 5)

    def test_rooms(self) -> None:
        self.assertEqual(self.error("roomAdd nope"), "room does not exist")
        self.assertEqual(self.error("roomAdd"), "room does not exist")
        self.assertIs(self.ask("roomAdd hall")["data"], True)
        self.assertIs(self.ask("roomAdd attic")["data"], True)
        self.assertEqual(self.error("roomAdd hall"), "connection already in this room (hall)")
        self.assertEqual(self.ask("detailsView")["data"]["rooms"], ["hall", "attic"])
        view = self.ask("roomView hall")["data"]
        ((client, member),) = view["members"].items()
        self.assertEqual((view["room"], view["membersCount"], member["id"]), ("hall", 1, client))
        self.assertGreater(member["joinedAt"], 1_600_000_000_000)
        self.assertIs(self.ask("roomLeave hall")["data"], True)
        self.assertEqual(self.error("roomLeave hall"), "connection not in this room (hall)")
        self.assertEqual(self.error("roomLeave"), "connection not in this room (undefined)")

    def test_an_error_of_room_view_satisfies_clients_of_before_18(self) -> None:
        answer = self.ask("roomView hall")
        self.assertEqual(answer["status"], "not member of room hall")
        self.assertEqual(answer["error"], "connection not in this room (hall)")

    def test_a_speaker_hears_itself(self) -> None:
        self.ask("roomAdd hall")
        self.client.send(b"say hall  hello you\n")
        said, done = sorted(self.client.lines(), key=lambda line: line["context"], reverse=True)
        self.assertEqual((said["message"], said["room"]), (" hello you", "hall"))
        self.assertEqual(done["status"], "OK")
        for line in ("say", "say hall", "say  hello"):
            self.assertEqual(self.error(line), "both room and message are required")
        self.assertEqual(self.error("say attic x"), "connection not in this room (attic)")

    def test_the_server_is_the_client_0(self) -> None:
        self.ask("roomAdd hall")
        self.service.factory.context.api.rooms.say("hall", {"from": 0, "context": "user"})
        (heard,) = self.client.lines()
        self.assertEqual((heard["from"], heard["context"]), ("0", "user"))
        self.assertEqual(heard["message"], {"from": 0, "context": "user"})

    def test_files(self) -> None:
        for line in (b"file", b"file nope.txt", b"file ../x"):
            self.assertEqual(self.raw(line), b'"that file is not found"\r\n')
        self.raw(b'{"action":"echo","params":{"file":7}}')
        self.assertEqual(self.raw(b"file"), b'"that file is not found"\r\n')

    def test_documentation(self) -> None:
        found = self.ask("documentation")["data"]["cacheTest"]["1"]
        self.assertEqual((found["name"], found["version"]), ("cacheTest", 1))
        self.assertTrue(found["inputs"]["key"]["required"])

    def test_what_runs_is_answered_before_the_farewell(self) -> None:
        self.client.send(b"wait\nquit\nparamsView\n")
        self.assertEqual(self.client.raw(), b"")
        self.waiting.end(0, {"ended": True})
        self.reactor.advance(0)
        first, last = self.client.lines()
        self.assertEqual((first["ended"], first["messageCount"]), (True, 1))
        self.assertEqual(last, {"status": "Bye", "context": "api"})

    def test_it_survives_any_line(self) -> None:
        for line in (b"\xff\xfe", b"[", b"[]", b"5", b'"x"', b'{"params":{"a":{}}}', b"say \xff x"):
            self.assertIn("error", json.loads(self.raw(line)))
        self.assertEqual(self.log, "")


class RefusingTests(Dialect29Tests):
    """With the limit of pending actions of actionHero, and lines of at most 100 bytes."""

    def more(self) -> dict[tuple[str, str], Any]:
        return {
            ("general", "simultaneous_actions"): 2,
            ("general", "pending_actions_policy"): "refuse",
            ("tcp_server", "max_data_length"): 100,
        }

    def test_one_too_many(self) -> None:
        self.client.send(b"wait\nwait\n")
        self.assertEqual(self.error("echo"), "you have too many pending requests")
        self.assertEqual(self.ask("detailsView")["data"]["pendingActions"], 2)
        self.waiting.end(0, None)
        self.client.raw()
        self.assertIn("params", self.ask("echo"))

    def test_a_line_that_is_too_long(self) -> None:
        answer = self.ask("x" * 101)
        self.assertEqual((answer["status"], answer["error"]), ("error", "DATA_LENGTH_TOO_LONG"))
        self.assertIn("data", self.ask("paramsView"))

"""One line to one verb or one action."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from actionhero_tcp import ActionError, Connection
from actionhero_tcp.app.loader import Loaded
from tests.support.routing import SERVER_ERROR, RouterTestCase, Waiting, echo


def need(api: Any, connection: Connection, *, first: str, second: int) -> dict[str, object]:
    """Needs two params."""
    return {"first": first, "second": second}


class LineTests(RouterTestCase):
    """Which lines are served, and when they have to wait."""

    def serve(self, *lines: bytes) -> list[bytes]:
        """Serves lines; gives those that have to wait."""
        rest = iter(lines)
        connection = self.client.protocol.connection
        assert connection is not None
        with self.service.factory.context.write_batch:
            self.service.factory.context.router.serve(connection, rest)
        return list(rest)

    def test_other_actions_when_it_is_told(self) -> None:
        client = self.start(echo, need)
        application = self.service.factory.context.api.application
        echo_action = dataclasses.replace(application.actions["echo"], name="again")
        application.replace(Loaded({"again": echo_action}))
        for line in ("again", '{"action":"again"}'):
            self.assertIn("params", client.ask(line))
        for line in ("echo", '{"action":"echo"}'):
            self.assertEqual("echo is not a known action.", client.ask(line)["error"])

    def test_empty_lines_are_no_requests(self) -> None:
        self.start()
        self.assertEqual([], self.serve(b"", b"say a", b""))
        self.assertEqual([1], [line["messageCount"] for line in self.client.lines()])

    def test_what_follows_waits_where_too_many_actions_run(self) -> None:
        waiting = Waiting()
        self.start(waiting.action(), values={("limits", "max_pending_actions"): 2})
        self.assertEqual([], self.serve(b"wait", b"say a"))
        self.assertEqual([b"say b", b"wait"], self.serve(b"wait", b"say b", b"wait"))
        self.assertEqual([2], [line["messageCount"] for line in self.client.lines()])
        self.assertEqual(2, len(waiting.calls))

    def test_what_follows_a_quit_is_not_served(self) -> None:
        for line in (b"quit", b"exit", b"close", b" quit", b"\x04", b"\xff\xf4\xff\xfd\x06x"):
            self.start()
            self.assertEqual([b"say a"], self.serve(line, b"say a"))
            self.assertEqual("Bye!", self.client.lines()[0]["status"])

    def test_every_line_counts(self) -> None:
        self.start()
        self.serve(b"say a", b"nope", b"{", b"\xff")
        stats = self.client.ask("status")["stats"]["socketServer"]
        self.assertEqual(5, stats["numberOfLocalSocketRequests"])


class ErrorTests(RouterTestCase):
    """Each error of the protocol's table."""

    def setUp(self) -> None:
        def teapot(api: Any, connection: Connection) -> None:
            raise ActionError("I am a teapot", {"code": 418, "messageCount": 99, "error": "no"})

        def unsendable(api: Any, connection: Connection) -> None:
            raise ActionError("text", {"field": object()})

        self.start(echo, need, teapot, unsendable)

    def test_an_unknown_action(self) -> None:
        self.assertError("hello", "hello is not a known action.")
        self.assertError("hello you", "hello is not a known action.")
        self.assertError('{"action":"hello"}', "hello is not a known action.")

    def test_verbs_and_actions_are_case_sensitive(self) -> None:
        self.assertError("Quit", "Quit is not a known action.")
        self.assertError("Echo", "Echo is not a known action.")

    def test_a_verb_is_no_action_in_json(self) -> None:
        self.assertError('{"action":"quit"}', "quit is not a known action.")

    def test_no_action_named(self) -> None:
        for line in ("   ", "\t", '{"action":""}', "{}", '{"params":{}}'):
            self.assertError(line, "{no action} is not a known action.")

    def test_a_long_name_is_cut(self) -> None:
        self.assertError("x" * 64, "x" * 64 + " is not a known action.")
        self.assertError("x" * 65, "x" * 64 + "… is not a known action.")
        name = "y" * 100
        self.assertError(f'{{"action":"{name}"}}', "y" * 64 + "… is not a known action.")

    def test_a_very_long_name_is_an_unknown_action_too(self) -> None:
        self.assertError("x" * 20_000, "x" * 64 + "… is not a known action.")

    def test_a_missing_param_is_named_the_first_one_first(self) -> None:
        required = "is a required parameter for this action"
        self.assertError("need", f"first {required}")
        self.assertError('{"action":"need","params":{"second":1}}', f"first {required}")
        self.assertError('{"action":"need","params":{"first":"a"}}', f"second {required}")
        for empty in ("null", '""'):
            line = f'{{"action":"need","params":{{"first":{empty},"second":1}}}}'
            self.assertError(line, f"first {required}")

    def test_a_param_that_cannot_be_converted(self) -> None:
        self.assertError(
            '{"action":"need","params":{"first":"a","second":"b"}}',
            "second must be a whole number",
        )

    def test_the_error_for_clients_is_sent_with_its_fields(self) -> None:
        self.assertEqual(
            b'{"context":"response","error":"I am a teapot","code":418,"messageCount":1}\r\n',
            self.raw(b"teapot"),
        )
        self.assertEqual("", self.log)

    def test_fields_that_are_no_json_are_left_out_and_logged(self) -> None:
        self.assertError("unsendable", "text")
        self.assertIn("cannot be told to its client as it is: field holds", self.log)

    def test_json_that_does_not_parse(self) -> None:
        for line in ('{"action":', "{", '{"action":"echo"} x', "{'a':1}", '{"a":NaN}', "{]"):
            answer = self.client.ask(line)
            self.assertIn("the line is not valid JSON", answer["error"])

    def test_json_that_is_nested_too_deeply(self) -> None:
        for depth in (70, 30_000):
            answer = self.client.ask('{"a":' + "[" * depth + "]" * depth + "}")
            self.assertEqual("the JSON is nested deeper than 64 levels", answer["error"])

    def test_an_action_that_is_no_string(self) -> None:
        for value in ("1", "null", "[]", "{}", "true"):
            self.assertError(
                f'{{"action":{value}}}', '"action" must be a string, the name of an action'
            )

    def test_params_that_are_no_object(self) -> None:
        for value in ("1", "null", "[]", '"x"', "false"):
            self.assertError(f'{{"action":"echo","params":{value}}}', '"params" must be an object')

    def test_a_line_that_is_not_utf_8(self) -> None:
        for line in (
            b"\xff\xfe",
            b"say \xff",
            b"echo \xff",
            b"\xc3",
            b'{"action":"\xff"}',
            b" \xffx",
            b"hello\t\xff",
            b"say\t\xff",
            b"quit \xff",
        ):
            self.assertError(line, "the line is not UTF-8")

    def test_limit_and_offset_that_are_no_numbers(self) -> None:
        self.assertError('{"action":"echo","params":{"limit":"x"}}', "limit must be a number")
        self.assertError('{"action":"echo","params":{"offset":true}}', "offset must be a number")
        self.raw(b"paramAdd limit=many")
        self.assertError("echo", "limit must be a number")

    def test_a_verb_without_its_argument_says_what_it_takes(self) -> None:
        self.assertError(
            "paramAdd", "paramAdd takes a param and its value, as in: paramAdd key=value"
        )
        self.assertError("quit now", "quit takes no argument")

    def test_an_error_of_ours_is_no_more_than_a_server_error(self) -> None:
        def broken(connection: Any, number: int, argument: str) -> bytes:
            raise ZeroDivisionError

        verb = self.service.factory.context.dialect.verbs[b"say"]
        object.__setattr__(verb, "run", broken)
        self.assertError("say hello", SERVER_ERROR)
        self.assertError(" say hello", SERVER_ERROR)
        self.assertEqual(2, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(3, self.client.ask("paramsView")["messageCount"])

    def test_what_is_refused_runs_nothing_and_the_next_line_is_served(self) -> None:
        self.client.send(b'{"action":"echo",}\n\xff\necho\n')
        answers = self.client.lines()
        self.assertEqual([1, 2, 3], [answer["messageCount"] for answer in answers])
        self.assertEqual(["error", "error", "params"], [list(answer)[1] for answer in answers])


class ParamTests(RouterTestCase):
    """The params of a request, and what becomes sticky."""

    def setUp(self) -> None:
        self.waiting = Waiting()
        self.start(echo, self.waiting.action())

    def test_a_request_makes_its_action_limit_and_offset_sticky(self) -> None:
        self.raw(b"paramAdd early=1")
        self.raw(b"echo")
        self.raw(b"paramAdd late=2")
        expected = {"early": "1", "action": "echo", "limit": 100, "offset": 0, "late": "2"}
        self.assertEqual(list(expected.items()), list(self.params().items()))
        self.raw(b"nope")
        self.assertEqual({**expected, "action": "nope"}, self.params())

    def test_an_action_gets_the_sticky_params(self) -> None:
        self.raw(b"paramAdd k=v w")
        self.assertEqual(
            {"k": "v w", "action": "echo", "limit": 100, "offset": 0},
            self.client.ask("echo")["params"],
        )

    def test_limit_and_offset_given_as_text_become_numbers(self) -> None:
        self.raw(b"paramAdd limit=7")
        self.raw(b"paramAdd offset=1.5")
        params = self.client.ask("echo")["params"]
        self.assertEqual((7, 1.5), (params["limit"], params["offset"]))
        self.assertEqual((7, 1.5), (self.params()["limit"], self.params()["offset"]))

    def test_only_one_of_limit_and_offset_given(self) -> None:
        for key, other, default in (("limit", "offset", 0), ("offset", "limit", 100)):
            line = f'{{"action":"echo","params":{{"{key}":"3"}}}}'
            self.assertEqual({key: 3, other: default}, self.client.ask(line)["params"])

    def test_the_defaults_come_from_the_configuration(self) -> None:
        values = {("general", "default_limit"): 5, ("general", "default_offset"): 6}
        self.start(echo, values=values)
        self.assertEqual(
            {"action": "echo", "limit": 5, "offset": 6}, self.client.ask("echo")["params"]
        )
        self.assertEqual({"limit": 5, "offset": 6}, self.client.ask('{"action":"echo"}')["params"])

    def test_json_takes_exactly_its_own_params_and_leaves_nothing_behind(self) -> None:
        self.raw(b"paramAdd sticky=1")
        answer = self.client.ask('{"action":"echo","params":{"k":[1,{"a":null}]}}')
        self.assertEqual({"k": [1, {"a": None}], "limit": 100, "offset": 0}, answer["params"])
        self.assertEqual({"sticky": "1"}, self.params())

    def test_json_may_have_blanks_around_it(self) -> None:
        for line in ('  {"action":"echo"}', '\t{"action":"echo"}  ', '{ "action" : "echo" }\t'):
            self.assertEqual({"limit": 100, "offset": 0}, self.client.ask(line)["params"])

    def test_blanks_before_a_word_and_a_tab_behind_it(self) -> None:
        for line in (" echo", "\t echo", "echo\tx", "echo x y", " echo\t"):
            self.assertEqual("echo", self.client.ask(line)["params"]["action"], line)
        for line in (" paramAdd a=1", "paramAdd\ta=1", "\tparamAdd\ta=1"):
            self.assertEqual("OK", self.client.ask(line)["status"], line)

    def test_what_an_action_does_to_its_params_stays_with_it(self) -> None:
        self.client.send(b"wait\n")
        self.waiting.calls[0][0]["limit"] = 1
        self.assertEqual(100, self.params()["limit"])

    def test_later_params_do_not_reach_a_request_that_runs(self) -> None:
        self.client.send(b"paramAdd k=before\nwait\nparamAdd k=after\nparamDelete limit\nwait\n")
        (first, _), (second, _) = self.waiting.calls
        self.assertEqual(("before", 100), (first["k"], first["limit"]))
        self.assertEqual(("after", 100), (second["k"], second["limit"]))

    def test_a_refused_limit_keeps_nothing_else_from_sticking(self) -> None:
        self.raw(b"paramAdd limit=x")
        self.assertError("echo", "limit must be a number")
        self.assertEqual({"limit": "x", "action": "echo", "offset": 0}, self.params())

    def test_a_refused_limit_changes_nothing_of_the_request_before(self) -> None:
        self.client.send(b"paramAdd limit=x\necho\nparamAdd limit=3\necho\n")
        answers = self.client.lines()
        self.assertEqual("limit must be a number", answers[1]["error"])
        self.assertEqual(3, answers[3]["params"]["limit"])


class RequestLogTests(RouterTestCase):
    """What the request log hears of each request."""

    def setUp(self) -> None:
        self.waiting = Waiting()
        self.file = os.path.abspath(self.mktemp())
        values: dict[tuple[str, str], Any] = {
            ("log", "requests"): True,
            ("log", "request_file"): self.file,
            ("log", "params"): True,
            ("limits", "max_line_length"): 100,
        }
        self.start(self.waiting.action(), echo, values=values)

    def lines(self) -> list[str]:
        """What stands in the log of requests, from the name on and without the times."""
        self.reactor.advance(1)
        with open(self.file, encoding="utf-8") as stream:
            lines = [line for line in stream.read().splitlines() if " request " in line]
        parts = [line[line.index("number=") :].split(" ms=") for line in lines]
        return [f"{start} {end.partition(' ')[2]}" for start, end in parts]

    def test_verbs_actions_errors_and_late_answers(self) -> None:
        self.client.send(b"say hello\n say hello\necho\nnope\n\xff\nwait\nquit now\n")
        self.waiting.end(0, None)
        lines = self.lines()
        self.assertEqual("number=1 name=say ok", lines[0])
        self.assertEqual("number=2 name=say ok", lines[1])
        self.assertTrue(lines[2].startswith("number=3 name=echo ok params="), lines[2])
        self.assertIn('error="nope is not a known action."', lines[3])
        self.assertIn('number=5 name="" error="the line is not UTF-8"', lines[4])
        self.assertEqual('number=7 name=quit error="quit takes no argument"', lines[5])
        self.assertTrue(lines[6].startswith("number=6 name=wait ok"), lines[6])

    def test_an_unknown_action_is_logged_by_its_name(self) -> None:
        self.client.send(b'nope\n{"action":"nope"}\n')
        for number, line in enumerate(self.lines(), 1):
            self.assertTrue(line.startswith(f"number={number} name=nope "), line)

    def test_a_line_that_is_too_long(self) -> None:
        self.client.send(b"x" * 200 + b"\n")
        self.assertEqual(
            ['number=1 name="" error="a line can be at most 100 bytes long"'], self.lines()
        )

    def test_a_request_that_was_given_up(self) -> None:
        self.client.send(b"wait\n")
        self.reactor.advance(31)
        (line,) = self.lines()
        self.assertIn('error="wait did not finish within 30 seconds"', line)

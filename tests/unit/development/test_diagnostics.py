"""What clients are told of faults in action files."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from actionhero_tcp import NO_RESPONSE, ActionError, on_say
from actionhero_tcp.app import hooks
from actionhero_tcp.development.diagnostics import DiagnosticDialect
from actionhero_tcp.errors import LimitError
from tests.support.routing import SERVER_ERROR, RouterTestCase, Waiting, echo

FAULT = "actions/a.py:1: invalid syntax"


def refuse(api: Any, connection: Any) -> None:
    raise ActionError("no", {"code": 4, "fault": "mine"})


def fail(api: Any, connection: Any) -> None:
    raise ValueError("a bug")


def nothing(api: Any, connection: Any) -> None:
    pass


class Sum(Struct):
    """A response."""

    sum: float


def add(api: Any, connection: Any, *, a: int) -> Sum:
    return Sum("3" if a == 1 else 5.0)  # type: ignore[arg-type]


def none(api: Any, connection: Any) -> Sum | None:
    return None


class DiagnosticTests(RouterTestCase):
    """`DiagnosticDialect`."""

    def begin(self, *functions: Any) -> DiagnosticDialect:
        """A server of these actions, of which each has a fault."""
        folder = self.mktemp()
        self.start(
            *functions,
            values={
                ("general", "development_mode"): True,
                ("general", "actions_directory"): folder,
            },
        )
        dialect = self.service.factory.context.dialect
        assert isinstance(dialect, DiagnosticDialect)
        dialect.faults = {f.__name__: FAULT for f in functions if not hasattr(f, hooks.MARK)}
        return dialect

    def ask(self, line: str) -> dict[str, Any]:
        """The answer to a line, without what is in all of them."""
        answer = self.client.ask(line)
        self.assertEqual("response", answer.pop("context"))
        self.assertEqual(["messageCount"], list(answer)[-1:])
        del answer["messageCount"]
        return answer

    def test_a_response_carries_the_fault_before_its_number(self) -> None:
        self.begin(echo)
        self.client.raw()
        self.client.send(
            '{"action":"echo","params":{"x":"ä / \\ud800","y":[1.5e300,null]}}\n'.encode()
        )
        line = self.client.raw()
        end = f',"fault":"{FAULT}","messageCount":1}}\r\n'.encode()
        self.assertTrue(line.endswith(end), line)
        self.assertIn('"x":"ä / \\ud800","y":[1.5e300,null]'.encode(), line)

    def test_a_response_that_does_not_fit_its_annotation(self) -> None:
        dialect = self.begin(add, none)
        dialect.faults = {}
        place = f"{__file__}:{add.__code__.co_firstlineno}"
        misfit = f"{place}: the response of add does not fit its type: sum must be a number"
        self.assertEqual(
            {"sum": "3", "fault": misfit}, self.ask('{"action":"add","params":{"a":1}}')
        )
        self.assertIn(misfit, self.log)
        self.assertEqual({"sum": 5.0}, self.ask('{"action":"add","params":{"a":5}}'))
        self.assertEqual({"status": "OK"}, self.ask("none"))
        dialect.faults = {"add": FAULT}
        self.assertEqual(FAULT, self.ask('{"action":"add","params":{"a":1}}')["fault"])

    def test_one_with_no_fields(self) -> None:
        self.begin(nothing)
        self.assertEqual({"status": "OK", "fault": FAULT}, self.ask("nothing"))

    def test_errors_carry_it_too(self) -> None:
        self.begin(refuse, fail)
        self.assertEqual({"error": "no", "code": 4, "fault": FAULT}, self.ask("refuse"))
        self.assertEqual({"error": SERVER_ERROR, "fault": FAULT}, self.ask("fail"))
        self.assertIn("ValueError: a bug", self.log)

    def test_an_error_that_is_raised_again_and_again_carries_it_only_while_it_is_there(
        self,
    ) -> None:
        error = ActionError("no", {"code": 4})

        def refuseAgain(api: Any, connection: Any) -> None:
            raise error

        dialect = self.begin(refuseAgain)
        self.assertIn("fault", self.ask("refuseAgain"))
        dialect.faults = {}
        self.assertEqual({"error": "no", "code": 4}, self.ask("refuseAgain"))

    def test_a_limit_is_counted_all_the_same(self) -> None:
        def run_into(api: Any, connection: Any) -> None:
            raise LimitError("maxParams", "too many")

        self.begin(run_into)
        self.assertEqual({"error": "too many", "fault": FAULT}, self.ask("run_into"))
        self.assertEqual(1, self.service.factory.context.stats.limited["maxParams"])

    def test_what_comes_later_carries_what_is_wrong_then(self) -> None:
        waiting = Waiting()
        dialect = self.begin(waiting.action())
        self.client.send(b"wait\nwait\nwait\n")
        waiting.end(0, {"x": 1})
        waiting.end(1, ValueError("a bug"))
        dialect.faults = {}
        waiting.end(2, None)
        first, second, third = self.client.lines()
        self.assertEqual([FAULT, 1], [first["fault"], first["x"]])
        self.assertEqual(FAULT, second["fault"])
        self.assertNotIn("fault", third)

    def test_so_does_what_did_not_come_in_time(self) -> None:
        self.begin(Waiting().action())
        self.client.send(b"wait\n")
        self.reactor.advance(30)
        (answer,) = self.client.lines()
        self.assertEqual(FAULT, answer["fault"])
        self.assertIn("did not finish", answer["error"])

    def test_an_action_that_answers_by_itself_has_no_response_to_carry_it(self) -> None:
        def answer(api: Any, connection: Any) -> object:
            connection.send({"x": 1})
            return NO_RESPONSE

        waiting = Waiting()
        self.begin(answer, waiting.action())
        self.assertEqual({"x": 1, "context": "api"}, self.client.ask("answer"))
        self.client.send(b"wait\n")
        waiting.end(0, NO_RESPONSE)
        self.assertEqual([], self.client.lines())

    def test_an_action_that_there_is_not(self) -> None:
        dialect = self.begin(echo)
        unknown = {"error": "nope is not a known action."}
        request = json.dumps({"action": "nope"})
        self.assertEqual([unknown, unknown], [self.ask("nope"), self.ask(request)])
        dialect.unknown = FAULT
        told = {**unknown, "fault": FAULT}
        self.assertEqual([told, told], [self.ask("nope"), self.ask(request)])
        self.assertNotIn("fault", self.ask("say"))
        self.assertNotIn("fault", self.ask("randomNumber"))
        self.assertNotIn("fault", self.ask('{"action":1}'))

    def test_a_verb_with_hooks(self) -> None:
        @on_say
        def check(api: Any, connection: Any, room: str, message: str) -> None:
            if message == "no":
                raise ActionError("no")

        dialect = self.begin(check)
        self.assertEqual({"status": "OK"}, self.ask("say hi"))
        dialect.faults = {"say": FAULT}
        self.assertEqual({"status": "OK", "fault": FAULT}, self.ask("say hi"))
        self.assertEqual({"error": "no", "fault": FAULT}, self.ask("say no"))

    def test_without_development_mode_nobody_tells(self) -> None:
        self.start(echo)
        self.assertNotIsInstance(self.service.factory.context.dialect, DiagnosticDialect)

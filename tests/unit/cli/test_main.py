"""The command `actionhero-tcp`: its table, its help and its errors."""

from __future__ import annotations

import argparse
import io
import types
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.cli import main
from actionhero_tcp.errors import CommandError


class CommandTests(SynchronousTestCase):
    """A table with one command in it, which does as its test says."""

    def setUp(self) -> None:
        self.outcome: Any = 0
        self.given: list[argparse.Namespace] = []
        module: Any = types.ModuleType("actionhero_tcp.cli.greet", "Greets people.")
        module.configure = lambda parser: parser.add_argument("--name", metavar="WHO")
        module.run = self.run_command
        self.module = module
        self.patch(main, "COMMANDS", (main.Command("greet", "greet people", ".greet"),))
        self.patch(main, "import_module", self.import_module)

    def import_module(self, name: str, package: str) -> Any:
        self.assertEqual((".greet", "actionhero_tcp.cli"), (name, package))
        return self.module

    def run_command(self, arguments: argparse.Namespace) -> int:
        self.given.append(arguments)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome  # type: ignore[no-any-return]

    def call(self, *arguments: str) -> tuple[int, str, str]:
        """The exit status of a command line, and what it printed."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                status = main.main(arguments)
            except SystemExit as end:
                assert isinstance(end.code, int)
                status = end.code
        return status, out.getvalue(), err.getvalue()

    def test_runs_the_command_with_its_arguments(self) -> None:
        self.assertEqual((0, "", ""), self.call("greet", "--name", "Ada"))
        self.assertEqual(["Ada"], [given.name for given in self.given])

    def test_the_status_is_the_commands(self) -> None:
        self.outcome = 7
        self.assertEqual(7, self.call("greet")[0])

    def test_an_error_is_one_line(self) -> None:
        self.outcome = CommandError("Ada\n\x1bis not here")
        self.assertEqual(
            (1, "", "actionhero-tcp greet: Ada\\n\\x1bis not here\n"), self.call("greet")
        )

    def test_a_bug_is_no_error_of_the_users(self) -> None:
        self.outcome = RuntimeError()
        self.assertRaises(RuntimeError, self.call, "greet")

    def test_ctrl_c_ends_it_without_a_word(self) -> None:
        self.outcome = KeyboardInterrupt()
        self.assertEqual((130, "", ""), self.call("greet"))

    def test_wrong_words_are_one_line(self) -> None:
        for arguments, error in (
            (["greet", "--nope"], "actionhero-tcp greet: unrecognized arguments: --nope"),
            (["greet", "x\ny"], "actionhero-tcp greet: unrecognized arguments: x\\ny"),
            (["greet", "--name"], "actionhero-tcp greet: argument --name: expected one argument"),
            ([], "actionhero-tcp: the following arguments are required: COMMAND"),
        ):
            status, out, err = self.call(*arguments)
            self.assertEqual((2, ""), (status, out))
            self.assertTrue(err.startswith(error), err)
            self.assertRegex(err, r"\A[^\n]* \(--help tells more\)\n\Z")
        for arguments, near in ((["gret"], "greet"), (["greet", "--nam=x"], "--name")):
            self.assertIn(f"; did you mean {near}? (--help", self.call(*arguments)[2])
        status, _, err = self.call("nope")
        self.assertEqual(2, status)
        self.assertRegex(err, r"\Aactionhero-tcp: [^\n]*'nope'[^\n]*greet[^\n]*\n\Z")
        self.assertEqual([], self.given)

    def test_help_lists_the_commands(self) -> None:
        status, out, err = self.call("--help")
        self.assertEqual((0, ""), (status, err))
        self.assertRegex(out, r"(?m)^  greet  greet people$")

    def test_help_of_a_command_is_its_own(self) -> None:
        for arguments in (["greet", "--help"], ["greet", "-h"]):
            status, out, _ = self.call(*arguments)
            self.assertEqual(0, status)
            self.assertIn("usage: actionhero-tcp greet", out)
            self.assertIn("Greets people.", out)
            self.assertIn("--name WHO", out)
        self.assertEqual([], self.given)


class TableTests(SynchronousTestCase):
    """The real table."""

    def test_every_command_has_a_module(self) -> None:
        for command in main.COMMANDS:
            module = main.import_module(command.module, "actionhero_tcp.cli")
            self.assertTrue(module.__doc__, command)
            module.configure(argparse.ArgumentParser())
            self.assertTrue(callable(module.run), command)
            self.assertEqual(1, len(command.help.splitlines()), command)

    def test_names_stand_once(self) -> None:
        names = [command.name for command in main.COMMANDS]
        self.assertEqual(len(names), len(set(names)))

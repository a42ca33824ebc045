"""The command `actionhero-tcp`: a table of subcommands, each loaded only when it is used."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final, NoReturn

from ..errors import CommandError, printable

PROGRAM: Final = "actionhero-tcp"

FAILED: Final = 1
"""The exit status of a command that could not do what it was told to."""

MISUSED: Final = 2
"""That of one that was told nonsense."""

INTERRUPTED: Final = 130
"""That of one that Ctrl-C has ended, as shells have it."""


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand.

    Attributes:
        name: The word for it.
        help: What it does, on one line.
        module: The module that does it, as seen from this package. It has
            ``configure(parser)``, which adds its arguments to an `argparse.ArgumentParser`, and
            ``run(arguments)``, which gives the exit status, or raises `CommandError`.
    """

    name: str
    help: str
    module: str


COMMANDS: tuple[Command, ...] = (
    Command("console", "talk to a server, in a terminal or a pipe", ".console"),
    Command("new", "write a small project that runs, with its tests", ".new"),
    Command("schema", "write the schemas of a server's actions", "..plugin.schema_command"),
)
"""All of them, in the order in which ``--help`` shows them."""


_UNKNOWN: Final = re.compile(r"unrecognized arguments: (-\S+)|invalid choice: '([^']*)'")
"""What argparse says of a word that it does not know."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors take one line, and which takes options in full only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        text = printable(message) + self._near(message)
        self.exit(MISUSED, f"{self.prog}: {text} (--help tells more)\n")

    def _near(self, message: str) -> str:
        """A hint at what an unknown word is most like; empty for other errors."""
        unknown = _UNKNOWN.search(message)
        if unknown is None:
            return ""
        known = [*self._option_string_actions, *(command.name for command in COMMANDS)]
        near = get_close_matches(unknown[1] or unknown[2], known, 1)
        return f"; did you mean {near[0]}?" if near else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: The words after the program's name; by default those of the process.

    Returns:
        The exit status.

    Raises:
        SystemExit: The arguments are wrong, or ``--help`` or ``--version`` was asked for.
    """
    given = _parser().parse_args(arguments)
    command = next(command for command in COMMANDS if command.name == given.command)
    program = f"{PROGRAM} {command.name}"
    module = import_module(command.module, __package__)
    parser = _Parser(prog=program, description=module.__doc__)
    module.configure(parser)
    try:
        status: int = module.run(parser.parse_args(given.arguments))
        if sys.stdout is not None:
            sys.stdout.flush()
    except CommandError as error:
        print(f"{program}: {printable(str(error))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            print(f"{program}: {printable(error.strerror or str(error))}", file=sys.stderr)
        # The reader of the output has closed it, or the disk is full; nor may Python
        # flush it at its end.
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    """The parser of all up to the subcommand, which parses the rest itself."""
    width = max((len(command.name) for command in COMMANDS), default=0)
    listed = "\n".join(f"  {command.name:{width}}  {command.help}" for command in COMMANDS)
    parser = _Parser(
        prog=PROGRAM,
        usage="%(prog)s [--help] [--version] COMMAND …",
        description="What is at hand beside `twistd actionhero`, which is the server itself.",
        epilog=f"commands:\n{listed}\n\n`{PROGRAM} COMMAND --help` tells more of each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    versions = f"{PROGRAM} {version('actionhero-tcp')} on Twisted {version('Twisted')}"
    parser.add_argument("--version", action="version", version=versions)
    names = [command.name for command in COMMANDS]
    parser.add_argument("command", choices=names, metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser

"""Talks to a server: a prompt in a terminal, lines of JSON in a pipe."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from ...client.dialects import DIALECTS, named
from ...client.settings import TLS
from ...errors import CommandError
from . import piped
from .server_address import ServerAddress

MISSING: Final = "this needs prompt_toolkit: pip install 'actionhero-tcp[console]'"

_EPILOG: Final = (
    "With input from a pipe, or output to one, it writes one line of JSON for each answer. The "
    "exit status is 0, or 1 where an answer was an error, or 2 where the server cannot be reached."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "place",
        nargs="?",
        type=_place,
        default="localhost:5000",
        metavar="HOST:PORT",
        help="where the server is (localhost:5000); or unix: and a path",
    )
    parser.add_argument("--tls", action="store_true", help="speak TLS; the options below do so too")
    parser.add_argument("--ca", metavar="FILE", help="trust these authorities")
    parser.add_argument("--cert", metavar="FILE", help="show this certificate; needs --key")
    parser.add_argument("--key", metavar="FILE", help="the private key of --cert")
    parser.add_argument(
        "--server-name", metavar="NAME", help="what the server's certificate is for"
    )
    parser.add_argument(
        "--dialect",
        choices=tuple(DIALECTS),
        default="2012",
        help="what the server's port speaks (2012); 29 for clients of actionHero 9 to 29",
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="for each answer (30)"
    )


def _place(text: str) -> ServerAddress:
    try:
        return ServerAddress(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no host:port, and no unix:path") from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e9:
        raise ValueError(text)
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Talks, until the input or the connection ends.

    Returns:
        The exit status; see `piped` and `terminal`.

    Raises:
        CommandError: What it needs in a terminal is not installed.
    """
    place: ServerAddress = arguments.place
    try:
        place.secure(_tls(arguments))
    except ValueError as error:
        piped.complain(error)
        return piped.UNREACHABLE
    if sys.stdin is None or sys.stdout is None:
        raise CommandError("standard input and standard output have to be open")
    dialect = named(arguments.dialect)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        client = piped.client(place, arguments.timeout, dialect)
        return piped.converse(client, place, sys.stdin.buffer, sys.stdout.buffer)
    try:
        from .terminal import converse
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "prompt_toolkit":
            raise
        raise CommandError(MISSING) from None
    return converse(place, arguments.timeout, dialect)


def _tls(arguments: argparse.Namespace) -> TLS | None:
    given = (arguments.ca, arguments.cert, arguments.key, arguments.server_name)
    if (arguments.cert is None) != (arguments.key is None):
        raise ValueError("--cert and --key go together")
    return TLS(*given) if arguments.tls or any(given) else None

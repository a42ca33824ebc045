"""What a dialect of the protocol is: how lines are read, and how answers are written.

A dialect is one table of verbs and one way to read requests for actions. The router and
the runner know no other form of either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from ..app.runnable import Runnable

if TYPE_CHECKING:
    from ..wire.profile import Profile
    from .request import Request
    from .verb import Verb


class Response(bytes):
    """A whole response, as what runs returns it that frames its own."""


class Dialect(Protocol):
    """One dialect of the protocol.

    Attributes:
        verbs: Its verbs, by the words that lines begin with.
        profile: How its clients are spoken to beside the answers to their requests.
    """

    @property
    def verbs(self) -> Mapping[bytes, Verb]: ...

    @property
    def profile(self) -> Profile: ...

    def read(self, request: Request, line: bytes, word: bytes, rest: bytes) -> bytes | Runnable:
        """Reads a line that begins with no verb.

        Args:
            request: Its request, which learns the name and the params of what is asked for.
            line: The line, without its end.
            word: The text before its first blank.
            rest: The text after that blank.

        Returns:
            The response; or what is to run for it.

        Raises:
            ClientError: The line is wrong; the text says what is expected.
            UnicodeDecodeError: The line is not UTF-8.
        """
        ...

    def most_pending(self) -> int:
        """How many actions of one client run at once before it is not read from."""
        ...

    def result(self, request: Request, outcome: object) -> bytes:
        """Writes the response to a request that has ended well.

        Args:
            request: The request.
            outcome: What ran for it has returned this: a dict, None or a `Response`.

        Raises:
            UnserializableError: That is no JSON object.
        """
        ...

    def part(self, request: Request, part: object, context: str = "stream") -> bytes:
        """Writes a part of the answer to a request.

        Args:
            request: The request.
            part: The value that its action yielded, or the header of a file.
            context: What it is: ``stream`` or ``file``.

        Raises:
            UnserializableError: That is no JSON object.
        """
        ...

    def error(self, request: Request, text: str, fields: Mapping[str, object]) -> bytes:
        """Writes the response to a request that has failed.

        Args:
            request: The request.
            text: The error.
            fields: The other fields of the response.

        Raises:
            UnserializableError: The fields are no JSON.
        """
        ...

    def welcome(self, message: str, room: str) -> bytes:
        """Writes what a client is greeted with that begins in this room."""
        ...

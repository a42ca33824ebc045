"""One verb of a dialect: its words, what it takes and what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from ..app.runnable import Runnable
from ..connection.connected_client import ConnectedClient
from ..errors import ClientError

Run = Callable[[ConnectedClient, int, str], bytes | Runnable]
"""Runs a verb, for a client's request of this number and with this argument; gives the response,
or what is to run for it."""

_EXAMPLES: Final = {
    "a param and its value": "key=value",
    "the name of a param": "key",
    "the name of a room": "myRoom",
    "a message": "hello",
    "a room and a message": "myRoom hello",
    "a path": "simple.html",
}


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        run: Runs it.
        words: The words that call it, the older spellings last.
        takes: Its argument, for people; empty for none.
        one_word: Whether the argument is one word, which blanks may surround.
        help: What it does, in one line.
        name: The word that calls it today.
    """

    run: Run
    words: tuple[str, ...]
    takes: str
    one_word: bool
    help: str
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.words[0])

    def answer(self, connection: ConnectedClient, number: int, rest: bytes) -> bytes | Runnable:
        """Checks the argument and runs the verb.

        Args:
            connection: The client.
            number: The request's number.
            rest: The text after the first blank of the line.

        Returns:
            The response; or what is to run for it.

        Raises:
            ClientError: The argument is missing, or not what the verb takes.
            UnicodeDecodeError: The argument is not UTF-8.
        """
        argument = rest.decode() if rest else ""
        if self.one_word:
            argument = argument.strip(" \t")
            if not argument or " " in argument or "\t" in argument:
                raise self.wrong_argument()
        elif self.takes:
            if not argument:
                raise self.wrong_argument()
        elif argument and not argument.isspace():
            raise ClientError(f"{self.name} takes no argument")
        return self.run(connection, number, argument)

    def wrong_argument(self) -> ClientError:
        """The error that says what the verb takes."""
        return ClientError(f"{self.name} takes {self.takes}, as in: {self.example}")

    @property
    def example(self) -> str:
        """How the verb is used."""
        return f"{self.name} {_EXAMPLES[self.takes]}" if self.takes else self.name


def by_words(verbs: Iterable[Verb]) -> dict[bytes, Verb]:
    """Return verbs by the words that call them, as bytes of a line."""
    return {word.encode(): verb for verb in verbs for word in verb.words}

"""The errors of the house, and how text from outside is made safe to show."""

from __future__ import annotations

from collections.abc import Mapping

MAX_ECHOED_CHARACTERS = 64
"""How much of a name that a client sent an error repeats; the rest becomes ``…``."""


class ClientError(Exception):
    """Something a client got wrong; its text is sent to that client.

    Args:
        text: The error and the expectation, for the client.
        fields: Further fields for the response, after ``error``.
    """

    # For subclasses that do not call the initializer of this one.
    text = ""
    fields: Mapping[str, object] = {}

    def __init__(self, text: str, fields: Mapping[str, object] | None = None) -> None:
        super().__init__(text)
        self.text = str(text)
        self.fields = dict(fields or {})


class LimitError(ClientError):
    """A client has reached one of its limits.

    Args:
        limit: The limit's key in the config, for the counters.
        text: The limit, for the client.
        fields: Further fields for the response, after ``error``.
    """

    def __init__(self, limit: str, text: str, fields: Mapping[str, object] | None = None) -> None:
        super().__init__(text, fields)
        self.limit = limit


class UnknownActionError(ClientError):
    """A client asked for an unknown action."""


class ActionError(ClientError):
    """The error class for actions: raise it, and the client gets its text.

    Anything else that an action raises reaches the client only as
    ``general.serverErrorMessage``, and the log with its traceback.

    Args:
        text: The error and the expectation, for the client.
        fields: Further fields for the response, as a dict,
        more: or by keyword: ``code=404``.

    Example:
        ``raise ActionError("no such user", code=404)`` answers
        ``{"context":"response","error":"no such user","code":404,"messageCount":N}``.
    """

    def __init__(
        self, text: str, fields: Mapping[str, object] | None = None, **more: object
    ) -> None:
        super().__init__(text, {**(fields or {}), **more})


class FileCutError(Exception):
    """A file on its way to a client became shorter, or cannot be read to its end."""


class CacheError(Exception):
    """The cache cannot be used: it is in Redis, which is away, full or refuses; the text says why.

    An action may catch it and do without. Where none does, the client gets
    ``general.serverErrorMessage``, and the log one line.
    """


class StartError(Exception):
    """What keeps the daemon from starting: one line that says what and where."""


class CommandError(Exception):
    """What keeps a command of ``actionhero-tcp`` from doing its work: one line, as above."""


class UnserializableError(Exception):
    """A value that is no JSON was about to be sent; the text says which and why."""


def shorten(name: str, limit: int = MAX_ECHOED_CHARACTERS) -> str:
    """A client's name as an error repeats it: at most ``limit`` characters and a ``…``."""
    return name if len(name) <= limit else name[:limit] + "…"


def printable(text: str) -> str:
    """The text on one line of a log: control characters and the like become escapes.

    Without this a client could forge log lines or steer the operator's terminal.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "backslashreplace").decode("ascii")
        for character in text
    )


def printable_lines(text: str) -> str:
    """Like `printable`, for text of several lines (a traceback), which keeps its line ends."""
    return "\n".join(printable(line) for line in text.split("\n"))

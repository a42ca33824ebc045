"""Fetches of files on one connection: with a header if the server offers it, raw if not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import Any, Final

from . import requests
from .download import Download
from .outcomes import Answer, AnswerError, CallError, ConnectionLost
from .raw_files import RawFiles
from .roles import Call, Sender, deadline

_WHAT_IT_OFFERS: Final = requests.bare("actionsView")


class Files:
    """The downloads of one connection.

    Before the first one, the client asks the server for its actions: those of a server that
    sends headers have a ``file`` with an input ``header``.

    Args:
        sender: The protocol of the connection.
        offers_header: Whether the server sends headers; None to find out.

    Attributes:
        raw: The files of a server that sends no header.
    """

    def __init__(self, sender: Sender, offers_header: bool | None = None) -> None:
        self._sender = sender
        self._offers_header = offers_header
        self._undecided: list[Download] = []
        self._asked: dict[int, Download] = {}
        self.raw = RawFiles(sender)

    def __len__(self) -> int:
        """The number of files that have not come to their end."""
        return len(self._asked) + len(self._undecided) + len(self.raw)

    # Asking

    def ask(self, download: Download) -> None:
        """Fetch a file."""
        if download.is_raw or self._offers_header is not None:
            self._send(download, bool(self._offers_header) and not download.is_raw)
            return
        self._undecided.append(download)
        if len(self._undecided) == 1:
            self._sender.insist(_WHAT_IT_OFFERS, _Question(self._decide))

    def _decide(self, offers: bool | None) -> None:
        """Send what waits for the server's answer; after an error it is asked again."""
        self._offers_header = offers
        undecided, self._undecided = self._undecided, []
        for download in undecided:
            self._send(download, bool(offers))

    def _send(self, download: Download, with_header: bool) -> None:
        if with_header:
            self._asked[self._sender.send(download.line, None)] = download
            return
        try:
            self.raw.ask(download.raw)
        except CallError as error:
            download.fail(error)

    # Receiving

    def header_received(self, number: object, header: dict[str, Any], now: float) -> bool:
        """Take a header.

        Returns:
            Whether a file with this number was asked for.
        """
        download = self._asked.get(number) if type(number) is int else None
        if download is None:
            return False
        size = header.get("bytes")
        if type(size) is not int or size < 0:
            self._sender.protocol_failed(ConnectionLost("the header of a file has no length"))
            return True
        download.begin(header, now)
        self._sender.receive(_Received(self._asked, header["messageCount"]))
        return True

    def answered(self, answer: Answer, now: float) -> bool:
        """Take an answer in place of a file.

        Returns:
            Whether a file with its number was asked for.
        """
        download = self._asked.pop(answer.number, None)
        if download is None:
            return False
        answer.seconds = now - download.started
        if "error" in answer:
            download.fail(AnswerError(answer))
        else:
            download.succeed(answer)
        return True

    # Giving up

    def expire(self, now: float) -> Iterator[Call]:
        """Give up the files whose time has passed; yields their callers."""
        for download in (*self._asked.values(), *self._undecided):
            if deadline(download) <= now:
                if download.receiving:
                    error = ConnectionLost("a file has not come to its end within the time limit")
                    self._sender.protocol_failed(error)
                yield download.give_up()
        yield from self.raw.expire(now)

    @property
    def deadline(self) -> float:
        """The earliest time at which `expire` has something to do."""
        downloads = (*self._asked.values(), *self._undecided)
        return min(self.raw.deadline, *map(deadline, downloads), inf)

    def lose(self, error: CallError) -> None:
        """Fail all, or have the next connection go on: this one is gone."""
        downloads = [*self._asked.values(), *self._undecided]
        self._asked.clear()
        self._undecided.clear()
        self.raw.lose(error)
        for download in downloads:
            download.fail(error)


class _Received:
    """A download that receives its content; it leaves the table at its end."""

    def __init__(self, asked: dict[int, Download], number: int) -> None:
        self._asked = asked
        self._number = number
        self.feed = asked[number].feed

    def finish(self, now: float) -> None:
        """See `roles.Body.finish`."""
        self._asked.pop(self._number).finish(now)


class _Question:
    """The call that finds out whether the server sends headers; see `roles.Call`."""

    started = 0.0
    timeout = inf

    def __init__(self, decide: Callable[[bool | None], object]) -> None:
        self._decide = decide

    def succeed(self, answer: dict[str, Any]) -> None:
        """Look for the input."""
        actions = answer.get("actions")
        self._decide(any(map(_has_header, actions if isinstance(actions, list) else ())))

    def fail(self, error: Exception) -> None:
        """Go on without; a lost connection needs no decision."""
        if isinstance(error, AnswerError):
            self._decide(None)


def _has_header(action: Any) -> bool:
    """Whether this is a `file` that takes `header`."""
    try:
        return action["name"] == "file" and "header" in action["inputs"]["optional"]
    except (TypeError, KeyError):
        return False

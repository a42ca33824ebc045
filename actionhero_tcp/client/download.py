"""A file with a header, ``{"context":"file","bytes":N,…}``: its length is known, and its SHA-256.

The bytes behind the header are the content, whatever came before it on the connection. So a room
that speaks, a rate limit or a hook cannot get into a file. A download survives its connection: it
asks the next one for the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final

from . import requests
from .content import Content, Digest
from .outcomes import CallError, ChecksumError, ConnectionLost
from .raw_transfer import RawTransfer
from .roles import Call, Nobody

MOST_FRUITLESS: Final = 3
"""As many connections in a row may be lost without a byte of a file before its call fails."""


class Download:
    """One file; see `roles.Call` and `roles.Body`.

    Args:
        params: The params of the request: ``fileName``, and ``length`` for a part of the file.
        content: Takes the bytes.
        digest: The SHA-256 so far of what is in front of the content, which is not changed; None
            for a file whose beginning the caller cannot show, which is not checked.
        raw_line: A request of the caller's own that asks for no header; None to ask for one.

    Attributes:
        started: See `roles.Call`; set again with each part.
        timeout: See `roles.Call`.
        receiving: Whether the header has come on this connection, and not all of the content.
    """

    def __init__(
        self,
        params: Mapping[str, object],
        content: Content,
        digest: Digest | None = None,
        raw_line: bytes | None = None,
    ) -> None:
        self._params = params
        self._raw_line = raw_line
        self._content = content
        if digest is None and not content.position:
            digest = hashlib.sha256()
        self._hash = None if digest is None or "length" in params else digest.copy()
        self._sha256: object = None
        self._call: Call = Nobody()
        self._left = 0
        self._size: int | None = None
        self._fruitless = 0
        self.started, self.timeout = 0.0, inf
        self.receiving = False
        self._resume: Callable[[], bool] | None = None

    def attach(self, call: Call) -> None:
        """Set the caller, who gets the content, or its size if a function takes it."""
        self._call = call
        self.started, self.timeout = call.started, call.timeout

    def resume_by(self, resume: Callable[[], bool]) -> None:
        """Have a lost connection not end the download.

        Args:
            resume: Asks again on the next connection; returns whether there will be one.
        """
        self._resume = resume

    @property
    def is_wanted(self) -> bool:
        """Whether a caller waits for it."""
        return not isinstance(self._call, Nobody)

    @property
    def is_raw(self) -> bool:
        """Whether it asks for no header."""
        return self._raw_line is not None

    # Asking

    @property
    def line(self) -> bytes:
        """The request for what has not come yet."""
        position = self._content.position
        part = {"offset": position} if position else {}
        if "length" in self._params:
            part["length"] = int(str(self._params["length"])) - self._content.size
        return requests.action("file", {**self._params, "header": True, **part})

    @property
    def raw(self) -> RawTransfer:
        """The same file from a server that sends no header.

        Raises:
            CallError: It is a part of a file, which such a server does not send.
        """
        if self._content.position or "length" in self._params:
            raise CallError("this server sends whole files only: it offers no header for a part")
        line = self._raw_line or requests.action("file", self._params)
        return RawTransfer(line, self._call, self._content)

    # Receiving

    def begin(self, header: Mapping[str, Any], now: float) -> None:
        """Take the header, whose ``bytes`` are an integer."""
        self.started, self.receiving, self._left = now, True, header["bytes"]
        if "length" not in self._params:
            self._size = self._content.position + self._left
        if header.get("offset") != self._content.position:
            self._settle(ChecksumError("the server has sent another part of the file"))
        elif self._sha256 not in (None, header.get("sha256")):
            self._settle(ChecksumError("the file has changed on the server"))
        self._sha256 = header.get("sha256")
        self._content.check(self._left)
        self._settle(self._content.error)

    def feed(self, data: bytes, now: float) -> bytes | None:
        """Take some bytes; see `roles.Body.feed`."""
        part = data[: self._left]
        if part:
            self.started, self._fruitless = now, 0
            self._left -= len(part)
            if self._hash is not None:
                self._hash.update(part)
            self._content.add(part, self._size)
            self._settle(self._content.error)
        return None if self._left else data[len(part) :]

    def finish(self, now: float) -> None:
        """Check the content, and give it to the caller."""
        self.receiving = False
        if self._hash is not None and self._hash.hexdigest() != self._sha256:
            self._settle(ChecksumError("the file is not what its SHA-256 says"))
        self._call.succeed(self._content.result)

    def succeed(self, result: object) -> None:
        """Take an answer that is no file."""
        self._call.fail(CallError("the server has answered without a file"))

    def fail(self, error: Exception) -> None:
        """Take an error; after a lost connection, ask the next one for the rest."""
        self.receiving = False
        if isinstance(error, ConnectionLost) and self._resume is not None:
            self._fruitless += 1
            if self._fruitless <= MOST_FRUITLESS and self._resume():
                return
        self._call.fail(error)

    # Giving up

    def _settle(self, error: Exception | None) -> None:
        """Fail the call, if there is an error, and drop the rest of the content."""
        if error is not None:
            self.give_up().fail(error)

    def give_up(self) -> Call:
        """Drop the content that still comes; returns the caller."""
        call, self._call = self._call, Nobody()
        self._hash = self._resume = None
        self.timeout = inf
        self._content.drop()
        return call

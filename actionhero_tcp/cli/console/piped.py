"""The console in a pipe: a line in, a line of JSON out."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from typing import Any, BinaryIO, Final

from ...client.blocking import Client
from ...client.dialects import Dialect
from ...client.outcomes import AnswerError, CallError, ConnectionLost
from ...client.settings import Limits
from ...errors import printable
from .diagnosis import hint
from .file_requests import file_request
from .server_address import ServerAddress
from .shown import compact, file_message

LIMITS: Final = Limits()

FAILED: Final = 1
"""The exit status where an answer was an error, or did not come in time."""

UNREACHABLE: Final = 2
"""That where the server cannot be reached, or hangs up before the input ends; and of misuse."""


def client(place: ServerAddress, timeout: float, dialect: Dialect) -> Client:
    """Return the client for `converse`, not connected.

    Args:
        place: Where the server is.
        timeout: Seconds that an answer may take.
        dialect: The dialect.
    """
    where = place.host or f"unix:{place.path}"
    tls = place.tls or False
    return Client(where, place.port, tls=tls, timeout=timeout, limits=LIMITS, dialect=dialect.name)


def converse(client: Client, place: ServerAddress, lines: Iterable[bytes], out: BinaryIO) -> int:
    """Sends lines one after the other, and writes the answer to each.

    Args:
        client: The client, not connected.
        place: Where the server is, for errors.
        lines: The lines, with or without their ends.
        out: Takes the answers.

    Returns:
        The exit status.
    """
    status = 0
    goodbyes: deque[dict[str, Any]] = deque(maxlen=1)
    client.on_message = goodbyes.append
    try:
        client.connect()
    except CallError as error:
        complain(f"{place}: {error}{hint(place)}")
        client.close()
        return UNREACHABLE
    try:
        for line in lines:
            text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
            if text:
                goodbyes.clear()
                status |= _answer(client, text, out, goodbyes)
        client.disconnect()
    except CallError as error:
        complain(f"{place}: {error}")
        return UNREACHABLE
    finally:
        client.close()
    return status


def _answer(client: Client, text: str, out: BinaryIO, goodbyes: deque[dict[str, Any]]) -> int:
    """Sends a line and writes its answer; gives the exit status so far as this one goes.

    In the dialect 29 a goodbye is answered with a message that is no response.
    """
    message: object
    status = 0
    try:
        download = file_request(text, LIMITS, client.dialect)
        message = client.line(text) if download is None else file_message(client.fetch(download))
    except ConnectionLost:
        if not goodbyes or text.partition(" ")[0] not in ("quit", "exit"):
            raise
        message = goodbyes[-1]
    except AnswerError as error:
        message, status = error.answer, FAILED
    except (CallError, ValueError) as error:
        message, status = {"context": "console", "error": str(error)}, FAILED
    out.write(compact(message))
    out.flush()
    return status


def complain(what: object) -> None:
    """Says on standard error what is wrong, on one line."""
    print(f"actionhero-tcp console: {printable(str(what))}", file=sys.stderr)

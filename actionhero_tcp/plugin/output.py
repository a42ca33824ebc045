"""What the command line prints on standard output, whatever that is: a pipe, a full disk, ASCII."""

from __future__ import annotations

import json
import os
import sys

from ..errors import StartError


def print_json(text: str) -> None:
    """Prints a JSON text; with escapes where standard output takes no other characters.

    Raises:
        StartError: It cannot be written; the text says why.
    """
    stream = sys.stdout
    if stream is None:
        return
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), indent=2)
    print_text(text)


def print_text(text: str) -> None:
    """Prints a text.

    Raises:
        StartError: It cannot be written; the text says why.
    """
    stream = sys.stdout
    if stream is None:
        return
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        _forget(stream.fileno())
        raise StartError(f"cannot write to standard output: {error.strerror}") from None


def _forget(descriptor: int) -> None:
    """Has what is still buffered go nowhere: Python would fail once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)

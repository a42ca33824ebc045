"""The SHA-256 of files, which are read in threads, and remembered as long as they stay the same."""

from __future__ import annotations

import os
from collections import OrderedDict
from hashlib import sha256
from typing import Final

from ..errors import FileCutError
from .files import FileReader

MAX_DIGESTS: Final = 1000
"""How many digests are remembered; past it the one that was used least recently is forgotten."""

CHUNK_BYTES: Final = 256 * 1024
"""How much of a file is in memory at once."""

_Facts = tuple[int, int, int, int, int]


class Digests:
    """The digests of files that were asked for, by what tells one state of a file from others."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Facts, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def known(self, reader: FileReader) -> str | None:
        """The digest of a whole file; None where it has to be computed."""
        facts = _facts(reader.fileno())
        found = self._known.get(facts)
        if found is not None:
            self._known.move_to_end(facts)
        return found

    def remember(self, job: DigestJob, digest: str) -> None:
        """Keeps a digest that was computed, unless the file has changed meanwhile."""
        if job.facts is not None and job.is_unchanged:
            self._known[job.facts] = digest
            if len(self._known) > MAX_DIGESTS:
                self._known.popitem(last=False)


class DigestJob:
    """Computes one digest, in a thread.

    Args:
        reader: The file. It may be closed meanwhile.

    Attributes:
        facts: The state of the file when it was begun.
        is_cancelled: Whether nobody waits for it any more; it ends soon then.
        is_unchanged: Whether the file was the same at the end.
    """

    def __init__(self, reader: FileReader) -> None:
        self.facts: _Facts | None = _facts(reader.fileno())
        self.is_cancelled = False
        self.is_unchanged = False
        # Its own, since a number that is closed may become another file's.
        self._copy = FileReader(os.dup(reader.fileno()), 0)

    def cancel(self) -> None:
        """Has `run` end soon, since nobody waits for it any more."""
        self.is_cancelled = True

    def run(self) -> str:
        """Reads the whole file; blocks.

        Raises:
            FileCutError: It cannot be read, or nobody waits for it.
        """
        digest, position, descriptor = sha256(), 0, self._copy.fileno()
        try:
            while not self.is_cancelled:
                chunk = os.pread(descriptor, CHUNK_BYTES, position)
                if not chunk:
                    self.is_unchanged = _facts(descriptor) == self.facts
                    return digest.hexdigest()
                digest.update(chunk)
                position += len(chunk)
        except OSError as error:
            raise FileCutError(f"the file: {error.strerror}") from None
        finally:
            self._copy.close()
        raise FileCutError("nobody waits for the file")


def _facts(descriptor: int) -> _Facts:
    facts = os.fstat(descriptor)
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns

"""`FileResponse`, with which an action answers with a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..connection.digests import DigestJob
from ..connection.files import check_reader

if TYPE_CHECKING:
    from ..connection.files import FileReader


@dataclass(slots=True)
class FileResponse:
    """The content of a file as an action's answer; nothing else reaches the client meanwhile.

    Attributes:
        reader: From ``api.files.open``.
        header: Whether a line precedes the content: ``{"context":"file","bytes":N,
            "sha256":"…","offset":K,"messageCount":N}``, where ``bytes`` counts what follows, and
            ``sha256`` is that of the whole file.
        digest: The server's own: that SHA-256, once it is known.

    Raises:
        TypeError: The reader is something else, such as a path.
    """

    reader: FileReader
    header: bool = False
    digest: str | None = None

    def __post_init__(self) -> None:
        check_reader(self.reader)

    @property
    def fields(self) -> dict[str, object]:
        """The text of the header."""
        reader = self.reader
        return {"bytes": reader.size, "sha256": self.digest, "offset": reader.offset}


def prepare(response: FileResponse, api: Any, client: str) -> FileResponse | Deferred[FileResponse]:
    """Find the digest of a file that has a header.

    Args:
        response: The file.
        api: The server's face to actions.
        client: The id of the client.

    Returns:
        The same, or a Deferred of it where the file has to be read in a thread first.

    Raises:
        LimitError: Too many requests of this client wait for a thread.
    """
    if not response.header or response.digest is not None:
        return response
    digests = api.files.digests
    response.digest = digests.known(response.reader)
    if response.digest is not None:
        return response
    job = DigestJob(response.reader)

    def computed(digest: str) -> FileResponse:
        digests.remember(job, digest)
        response.digest = digest
        return response

    def failed(failure: Failure) -> Failure:
        job.cancel()
        response.reader.close()
        return failure

    outcome: Deferred[str] = api.threads.run(client, job.run)
    return outcome.addCallbacks(computed, failed)

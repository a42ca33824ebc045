"""The protocols of a connection to Redis: txredisapi's, with replies as they come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from twisted.python.failure import Failure

from ..errors import StartError
from .address import RedisAddress

Command = tuple[str | bytes | int, ...]


def protocols(
    write_batch: AbstractContextManager[object],
    heard: Callable[[bytes, bytes], object],
) -> tuple[Callable[[RedisAddress], Any], Callable[[RedisAddress], Any]]:
    """The protocols of txredisapi, which is imported only where Redis is asked for.

    Args:
        turn: Spans the handling of what comes in one chunk.
        heard: Called with the channel and the message of what was published.

    Returns:
        What makes a protocol for commands, and what makes one that hears what is published.

    Raises:
        StartError: The client library is not installed.
    """
    _need_client()
    import hiredis
    import txredisapi

    class Commands(txredisapi.RedisProtocol):  # type: ignore[misc]
        """Sends commands; replies come as they are: strings as bytes, and "007" not as 7."""

        lost_because = ""

        def connectionLost(self, why: Failure) -> None:
            """Keeps the reason, which txredisapi does not hand on."""
            self.lost_because = why.getErrorMessage()
            super().connectionLost(why)

        @staticmethod
        def pack(command: Command) -> bytes:
            """A command as it is sent."""
            try:
                packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]
            except UnicodeEncodeError:
                # A lone surrogate, which an action may have put into the name of a room.
                words: Any = tuple(map(_encoded, command))
                packed = hiredis.pack_command(words)
            return packed

        def _build_command(self, *command: str | bytes | int, **_: object) -> bytes:
            return self.pack(command)

        def dataReceived(self, data: bytes, unpause: bool = False) -> None:
            """Handles all replies of a chunk in one turn."""
            reader = self._reader
            reader.feed(data)
            with write_batch:
                while (reply := reader.gets()) is not False:
                    self.replyReceived(reply)

    class Subscriber(Commands, txredisapi.SubscriberProtocol):  # type: ignore[misc]
        """Hears what is published."""

        def replyReceived(self, reply: Any) -> None:
            """Takes out what was published; the rest are replies to commands."""
            if type(reply) is list and reply[0] == b"message":
                heard(reply[1], reply[2])
            else:
                super().replyReceived(reply)

    def make(kind: Any, address: RedisAddress) -> Any:
        return kind(
            charset=None,
            convertNumbers=False,
            username=address.username,
            password=address.password,
            dbid=address.database or None,
        )

    return lambda address: make(Commands, address), lambda address: make(Subscriber, address)


def _need_client() -> None:
    """Checks that the client library is there.

    Raises:
        StartError: It is not.
    """
    try:
        import hiredis  # noqa: F401
        import txredisapi  # noqa: F401
    except ImportError:
        raise StartError(
            "redis is asked for, but its client is not installed: "
            "pip install 'actionhero-tcp[redis]'"
        ) from None


def _encoded(word: str | bytes | int) -> bytes | int:
    return word.encode("utf-8", "surrogatepass") if isinstance(word, str) else word

"""Tests of `actionhero_tcp.redis.protocol`."""

from __future__ import annotations

import builtins
from contextlib import nullcontext
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.protocol import protocols


class LibraryTests(SynchronousTestCase):
    """The client library, which is imported when it is asked for."""

    def test_a_client_that_is_not_installed_is_an_error_that_says_how(self) -> None:
        importing = builtins.__import__

        def refuse(name: str, *rest: Any) -> Any:
            if name in ("txredisapi", "hiredis"):
                raise ImportError(name)
            return importing(name, *rest)

        self.patch(builtins, "__import__", refuse)
        error = self.assertRaises(StartError, protocols, nullcontext(), print)
        self.assertIn("pip install 'actionhero-tcp[redis]'", str(error))


class ChunkTests(SynchronousTestCase):
    """What comes in one piece."""

    def test_what_comes_in_one_chunk_is_one_turn(self) -> None:
        events: list[object] = []

        class WriteBatch:
            def __enter__(self) -> None:
                events.append("begin")

            def __exit__(self, *error: Any) -> None:
                events.append("end")

        make = protocols(WriteBatch(), lambda *heard: events.append(heard))[1]
        protocol = make(RedisAddress("redis://127.0.0.1"))
        message = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n%d\r\n"
        data = b"".join(message % number for number in range(3))
        protocol.dataReceived(data[:-5])
        protocol.dataReceived(data[-5:])
        heard = [(b"c", b"%d" % number) for number in range(3)]
        self.assertEqual(["begin", *heard[:2], "end", "begin", heard[2], "end"], events)

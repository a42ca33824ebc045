"""Tests of `actionhero_tcp.redis.protocol`."""

from __future__ import annotations

import builtins
from contextlib import nullcontext
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.redis.protocol import (
    Batch,
    Call,
    RedisError,
    RedisProtocol,
    client_library,
)


class Transport(StringTransportWithDisconnection):
    """One that can be aborted."""

    def abortConnection(self) -> None:
        self.loseConnection()


class Owner:
    """Remembers why connections were lost."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    def connection_made(self, protocol: RedisProtocol) -> None:
        pass

    def connection_lost(self, protocol: RedisProtocol, reason: str) -> None:
        self.lost.append(reason)


class ProtocolTestCase(SynchronousTestCase):
    """Has a connection without a network."""

    def setUp(self) -> None:
        self.owner = Owner()
        self.messages: list[tuple[bytes, bytes]] = []
        self.protocol = self.connect()

    def connect(self, on_message: Any = None) -> RedisProtocol:
        protocol = RedisProtocol(self.owner, nullcontext(), on_message)
        transport = Transport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return protocol

    @property
    def sent(self) -> bytes:
        """What was sent since the last look."""
        data: bytes = self.protocol.transport.value()
        self.protocol.transport.clear()
        return data


class LibraryTests(SynchronousTestCase):
    """The client library, which is imported when it is asked for."""

    def test_a_client_that_is_not_installed_is_an_error_that_says_how(self) -> None:
        importing = builtins.__import__

        def refuse(name: str, *rest: Any) -> Any:
            if name == "hiredis":
                raise ImportError(name)
            return importing(name, *rest)

        self.patch(builtins, "__import__", refuse)
        error = self.assertRaises(StartError, client_library)
        self.assertIn("pip install 'actionhero-tcp[redis]'", str(error))


class PipelineTests(ProtocolTestCase):
    """Commands go out at once; replies find who waits for them, in order."""

    def test_replies_find_their_calls_wherever_they_are_cut(self) -> None:
        calls = [self.protocol.call("GET", "a"), self.protocol.call("INCR", b"b")]
        calls.append(self.protocol.call("HGETALL", "c"))
        self.assertEqual(
            b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$4\r\nINCR\r\n$1\r\nb\r\n"
            b"*2\r\n$7\r\nHGETALL\r\n$1\r\nc\r\n",
            self.sent,
        )
        for byte in b"$3\r\n007\r\n:7\r\n*2\r\n$1\r\nx\r\n$-1\r\n":
            self.protocol.dataReceived(bytes([byte]))
        found = [self.successResultOf(call) for call in calls]
        self.assertEqual([b"007", 7, [b"x", None]], found)

    def test_an_error_fails_its_own_call_only(self) -> None:
        first, second = self.protocol.call("GET", "a"), self.protocol.call("GET", "b")
        self.protocol.dataReceived(b"-ERR no such thing\r\n$1\r\nx\r\n")
        self.assertIn("no such thing", str(self.failureResultOf(first, RedisError).value))
        self.assertEqual(b"x", self.successResultOf(second))

    def test_a_batch_tells_once_which_of_its_commands_were_refused(self) -> None:
        done: list[Any] = []
        self.protocol.send([("A",), ("B",), ("C",)], [Batch(3, done.append)])
        call = self.protocol.call("GET", "a")
        self.protocol.dataReceived(b":1\r\n-OOM full\r\n")
        self.assertEqual([], done)
        self.protocol.dataReceived(b"-NOPERM no\r\n$1\r\nx\r\n")
        self.assertEqual([{1: "OOM full", 2: "NOPERM no"}], done)
        self.assertEqual(b"x", self.successResultOf(call))

    def test_whatever_is_pending_fails_with_the_connection(self) -> None:
        done: list[Any] = []
        call = self.protocol.call("GET", "a")
        self.protocol.send([("A",), ("B",)], [Batch(2, done.append)])
        self.protocol.dataReceived(b"$1\r\nx\r\n:1\r\n")
        second = self.protocol.call("GET", "b")
        self.protocol.transport.loseConnection()
        self.assertEqual(b"x", self.successResultOf(call))
        self.assertIn("lost", str(self.failureResultOf(second, RedisError).value))
        self.assertEqual([None], done)
        self.assertEqual(1, len(self.owner.lost))

    def test_what_is_sent_on_hearing_of_the_loss_fails_too(self) -> None:
        again: list[Any] = []
        call = self.protocol.call("GET", "a")
        call.addErrback(lambda _: again.append(self.protocol.call("GET", "a")))
        self.protocol.send([("A",)], [Batch(1, lambda _: again.append(self.protocol.call("B")))])
        self.protocol.transport.loseConnection()
        for each in again:
            self.assertIn("lost", str(self.failureResultOf(each, RedisError).value))
        self.assertEqual((2, 0), (len(again), len(self.protocol.pending)))

    def test_a_cancelled_call_does_not_shift_the_replies(self) -> None:
        first, second = self.protocol.call("GET", "a"), self.protocol.call("GET", "b")
        first.addErrback(lambda _: None)
        first.cancel()
        self.protocol.dataReceived(b"$1\r\nx\r\n$1\r\ny\r\n")
        self.assertEqual(b"y", self.successResultOf(second))

    def test_messages_are_no_replies(self) -> None:
        self.protocol = self.connect(lambda *message: self.messages.append(message))
        call = self.protocol.call("SUBSCRIBE", "c")
        self.protocol.dataReceived(
            b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
            b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
        )
        self.assertEqual([b"subscribe", b"c", 1], self.successResultOf(call))
        self.assertEqual([(b"c", b"hi")], self.messages)

    def test_a_list_on_a_connection_for_commands_is_a_reply_whatever_it_holds(self) -> None:
        call = self.protocol.call("LRANGE", "a", 0, -1)
        self.protocol.dataReceived(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n")
        self.assertEqual([b"message", b"c", b"hi"], self.successResultOf(call))


class OtherServiceTests(ProtocolTestCase):
    """Something else answers."""

    def test_what_is_no_resp_drops_the_connection_with_one_reason(self) -> None:
        for greeting in (b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-x\r\n", b'{"a":1}\r\n'):
            self.owner.lost.clear()
            protocol = self.connect()
            call = protocol.call("PING")
            protocol.dataReceived(greeting)
            protocol.dataReceived(greeting)
            self.failureResultOf(call, RedisError)
            self.assertEqual(["the service at this address is not Redis"], self.owner.lost)

    def test_so_does_a_reply_that_nobody_has_asked_for(self) -> None:
        self.protocol.dataReceived(b"+OK POP3 ready\r\n")
        self.assertEqual(["the service at this address is not Redis"], self.owner.lost)

    @given(st.binary(max_size=64))
    def test_no_bytes_raise(self, data: bytes) -> None:
        protocol = self.connect(lambda *message: None)
        protocol.call("PING").addErrback(lambda _: None)
        protocol.dataReceived(data)


class ChunkTests(SynchronousTestCase):
    """What comes in one piece."""

    def test_what_comes_in_one_chunk_is_one_write_batch(self) -> None:
        events: list[object] = []

        class WriteBatch:
            def __enter__(self) -> None:
                events.append("begin")

            def __exit__(self, *error: Any) -> None:
                events.append("end")

        protocol = RedisProtocol(Owner(), WriteBatch(), lambda *heard: events.append(heard))
        message = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n%d\r\n"
        data = b"".join(message % number for number in range(3))
        protocol.dataReceived(data[:-5])
        protocol.dataReceived(data[-5:])
        heard = [(b"c", b"%d" % number) for number in range(3)]
        self.assertEqual(["begin", *heard[:2], "end", "begin", heard[2], "end"], events)

    def test_a_call_takes_one_reply(self) -> None:
        self.assertEqual(1, Call().awaited)

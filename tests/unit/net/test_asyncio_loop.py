"""What an asyncio reactor is prepared for."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from typing import Any

from twisted.internet import asyncioreactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.testing import MemoryReactor
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net import asyncio_loop


class Reader(FileDescriptor):
    """Reads a byte, and notes who has called."""

    def __init__(self, reactor: Any, stream: socket.socket) -> None:
        super().__init__(reactor)  # type: ignore[no-untyped-call]
        self.stream = stream
        self.seen: list[bytes] = []
        self.prefixes = 0

    def fileno(self) -> int:
        return self.stream.fileno()

    def logPrefix(self) -> str:
        self.prefixes += 1
        return "reader"

    def doRead(self) -> None:
        self.seen.append(self.stream.recv(1))


class PrepareTests(SynchronousTestCase):
    """An asyncio reactor."""

    def setUp(self) -> None:
        # Twisted's own is put back when the test is over.
        self.patch(asyncioreactor, "callWithLogger", asyncioreactor.callWithLogger)
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)
        self.reactor = asyncioreactor.AsyncioSelectorReactor(self.loop)
        self.addCleanup(self.reactor.removeAll)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def read(self) -> Reader:
        """A reader that has read a byte, by the reactor."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        reader = Reader(self.reactor, ours)
        self.reactor.addReader(reader)
        theirs.send(b"x")
        while not reader.seen:
            self.reactor.iterate(0)
        return reader

    def test_its_loop_is_known(self) -> None:
        self.assertIs(self.loop, asyncio_loop.loop_of(self.reactor))

    def test_other_reactors_are_left_as_they_are(self) -> None:
        self.assertIsNone(asyncio_loop.loop_of(MemoryReactor()))
        self.assertFalse(asyncio_loop.prepare(MemoryReactor()))

    def test_events_come_without_a_log_context(self) -> None:
        self.assertEqual(1, self.read().prefixes)
        self.assertTrue(asyncio_loop.prepare(self.reactor))
        self.assertEqual(0, self.read().prefixes)

    def test_a_twisted_without_that_function_works_as_it_is(self) -> None:
        self.patch(asyncio_loop, "_WITH_CONTEXT", "other_name")
        self.assertFalse(asyncio_loop.prepare(self.reactor))
        self.assertEqual(1, self.read().prefixes)

    def test_an_error_of_a_task_that_nobody_awaits_is_logged(self) -> None:
        async def broken() -> None:
            raise KeyError("a")

        asyncio_loop.prepare(self.reactor)
        task: Any = self.loop.create_task(broken())
        self.reactor.iterate(0)
        del task
        gc.collect()
        self.assertEqual(1, len(self.flushLoggedErrors(KeyError)))
        self.assertIn("never retrieved", self.events[-1]["what"])

    def test_child_processes_that_end_are_noticed(self) -> None:
        before = signal.getsignal(signal.SIGCHLD)
        self.addCleanup(signal.signal, signal.SIGCHLD, before)
        reaped: list[bool] = []
        self.patch(asyncio_loop, "reapAllProcesses", lambda: reaped.append(True))
        asyncio_loop.prepare(self.reactor)
        self.reactor.fireSystemEvent("startup")
        self.reactor.iterate(0)
        self.assertEqual([True], reaped)
        signal.raise_signal(signal.SIGCHLD)
        while len(reaped) < 2:
            self.reactor.iterate(0)

    def test_the_loop_outlives_what_would_end_the_process(self) -> None:
        async def ends(error: BaseException) -> None:
            raise error

        asyncio_loop.prepare(self.reactor)
        self.reactor.running = True
        errors = (SystemExit(3), SystemExit(), KeyboardInterrupt())
        tasks = [self.loop.create_task(ends(error)) for error in errors]
        self.loop.call_later(0.01, self.loop.stop)
        self.loop.run_forever()
        self.assertEqual(list(errors), [task.exception() for task in tasks])
        self.assertEqual(2, len(self.flushLoggedErrors(SystemExit)))
        self.assertEqual(1, len(self.flushLoggedErrors(KeyboardInterrupt)))
        self.assertIn("tried to end the process", self.events[-1]["what"])

    def test_it_ends_with_the_reactor_even_then(self) -> None:
        def stop_and_exit() -> None:
            self.loop.stop()
            raise SystemExit(3)

        asyncio_loop.prepare(self.reactor)
        self.assertFalse(self.reactor.running)
        self.loop.call_soon(stop_and_exit)
        self.loop.run_forever()
        self.assertEqual(1, len(self.flushLoggedErrors(SystemExit)))

    def test_trouble_without_an_error_is_logged(self) -> None:
        asyncio_loop.prepare(self.reactor)
        self.loop.call_exception_handler({"message": "it hurts"})
        self.assertEqual("it hurts", self.events[-1]["what"])

"""`polling`: events reach their sockets, and one that fails harms no other."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.selectreactor import SelectReactor
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from actionhero_tcp.net.epoll_loop import poll_directly


@implementer(IReadDescriptor)
class Reader:
    """The reading end of a pipe, with something to read."""

    def __init__(self, reactor: Any, act: Any) -> None:
        self.descriptor, self.other_end = os.pipe()
        os.write(self.other_end, b"x")
        self.reactor = reactor
        self.act = act
        self.reads = 0
        self.lost: list[Any] = []
        reactor.addReader(self)

    def fileno(self) -> int:
        return self.descriptor

    def logPrefix(self) -> str:
        raise AssertionError("nobody asks for the log's context")

    def doRead(self) -> Any:
        self.reads += 1
        os.read(self.descriptor, 10)
        return self.act(self)

    def connectionLost(self, reason: Any) -> None:
        self.lost.append(reason)
        if self.act is fail_while_closing:
            raise ZeroDivisionError("while closing")


def nothing(reader: Reader) -> None:
    """Goes on."""


def fail(reader: Reader) -> None:
    raise ZeroDivisionError("while reading")


def fail_while_closing(reader: Reader) -> None:
    raise ZeroDivisionError("while reading")


class PollingTests(SynchronousTestCase):
    """An epoll reactor of the test's own."""

    def setUp(self) -> None:
        self.reactor = EPollReactor()
        self.addCleanup(self.reactor.removeAll)
        self.assertTrue(poll_directly(self.reactor))

    def reader(self, act: Any = nothing) -> Reader:
        """A reader that is ready, and closed after the test."""
        reader = Reader(self.reactor, act)
        self.addCleanup(os.close, reader.descriptor)
        self.addCleanup(os.close, reader.other_end)
        self.addCleanup(self.reactor.removeReader, reader)
        return reader

    def test_what_is_ready_is_read_once(self) -> None:
        readers = [self.reader(), self.reader()]
        self.reactor.doIteration(0)
        self.reactor.doIteration(0)
        self.assertEqual([1, 1], [reader.reads for reader in readers])

    def test_it_waits_for_what_is_not_ready_yet(self) -> None:
        reader = self.reader()
        self.reactor.doIteration(None)
        self.assertEqual(1, reader.reads)

    def test_one_that_fails_is_closed_and_harms_no_other(self) -> None:
        bad, good = self.reader(fail), self.reader()
        self.reactor.doIteration(0)
        self.assertEqual(1, len(bad.lost))
        self.assertEqual(1, good.reads)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_one_that_fails_while_it_is_closed_harms_no_other(self) -> None:
        self.reader(fail_while_closing)
        good = self.reader()
        self.reactor.doIteration(0)
        self.assertEqual(1, good.reads)
        self.assertEqual(2, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_one_that_another_removed_is_left_alone(self) -> None:
        readers: list[Reader] = []

        def remove_the_others(reader: Reader) -> None:
            for other in readers:
                self.reactor.removeReader(other)

        readers += [self.reader(remove_the_others), self.reader(remove_the_others)]
        self.reactor.doIteration(0)
        self.assertEqual(1, sum(reader.reads for reader in readers))

    def test_a_signal_ends_the_wait(self) -> None:
        polls = []

        class Interrupted:
            def poll(self, *_: Any) -> Any:
                polls.append(1)
                raise InterruptedError

        self.patch(self.reactor, "_poller", Interrupted())
        self.reactor.doIteration(None)
        self.assertEqual([1], polls)

    def test_other_reactors_are_left_alone(self) -> None:
        reactor = SelectReactor()
        self.assertFalse(poll_directly(reactor))
        self.assertFalse(poll_directly(object()))
        self.assertNotIn("doIteration", vars(reactor))

    def test_nothing_is_logged_where_nothing_fails(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.reader()
        self.reactor.doIteration(0)
        self.assertEqual([], events)

"""Twisted's reactor in an event loop of asyncio that somebody else runs."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import twisted.internet.reactor
from twisted.internet import asyncioreactor
from twisted.internet.protocol import ClientFactory, ServerFactory
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net import embedded_reactor, thread_pool, twisted_log
from actionhero_tcp.net.embedded_reactor import acquire, installed, release

NAME = "twisted.internet.reactor"


class EmbeddedReactorTests(SynchronousTestCase):
    """A loop's reactor, in a process that has another one, or none."""

    def setUp(self) -> None:
        self.patch(asyncioreactor, "callWithLogger", asyncioreactor.callWithLogger)
        self.patch(embedded_reactor, "_reactors", {})
        self.global_reactor = twisted.internet.reactor

    def forget_reactor(self) -> None:
        """Has the process without a global reactor, until the test ends."""
        modules, package = sys.modules, twisted.internet

        def restore() -> None:
            modules[NAME] = self.global_reactor  # type: ignore[assignment]
            package.reactor = self.global_reactor  # type: ignore[attr-defined]

        self.addCleanup(restore)
        del modules[NAME]
        del package.reactor

    def test_a_loop_has_one_reactor_as_long_as_somebody_uses_it(self) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            reactor = acquire(loop)
            self.assertTrue(reactor.running)
            self.assertIs(reactor, acquire(loop))
            await deferLater(reactor, 0).asFuture(loop)
            release(reactor)
            self.assertTrue(reactor.running)
            never = reactor.callLater(1000, lambda: None)
            release(reactor)
            self.assertFalse(reactor.running)
            self.assertFalse(never.active())
            self.assertIsNot(reactor, other := acquire(loop))
            release(other)

        asyncio.run(main())

    def test_tls_keeps_its_time_beside_the_reactor_of_the_program(self) -> None:
        async def main() -> None:
            reactor = acquire(asyncio.get_running_loop())
            made: list[Any] = []
            self.patch(reactor, "listenTCP", lambda port, factory, *rest: made.append(factory))
            self.patch(reactor, "connectTCP", lambda host, port, tls, *rest: made.append(tls))
            options = CertificateOptions()
            reactor.listenSSL(0, ServerFactory(), options)
            reactor.connectSSL("127.0.0.1", 1, ClientFactory(), options)
            self.assertEqual([reactor, reactor], [each._clock for each in made])
            release(reactor)

        asyncio.run(main())

    def test_it_leaves_the_reactor_of_the_program_alone(self) -> None:
        async def main() -> None:
            reactor = acquire(asyncio.get_running_loop())
            self.assertIs(self.global_reactor, installed())
            release(reactor)
            self.assertIs(self.global_reactor, installed())

        asyncio.run(main())

    def test_where_there_is_none_it_is_the_reactor_of_the_program(self) -> None:
        self.forget_reactor()

        async def main() -> None:
            reactor = acquire(asyncio.get_running_loop())
            from twisted.internet import reactor as imported

            self.assertIs(reactor, imported)
            release(reactor)
            self.assertIsNone(installed())

        asyncio.run(main())

    def test_one_of_a_closed_loop_gives_way(self) -> None:
        self.forget_reactor()
        loop = asyncio.new_event_loop()
        old = acquire(loop)
        self.assertIs(old, installed())
        loop.close()
        # A thread may still call it.
        old.callFromThread(lambda: None)

        async def main() -> None:
            reactor = acquire(asyncio.get_running_loop())
            self.assertIs(reactor, installed())
            release(reactor)

        asyncio.run(main())

    def test_nobody_stops_the_loop_of_the_program(self) -> None:
        async def main() -> None:
            reactor = acquire(asyncio.get_running_loop())
            self.assertRaises(RuntimeError, reactor.stop)
            release(reactor)

        asyncio.run(main())


class PrivateNameTests(SynchronousTestCase):
    """What Twisted keeps to itself is there."""

    def test_the_first_observer_of_the_log(self) -> None:
        from twisted.logger import globalLogBeginner

        self.assertTrue(hasattr(globalLogBeginner, twisted_log._FIRST_OBSERVER))
        # trial has begun.
        self.assertTrue(twisted_log.has_begun())

    def test_the_threads_of_a_pool(self) -> None:
        from twisted.python.threadpool import ThreadPool

        pool = ThreadPool(0, 1)
        pool.start()
        pool.callInThread(lambda: None)
        thread_pool.end_when_idle(pool)
        for thread in pool.threads:
            thread.join(60)
            self.assertFalse(thread.is_alive())

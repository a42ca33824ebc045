"""The daemon as a Twisted service."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from actionhero_tcp.config import Limits
from actionhero_tcp.listening import Listener
from actionhero_tcp.service import ActionHeroService
from actionhero_tcp.stats import Stats
from actionhero_tcp.transport import TCPTransport

from . import support
from .serving import FakeCloser, FakeEndpoint, FakePort, ServingTestCase


class FakeFactory:
    """A factory whose clients go when the test says so."""

    limits = Limits(drain_timeout=20, close_timeout=5)

    def __init__(self, order: list[str]) -> None:
        self.clients = 2
        self.clock, self.stats = Clock(), Stats()
        self.order = order
        self.drained: Deferred[None] = Deferred()

    def drain(self) -> Deferred[None]:
        self.order.append("drain")
        return self.drained


class ServiceTests(ServingTestCase):
    """Listening, and stopping in order."""

    def setUp(self) -> None:
        super().setUp()
        self.factory = FakeFactory(self.order)
        self.watch: FakeCloser | None = None

    def service(self, *outcomes: Any) -> ActionHeroService:
        """A service that listens on endpoints with these outcomes."""
        self.endpoints = [FakeEndpoint(outcome) for outcome in outcomes]
        listeners = [Listener(e, f"place {n}") for n, e in enumerate(self.endpoints, 1)]
        return ActionHeroService(
            "the server",
            self.factory,  # type: ignore[arg-type]
            listeners,
            self.failures.append,
            self.notifier,  # type: ignore[arg-type]
            FakeCloser(self.order, "cache"),  # type: ignore[arg-type]
            self.logs,  # type: ignore[arg-type]
            watch=self.watch,  # type: ignore[arg-type]
        )

    def test_it_listens_before_privileges_are_given_up(self) -> None:
        ports = [FakePort(self.order), FakePort(self.order)]
        service = self.service(succeed(ports[0]), ports[1])
        self.assertEqual([[], []], [endpoint.factories for endpoint in self.endpoints])
        service.privilegedStartService()
        self.assertEqual([[self.factory]] * 2, [e.factories for e in self.endpoints])
        self.assertEqual(ports, service.ports)
        self.assertIn("listening on 127.0.0.1:4000 (place 1)", self.log)
        self.assertIn("listening on 127.0.0.1:4000 (place 2)", self.log)
        self.assertEqual([], self.failures)
        service.startService()
        self.assertTrue(service.running)
        self.assertIn("the server has started", self.log)

    def test_it_stops_to_accept_then_drains_then_closes(self) -> None:
        stopping: Deferred[None] = Deferred()
        service = self.service(FakePort(self.order, stopping), FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        stopped = service.stopService()
        self.assertFalse(service.running)
        self.assertEqual(["stopListening", "stopListening"], self.order)
        stopping.callback(None)
        self.assertEqual("drain", self.order[-1])
        self.assertNoResult(stopped)
        self.factory.drained.callback(None)
        self.assertEqual(["drain", "close cache", "close logs"], self.order[2:])
        self.successResultOf(stopped)
        self.assertIn("the server is stopping, with 2 clients connected", self.log)
        self.assertEqual("the server has stopped", self.log[-1])
        self.assertEqual([], service.ports)

    def test_a_port_that_does_not_stop_well_holds_up_nothing(self) -> None:
        service = self.service(FakePort(self.order, fail(ValueError("no"))))
        service.privilegedStartService()
        service.startService()
        stopped = service.stopService()
        self.factory.drained.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(["stopListening", "drain", "close cache", "close logs"], self.order)

    def test_the_reactor_is_watched_from_the_start_until_all_is_closed(self) -> None:
        self.watch = FakeCloser(self.order, "watch")
        service = self.service()
        service.privilegedStartService()
        self.assertEqual([], self.order)
        service.startService()
        self.factory.drained.callback(None)
        self.successResultOf(service.stopService())
        self.assertEqual(
            ["start watch", "drain", "close cache", "close logs", "close watch"], self.order
        )

    def test_a_request_log_that_goes_nowhere_is_told(self) -> None:
        self.service().startService()
        self.assertFalse([line for line in self.log if "/dev/null" in line])
        self.logs.goes_nowhere = True
        self.service().startService()
        self.assertTrue([line for line in self.log if "/dev/null" in line])

    def test_it_tells_that_it_is_ready_once_it_listens_everywhere_and_has_started(self) -> None:
        late: Deferred[Any] = Deferred()
        service = self.service(late, FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        self.assertEqual([], self.notifier.told)
        late.callback(FakePort(self.order))
        ready = ("ready", "listening on 127.0.0.1:4000, 127.0.0.1:4000")
        self.assertEqual([ready], self.notifier.told)

    def test_it_is_not_ready_before_it_has_started(self) -> None:
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        self.assertEqual([], self.notifier.told)
        service.startService()
        self.assertEqual([("ready", "listening on 127.0.0.1:4000")], self.notifier.told)

    def test_it_is_never_ready_where_it_cannot_listen_everywhere(self) -> None:
        service = self.service(FakePort(self.order), fail(ValueError("no")))
        service.privilegedStartService()
        service.startService()
        self.assertEqual([], self.notifier.told)

    def test_it_tells_that_it_stops_and_how_long_that_may_take(self) -> None:
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        stopped = service.stopService()
        stopping = ("stopping", "stopping, with 2 clients connected", 40.0)
        self.assertEqual([stopping], self.notifier.told[1:])
        self.factory.drained.callback(None)
        self.successResultOf(stopped)
        self.assertEqual([stopping, ("close",)], self.notifier.told[1:])

    def test_it_tells_that_it_reloads_and_when_it_has(self) -> None:
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        service.read_anew = lambda: self.notifier.told.append(("read anew",)) is None
        self.assertTrue(service.reload())
        ready = ("ready", "listening on 127.0.0.1:4000")
        self.assertEqual([ready, ("reloading",), ("read anew",), ready], self.notifier.told)

    def test_it_is_ready_after_a_reload_that_failed(self) -> None:
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        service.read_anew = lambda: 1 / 0
        self.assertRaises(ZeroDivisionError, service.reload)
        self.assertEqual("ready", self.notifier.told[-1][0])

    def test_a_reload_opens_the_logs_anew_and_tells_only_what_went_wrong(self) -> None:
        service = self.service()
        service.read_anew = lambda: False
        self.assertFalse(service.reload())
        self.assertEqual([], self.log)
        self.logs.errors = ["/a: cannot open it"]
        service.read_anew = lambda: True
        self.assertTrue(service.reload())
        self.assertEqual(["/a: cannot open it; the old file is written on"], self.log)

    def test_one_that_never_listened_can_stop(self) -> None:
        service = self.service()
        self.factory.drained.callback(None)
        self.successResultOf(service.stopService())
        self.assertEqual(["drain", "close cache", "close logs"], self.order)


class WholeServiceTests(SynchronousTestCase):
    """The daemon as it is wired, without a network."""

    def test_its_clients_hear_goodbye_when_it_stops(self) -> None:
        service, reactor = support.make_service()
        service.privilegedStartService()
        service.startService()
        client = support.Client(service, reactor)
        reactor.advance(0)
        client.raw()
        self.successResultOf(service.stopService())
        self.assertEqual(b'{"status":"Server going down NOW","context":"api"}\r\n', client.raw())
        self.assertEqual([], reactor.getDelayedCalls())


class PortTests(TestCase):
    """A real port, on which nobody calls."""

    async def test_it_writes_at_once(self) -> None:
        from twisted.internet import reactor

        service, _ = support.make_service(reactor=support.Reactor())
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        service._listeners = [Listener(endpoint, "here")]
        service.privilegedStartService()
        (port,) = service.ports
        self.assertIs(TCPTransport, port.transport)
        await port.stopListening()

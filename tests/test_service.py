"""The daemon as a Twisted service."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.application.service import Application, IServiceCollection, MultiService
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from actionhero_tcp.config import Limits
from actionhero_tcp.serverlog import ServerLog
from actionhero_tcp.service import ActionHeroService, Listener, address_text
from actionhero_tcp.stats import Stats
from actionhero_tcp.transport import TCPTransport

from . import support


class FakePort:
    """A listening port that remembers when it stopped."""

    def __init__(self, order: list[str], stopped: Deferred[None] | None = None) -> None:
        self.order = order
        self.stopped = stopped

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 4000)

    def stopListening(self) -> Deferred[None] | None:
        self.order.append("stopListening")
        return self.stopped


class FakeEndpoint:
    """An endpoint with a given outcome."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.factories: list[Any] = []

    def listen(self, factory: Any) -> Any:
        self.factories.append(factory)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class FakeCloser:
    """A cache, the logs or a watch, which tell when they start and are closed."""

    def __init__(self, order: list[str], name: str) -> None:
        self.order = order
        self.name = name
        self.goes_nowhere = False
        self.server: ServerLog | None = None
        self.errors: list[str] = []

    def start(self) -> None:
        self.order.append(f"start {self.name}")

    def close(self) -> None:
        self.order.append(f"close {self.name}")

    def reopen(self) -> list[str]:
        return self.errors


class FakeNotifier:
    """A notifier that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def ready(self, status: str) -> None:
        self.told.append(("ready", status))

    def reloading(self) -> None:
        self.told.append(("reloading",))

    def stopping(self, status: str, seconds: float) -> None:
        self.told.append(("stopping", status, seconds))

    def close(self) -> None:
        self.told.append(("close",))


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


class ServiceTests(SynchronousTestCase):
    """Listening, and stopping in order."""

    def setUp(self) -> None:
        self.order: list[str] = []
        self.failures: list[str] = []
        self.factory = FakeFactory(self.order)
        self.notifier = FakeNotifier()
        self.logs = FakeCloser(self.order, "logs")
        self.watch: FakeCloser | None = None
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

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

    @property
    def log(self) -> list[str]:
        """What was logged."""
        return [formatEvent(event) for event in self.events]

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

    def test_a_place_that_is_taken_is_told(self) -> None:
        error = CannotListenError("", 5000, OSError(errno.EADDRINUSE, "Address already in use"))
        for outcome in (error, fail(error)):
            self.failures.clear()
            self.service(outcome).privilegedStartService()
            self.assertEqual(["cannot listen on place 1: Address already in use"], self.failures)

    def test_other_errors_are_told_by_what_they_say(self) -> None:
        for error, text in (
            (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
            (ValueError("no such thing"), "no such thing"),
            (KeyError(), "KeyError"),
        ):
            self.failures.clear()
            self.service(fail(error)).privilegedStartService()
            self.assertEqual([f"cannot listen on place 1: {text}"], self.failures)

    def test_one_that_fails_does_not_keep_the_others_from_being_tried(self) -> None:
        port = FakePort(self.order)
        service = self.service(fail(ValueError("no")), port)
        service.privilegedStartService()
        self.assertEqual([port], service.ports)
        self.assertEqual(["cannot listen on place 1: no"], self.failures)

    def test_what_the_failing_raises_reaches_who_starts_the_service(self) -> None:
        service = self.service(fail(ValueError("no")))

        def end(error: str) -> None:
            raise SystemExit(error)

        service._fail = end
        self.assertRaises(SystemExit, service.privilegedStartService)

    def test_an_endpoint_that_fails_later_is_told_then(self) -> None:
        listening: Deferred[Any] = Deferred()
        service = self.service(listening)
        service.privilegedStartService()
        self.assertEqual([], self.failures)
        listening.errback(ValueError("no"))
        self.assertEqual(["cannot listen on place 1: no"], self.failures)

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
        stopping = ("stopping", "stopping, with 2 clients connected", 35.0)
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

    def test_the_application_gets_its_log_for_twistd_to_start(self) -> None:
        service = self.service()
        self.logs.server = ServerLog(os.devnull)
        application = Application("x")
        service.setServiceParent(application)
        self.assertIs(self.logs.server, application.getComponent(ILogObserver))
        self.assertIs(service, IServiceCollection(application).getServiceNamed("the server"))

    def test_where_the_log_is_not_its_business_the_application_gets_none(self) -> None:
        application = Application("x")
        self.service().setServiceParent(application)
        self.assertIsNone(application.getComponent(ILogObserver, None))

    def test_it_can_be_part_of_something_that_is_no_application(self) -> None:
        service, parent = self.service(), MultiService()
        self.logs.server = ServerLog(os.devnull)
        service.setServiceParent(parent)
        self.assertEqual([service], list(parent))

    def test_a_reload_opens_the_logs_anew_and_tells_only_what_went_wrong(self) -> None:
        service = self.service()
        service.read_anew = lambda: False
        self.assertFalse(service.reload())
        self.assertEqual([], self.log)
        self.logs.errors = ["/a: cannot open it"]
        service.read_anew = lambda: True
        self.assertTrue(service.reload())
        self.assertEqual(["/a: cannot open it; the old file is written on"], self.log)

    def test_it_tells_what_came_of_opening_the_logs_anew(self) -> None:
        service = self.service()
        service.reopen_logs()
        self.assertEqual(["opened the logs anew"], self.log)
        self.logs.errors = ["/a: cannot open it", "/b: cannot open it"]
        service.reopen_logs()
        self.assertEqual(
            [
                "/a: cannot open it; the old file is written on",
                "/b: cannot open it; the old file is written on",
            ],
            self.log[1:],
        )

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


class AddressTextTests(SynchronousTestCase):
    """`address_text`."""

    def test_ip_addresses(self) -> None:
        self.assertEqual("127.0.0.1:80", address_text(IPv4Address("TCP", "127.0.0.1", 80)))

    def test_ipv6_addresses(self) -> None:
        self.assertEqual("[::1]:80", address_text(IPv6Address("TCP", "::1", 80)))

    def test_unix_addresses(self) -> None:
        self.assertEqual("unix:/run/a.sock", address_text(UNIXAddress(b"/run/a.sock")))
        self.assertEqual("unix:", address_text(UNIXAddress(None)))

    def test_anything_else(self) -> None:
        self.assertEqual(os.devnull, address_text(os.devnull))

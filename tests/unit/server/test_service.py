"""The daemon as a Twisted service."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.hooks import Hook
from actionhero_tcp.app.lifespan import Lifecycle
from actionhero_tcp.config.sections import General, Limits, Redis
from actionhero_tcp.errors import ActionError
from actionhero_tcp.server import file_reading
from actionhero_tcp.server.listening import Listener
from actionhero_tcp.server.platform import Platform
from actionhero_tcp.server.resource import Resource
from actionhero_tcp.server.service import ActionHeroService
from actionhero_tcp.stats import Stats
from tests import support
from tests.support.serving import FakeCloser, FakeEndpoint, FakePort, ServingTestCase


class FakeFactory:
    """A factory, its context and its clients in one; they go when the test says so."""

    limits = Limits(drain_timeout=20, close_timeout=5)

    def __init__(self, order: list[str]) -> None:
        self.clients = self
        self.context = self.live = self
        self.clock, self.stats = support.Reactor(), Stats()
        self.api = SimpleNamespace(
            reactor=self.clock,
            config=SimpleNamespace(limits=self.limits),
            state=SimpleNamespace(),
            threads=None,
            cluster=SimpleNamespace(error=""),
        )
        self.config = SimpleNamespace(
            general=General(server_name="the server"), redis=Redis(required=True)
        )
        self.order = order
        self.drained: Deferred[None] = Deferred()

    def __len__(self) -> int:
        return 2

    def drain(self) -> Deferred[None]:
        self.order.append("drain")
        return self.drained

    def cut_short(self) -> None:
        """Nothing runs."""


class FakeReload:
    """A reload whose reading is all that there is to it."""

    def __init__(self, read: Callable[[], bool]) -> None:
        self.read = read

    def __call__(self) -> bool:
        return self.read()

    def use(self, found: bool) -> None:
        """Changes nothing."""


class ServiceTestCase(ServingTestCase):
    """Makes services of stand-ins."""

    def setUp(self) -> None:
        super().setUp()
        self.factory = FakeFactory(self.order)
        self.watch: FakeCloser | None = None
        self.hooks: list[Hook] = []
        self.steps: list[str] = []
        self.outcome: Callable[[], bool] = lambda: True

    def service(self, *outcomes: Any) -> ActionHeroService:
        """A service that listens on endpoints with these outcomes."""
        self.endpoints = [FakeEndpoint(outcome) for outcome in outcomes]
        listeners = [Listener(e, f"place {n}") for n, e in enumerate(self.endpoints, 1)]
        platform = Platform(
            self.factory.clock,
            self.notifier,  # type: ignore[arg-type]
            fail=self.failures.append,
            hold=lambda: self.steps.append("starting"),
            started=lambda: self.steps.append("started"),
        )
        hooks = Lifecycle(self.hooks, self.factory.api)  # type: ignore[arg-type]
        resources = [
            *(Resource(each.start, each.close) for each in [self.watch] if each is not None),
            Resource(stop=self.logs.close),
            Resource(stop=FakeCloser(self.order, "cache").close),
            Resource(hooks.start, hooks.stop, hooks.give_up, opens_port=hooks.starts)
            if hooks.starts
            else Resource(stop=hooks.stop),
            Resource(stop=self.factory.drain, cut_short=self.factory.cut_short),
        ]
        return ActionHeroService(
            self.factory,  # type: ignore[arg-type]
            listeners,
            platform,
            self.logs,  # type: ignore[arg-type]
            resources,
            FakeReload(lambda: self.read_config()),  # type: ignore[arg-type]
        )

    def read_config(self) -> bool:
        """What a reload of the configuration comes to."""
        self.notifier.told.append(("read",))
        return self.outcome()


class ServiceTests(ServiceTestCase):
    """Listening, and stopping in order."""

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
        stopping = ("stopping", "stopping, with 2 clients connected", 55.0)
        self.assertEqual([stopping], self.notifier.told[1:])
        self.factory.drained.callback(None)
        self.successResultOf(stopped)
        self.assertEqual([stopping, ("close",)], self.notifier.told[1:])

    def test_it_tells_that_it_reloads_and_when_it_has(self) -> None:
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        self.assertTrue(service.reload())
        ready = ("ready", "listening on 127.0.0.1:4000")
        self.assertEqual([ready, ("reloading",), ("read",), ready], self.notifier.told)

    def test_a_reload_that_waits_for_no_disk_is_over_when_the_files_are_read(self) -> None:
        threads: list[Callable[[], None]] = []
        self.patch(file_reading, "start_thread", threads.append)
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        service.reload_later()
        ready = ("ready", "listening on 127.0.0.1:4000")
        self.assertEqual([ready, ("reloading",)], self.notifier.told)
        threads[0]()
        self.assertEqual([ready, ("reloading",), ("read",), ready], self.notifier.told)

    def test_a_stop_meanwhile_is_not_undone(self) -> None:
        threads: list[Callable[[], None]] = []
        self.patch(file_reading, "start_thread", threads.append)
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        service.reload_later()
        service.stopService()
        threads[0]()
        self.assertEqual("stopping", self.notifier.told[-2][0])
        self.assertEqual(("read",), self.notifier.told[-1])

    def test_it_is_ready_after_a_reload_that_failed(self) -> None:
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        self.outcome = lambda: 1 / 0 == 0
        self.assertRaises(ZeroDivisionError, service.reload)
        self.assertEqual("ready", self.notifier.told[-1][0])

    def test_a_reload_opens_the_logs_anew_and_tells_only_what_went_wrong(self) -> None:
        service = self.service()
        self.outcome = lambda: False
        self.assertFalse(service.reload())
        self.assertEqual([], self.log)
        self.logs.errors = ["/a: cannot open it"]
        self.outcome = lambda: True
        self.assertTrue(service.reload())
        self.assertEqual(["/a: cannot open it; the old file is written on"], self.log)

    def test_one_that_never_listened_can_stop(self) -> None:
        service = self.service()
        self.factory.drained.callback(None)
        self.successResultOf(service.stopService())
        self.assertEqual(["drain", "close cache", "close logs"], self.order)


class ReadinessTests(ServiceTestCase):
    """Whether clients should be sent here."""

    def test_not_before_it_has_started_and_listens_everywhere(self) -> None:
        late: Deferred[Any] = Deferred()
        service = self.service(late)
        service.privilegedStartService()
        self.assertEqual(["starting"], service.not_ready())
        service.startService()
        self.assertEqual(["starting"], service.not_ready())
        late.callback(FakePort(self.order))
        self.assertEqual([], service.not_ready())

    def test_not_while_it_drains(self) -> None:
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        service.stopService()
        self.assertEqual(["draining"], service.not_ready())

    def test_not_without_redis_where_that_is_required(self) -> None:
        service = self.service(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        self.factory.api.cluster.error = "Connection refused"
        self.assertEqual(["Redis unreachable: Connection refused"], service.not_ready())
        self.factory.config.redis = Redis()
        self.assertEqual([], service.not_ready())


class ResourceTests(ServiceTestCase):
    """What starts and stops with the service."""

    def test_a_part_that_does_not_stop_well_holds_up_no_other(self) -> None:
        service = self.service()
        broken = Resource(stop=lambda: fail(ValueError("broken")))
        service._resources = [*service._resources, broken]
        service.startService()
        self.factory.drained.callback(None)
        self.successResultOf(service.stopService())
        self.assertEqual(["drain", "close cache", "close logs"], self.order)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))


class LifecycleTests(ServiceTestCase):
    """With hooks of the start, which nothing is served before; and of the stop."""

    def hooked(self, *outcomes: Any) -> ActionHeroService:
        """A service with a hook of the start that waits, and one of the stop, each in a file."""
        self.opened: Deferred[None] = Deferred(lambda _: self.order.append("cancelled"))

        def open_it(api: Any) -> Deferred[None]:
            self.order.append("open")
            return self.opened

        def close_it(api: Any) -> None:
            self.order.append("close")

        self.hooks += [Hook("on_start", open_it, file="a"), Hook("on_stop", close_it, file="a")]
        return self.service(*outcomes)

    def test_it_listens_and_is_ready_when_they_have_ended(self) -> None:
        service = self.hooked(FakePort(self.order))
        service.privilegedStartService()
        self.assertEqual([], self.order)
        service.startService()
        self.factory.clock.advance(0)
        self.assertEqual((["open"], ["starting"]), (self.order, self.steps))
        self.assertEqual(([], [], []), (self.log, service.ports, self.notifier.told))
        self.opened.callback(None)
        self.assertEqual(["starting", "started"], self.steps)
        self.assertEqual([("ready", "listening on 127.0.0.1:4000")], self.notifier.told)
        self.assertEqual("the server has started", self.log[-1])
        stopped = service.stopService()
        self.assertEqual(["open", "stopListening", "drain"], self.order)
        self.factory.drained.callback(None)
        self.assertEqual(["drain", "close", "close cache", "close logs"], self.order[2:])
        self.successResultOf(stopped)

    def test_a_reload_before_they_have_ended_does_not_make_it_ready(self) -> None:
        service = self.hooked(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        self.factory.clock.advance(0)
        self.assertTrue(service.reload())
        self.assertEqual([("reloading",), ("read",)], self.notifier.told)

    def test_they_run_when_the_reactor_does(self) -> None:
        self.factory.clock.hasRun = False
        service = self.hooked(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        self.factory.clock.advance(0)
        self.assertEqual([], self.order)
        for call, arguments, keywords in self.factory.clock.whenRunningHooks:
            call(*arguments, **keywords)
        self.factory.clock.advance(0)
        self.assertEqual(["open"], self.order)

    def test_they_do_not_run_in_one_that_has_been_stopped_before(self) -> None:
        self.factory.clock.hasRun = False
        service = self.hooked(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        self.factory.clock.advance(0)
        service.stopService()
        for call, arguments, keywords in self.factory.clock.whenRunningHooks:
            call(*arguments, **keywords)
        self.factory.clock.advance(0)
        self.assertEqual(["drain"], self.order)

    def test_one_that_fails_ends_the_process_and_nothing_listens(self) -> None:
        service = self.hooked(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        self.factory.clock.advance(0)
        self.opened.errback(ActionError("no database"))
        (error,) = self.failures
        self.assertIn("the hook 'open_it' (@on_start) refuses the start: no database", error)
        self.assertEqual((["starting"], []), (self.steps, service.ports))
        service.stopService()
        self.factory.drained.callback(None)
        self.assertEqual(["open", "drain", "close cache", "close logs"], self.order)

    def test_a_stop_during_the_start_is_no_failure(self) -> None:
        service = self.hooked(FakePort(self.order))
        service.privilegedStartService()
        service.startService()
        self.factory.clock.advance(0)
        stopped = service.stopService()
        self.factory.drained.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(["open", "drain", "cancelled", "close cache", "close logs"], self.order)
        self.assertEqual(([], ["starting"]), (self.failures, self.steps))
        self.assertEqual([], self.factory.clock.getDelayedCalls())

    def test_where_it_cannot_listen_then_they_are_undone(self) -> None:
        service = self.hooked(fail(ValueError("taken")))
        service.privilegedStartService()
        service.startService()
        self.factory.clock.advance(0)
        self.opened.callback(None)
        self.assertEqual(["cannot listen on place 1: taken"], self.failures)
        self.assertEqual(["starting"], self.steps)
        self.assertNotIn("the server has started", self.log)
        service.stopService()
        self.factory.drained.callback(None)
        self.assertEqual(["open", "drain", "close", "close cache", "close logs"], self.order)

    def test_a_second_signal_ends_what_they_wait_for(self) -> None:
        service = self.hooked(FakePort(self.order))
        waiting: Deferred[None] = Deferred()
        self.hooks[1:] = [Hook("on_stop", lambda api: waiting, file="a")]
        service = self.service(FakePort(self.order))
        service.startService()
        self.factory.clock.advance(0)
        self.opened.callback(None)
        stopped = service.stopService()
        self.factory.drained.callback(None)
        self.assertNoResult(stopped)
        service.cut_short()
        self.successResultOf(stopped)


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

"""A service that listens."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.application.service import Application, IServiceCollection, MultiService
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.sections import Limits
from actionhero_tcp.logs.server_log import ServerLog
from actionhero_tcp.server import listening
from actionhero_tcp.server.listening import Listener, ListeningService, address_text, stop_seconds
from actionhero_tcp.server.platform import Platform
from tests.support.serving import FakeEndpoint, FakePort, ServingTestCase


class ListeningSocket:
    """A socket that remembers how it was told to listen."""

    def __init__(self) -> None:
        self.backlogs: list[int] = []

    def listen(self, backlog: int) -> None:
        self.backlogs.append(backlog)


class ListeningTests(ServingTestCase):
    """Listening, or saying why not; and the logs."""

    def service(self, *outcomes: Any) -> ListeningService:
        """A service that listens on endpoints with these outcomes."""
        self.endpoints = [FakeEndpoint(outcome) for outcome in outcomes]
        listeners = [Listener(e, f"place {n}") for n, e in enumerate(self.endpoints, 1)]
        service = ListeningService(
            "the factory",
            listeners,
            Platform(None, self.notifier, self.failures.append),  # type: ignore[arg-type]
            self.logs,  # type: ignore[arg-type]
        )
        service.setName("the server")
        return service

    def test_each_listens_with_the_factory_and_the_log_says_where(self) -> None:
        ports = [FakePort(self.order), FakePort(self.order)]
        service = self.service(succeed(ports[0]), ports[1])
        service.privilegedStartService()
        self.assertEqual([["the factory"]] * 2, [e.factories for e in self.endpoints])
        self.assertEqual(ports, service.ports)
        self.assertIn("listening on 127.0.0.1:4000 (place 1)", self.log)
        self.assertIn("listening on 127.0.0.1:4000 (place 2)", self.log)

    def test_the_backlog_is_set_and_a_lower_limit_of_the_system_is_told(self) -> None:
        for most, told in ((4096, []), (None, []), (128, [128])):
            self.patch(listening, "most_waiting", lambda most=most: most)
            service, port = self.service(), FakePort(self.order)
            port.socket = stream = ListeningSocket()  # type: ignore[attr-defined]
            service._listeners = [Listener(FakeEndpoint(port), "place", backlog=4096)]
            service.privilegedStartService()
            self.assertEqual([4096], stream.backlogs)
            text = "backlog of 4096 connections is capped at %d by net.core.somaxconn (place)"
            self.assertEqual([text % n for n in told], [t for t in self.log if "backlog" in t])

    def test_a_place_without_a_backlog_is_left_as_it_is(self) -> None:
        service, port = self.service(), FakePort(self.order)
        port.socket = stream = ListeningSocket()  # type: ignore[attr-defined]
        service._listeners = [Listener(FakeEndpoint(port), "place")]
        service.privilegedStartService()
        self.assertEqual([], stream.backlogs)

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

    def test_it_tells_what_came_of_opening_the_logs_anew(self) -> None:
        service = self.service()
        service.reopen_logs()
        self.assertEqual(["reopened the logs"], self.log)
        self.logs.errors = ["/a: cannot open it", "/b: cannot open it"]
        service.reopen_logs()
        self.assertEqual(
            [
                "/a: cannot open it; the old file is written on",
                "/b: cannot open it; the old file is written on",
            ],
            self.log[1:],
        )

    def test_a_stop_takes_as_long_as_its_limits_and_a_reserve(self) -> None:
        self.assertEqual(20 + 6 * 5 + 5, stop_seconds(Limits(drain_timeout=20, close_timeout=5)))


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

"""Tests of `actionhero_tcp.server.admission`."""

from __future__ import annotations

import resource

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.sections import Config, Limits
from actionhero_tcp.config.settings import Settings
from actionhero_tcp.errors import StartError
from actionhero_tcp.server import admission
from actionhero_tcp.server.admission import NO_MEMORY, TOO_MANY, TOO_MANY_OF_ADDRESS, Admission
from actionhero_tcp.stats import Stats
from tests.support import make_budget, make_live


class AdmissionTests(SynchronousTestCase):
    """How many may connect."""

    def start(self, most: int = 60, **limits: int) -> None:
        """An admission of these limits, in a process that can hold so many connections."""
        self.clock, self.stats = Clock(), Stats()
        self.live = make_live({("limits", name): value for name, value in limits.items()})
        self.memory = make_budget(max_memory=1000)
        self.admission = Admission(self.live, most * 2, self.clock, self.stats, self.memory)

    def test_just_as_many_as_may_are_let_in(self) -> None:
        self.start(max_connections=3)
        self.assertEqual(
            [None, None, None, TOO_MANY, TOO_MANY], [self.admission.enter() for _ in range(5)]
        )
        self.assertEqual({"maxConnections": 2}, self.stats.limited)

    def test_without_a_limit_it_is_what_the_process_can_hold(self) -> None:
        self.start(most=2)
        self.assertEqual([None, None, TOO_MANY], [self.admission.enter() for _ in range(3)])

    def test_who_leaves_makes_room(self) -> None:
        self.start(max_connections=1)
        self.admission.enter()
        self.admission.enter()
        self.admission.leave(refused=True, network=None)
        self.assertIs(TOO_MANY, self.admission.enter())
        self.admission.leave(refused=False, network=None)
        self.assertIsNone(self.admission.enter())

    def test_a_limit_can_be_replaced(self) -> None:
        self.start(max_connections=1)
        self.admission.enter()
        self.live.swap(Settings(Config(limits=Limits(max_connections=2))))
        self.assertIsNone(self.admission.enter())
        self.assertIs(TOO_MANY, self.admission.enter())

    def test_where_memory_is_short_nobody_is_let_in_until_enough_is_released(self) -> None:
        self.start(most=60)
        account = self.memory.account()
        account.charge(900)
        self.assertIs(NO_MEMORY, self.admission.enter())
        for _ in range(60):
            if not self.admission.drops():
                self.admission.enter()
        self.assertTrue(self.admission.drops())
        self.assertGreater(self.stats.closed["memory limit"], 1)
        self.admission.leave(refused=True, network=None)
        account.release(300)
        self.assertIsNone(self.admission.enter())

    def test_when_too_many_are_being_refused_the_rest_is_dropped(self) -> None:
        self.start(max_connections=1)
        self.assertFalse(self.admission.drops())
        told = 60 // 8
        for _ in range(1 + told):
            self.assertFalse(self.admission.drops())
            self.admission.enter()
        self.assertTrue(self.admission.drops())
        self.assertEqual({"too many connections": 1}, self.stats.closed)
        self.assertEqual({"maxConnections": told + 1}, self.stats.limited)
        self.admission.leave(refused=True, network=None)
        self.assertFalse(self.admission.drops())

    def test_as_many_of_one_address_as_may(self) -> None:
        self.start(max_connections_per_ip=2)
        enter = self.admission.enter_network
        for _ in range(5):
            self.admission.enter()
        self.assertEqual([None, None, TOO_MANY_OF_ADDRESS], [enter("10.0.0.1") for _ in range(3)])
        self.assertIsNone(enter("10.0.0.2"))
        self.admission.leave(refused=True, network=None)
        self.assertIs(TOO_MANY_OF_ADDRESS, enter("10.0.0.1"))
        self.admission.leave(refused=False, network="10.0.0.1")
        self.assertEqual({"maxConnectionsPerIP": 2}, self.stats.limited)

    def test_nothing_is_kept_of_those_who_left(self) -> None:
        self.start(max_connections_per_ip=2)
        for number in range(100):
            self.admission.enter()
            self.admission.enter_network(f"10.0.0.{number}")
            self.admission.leave(refused=False, network=f"10.0.0.{number}")
        self.assertEqual({}, self.admission._by_network)
        self.assertFalse(self.admission._admitted)

    def test_refusals_are_logged_at_most_once_a_second(self) -> None:
        events: list[str] = []
        self.patch(admission._log, "warn", lambda text, **facts: events.append(str(facts)))
        self.start(max_connections=1)
        for _ in range(100):
            self.admission.enter()
        self.clock.advance(0.99)
        self.admission.enter()
        self.assertEqual(1, len(events))
        self.clock.advance(0.02)
        self.admission.enter()
        self.assertEqual(2, len(events))
        self.assertIn("'count': 100", events[1])

    def test_what_an_address_is_counted_as(self) -> None:
        for host, network in (
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("no:address", "no:address"),
        ):
            self.assertEqual(network, admission.network_of(host), host)


class DescriptorTests(SynchronousTestCase):
    """What the limit of open files allows."""

    def test_some_are_kept_for_files(self) -> None:
        for descriptors, most in ((100, 50), (1000, 936), (20_000, 19_800)):
            made = Admission(
                make_live({("limits", "max_connections"): most}),
                descriptors,
                Clock(),
                Stats(),
                make_budget(),
            )
            allowed, beyond = (
                Config(limits=Limits(max_connections=count)) for count in (most, most + 1)
            )
            made.check(allowed)
            self.assertRaises(StartError, made.check, beyond)

    def test_to_ask_for_more_is_an_error_that_says_what_to_do(self) -> None:
        live = make_live({("limits", "max_connections"): 937})
        error = self.assertRaises(
            StartError, Admission, live, 1000, Clock(), Stats(), make_budget()
        )
        self.assertIn("limits.maxConnections is 937", str(error))
        self.assertIn("allows 936", str(error))
        self.assertIn("LimitNOFILE", str(error))

    def test_where_it_may_not_be_raised_it_stays(self) -> None:
        for error in (PermissionError(), ValueError()):

            def refuse(*_: object, error: Exception = error) -> None:
                raise error

            self.patch(resource, "getrlimit", lambda _: (100, 4000))
            self.patch(resource, "setrlimit", refuse)
            self.assertEqual(100, admission.raise_descriptor_limit())

    def test_the_soft_limit_is_raised_to_the_hard_one(self) -> None:
        for before, after in (
            ((100, 4000), (4000, 4000)),
            ((4000, 4000), None),
            ((100, resource.RLIM_INFINITY), (1_048_576, resource.RLIM_INFINITY)),
            ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None),
            ((2_000_000, 3_000_000), None),
        ):
            calls: list[tuple[int, int]] = []
            self.patch(resource, "getrlimit", lambda _, limits=before: limits)
            self.patch(resource, "setrlimit", lambda _, limits, calls=calls: calls.append(limits))
            limit = admission.raise_descriptor_limit()
            self.assertEqual([after] if after else [], calls)
            if after is not None:
                self.assertEqual(after[0], limit)
            elif before[0] != resource.RLIM_INFINITY:
                self.assertEqual(before[0], limit)

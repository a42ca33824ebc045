"""Rate limits of actions."""

from __future__ import annotations

import types
from typing import Any

from actionhero_tcp import action, after_action, before_action, limit
from actionhero_tcp.app import limits, loader
from actionhero_tcp.app.limits import MAX_KEYS, Limit, Limiter
from actionhero_tcp.errors import LimitError, StartError
from tests.support.routing import SERVER_ERROR, RouterTestCase


class Client:
    """A connection of which only the id counts."""

    def __init__(self, id: str) -> None:
        self.id = id


class DeclarationTests(RouterTestCase):
    """What `@limit` takes."""

    def test_rates(self) -> None:
        for text, count, seconds in (
            ("5/s", 5, 1),
            ("100/m", 100, 60),
            ("100/min", 100, 60),
            ("1000/h", 1000, 3600),
            ("7/d", 7, 86400),
            ("10/30s", 10, 30),
        ):

            @limit(text)
            def act(api: Any, connection: Any) -> None: ...

            self.assertEqual((Limit(count, seconds),), getattr(act, limits.MARK))

    def test_what_is_no_rate_names_the_line(self) -> None:
        for wrong in ("", "5", "0/s", "5/w", "-1/s", "5 / s", "5/0s", "9999999999/s", 5, None):
            with self.assertRaisesRegex(StartError, r"test_limits.py:\d+: @limit\(.*such as 5/s"):

                @limit(wrong)  # type: ignore[arg-type]
                def act(api: Any, connection: Any) -> None: ...

    def test_without_a_rate_it_names_the_function(self) -> None:
        with self.assertRaisesRegex(
            StartError, r"test_limits.py:\d+: @limit needs a rate, such as"
        ):

            @limit  # type: ignore[arg-type]
            def act(api: Any, connection: Any) -> None: ...

    def test_what_is_no_key(self) -> None:
        with self.assertRaisesRegex(StartError, "a key is a function"):

            @limit("5/s", key="id")  # type: ignore[arg-type]
            def act(api: Any, connection: Any) -> None: ...

    def test_one_that_would_have_no_effect_is_refused(self) -> None:
        @limit("5/s")
        def helper(api: Any, connection: Any) -> None: ...

        @after_action
        @limit("5/s")
        def after(api: Any, connection: Any, call: Any) -> None: ...

        for function in (helper, after):
            module = types.ModuleType("module")
            function.__module__ = "module"
            setattr(module, function.__name__, function)
            with self.assertRaisesRegex(StartError, "would have no effect"):
                loader.definitions(module)


class LimiterTests(RouterTestCase):
    """What is counted together."""

    def ask(self, limiter: Limiter, id: str, now: float = 0.0) -> int | None:
        """Makes a request; gives after how many ms to come again, or None where it may run."""
        try:
            limiter.check(Client(id), now)  # type: ignore[arg-type]
        except LimitError as error:
            self.assertEqual("actionLimit", error.limit)
            return error.fields["retryAfter"]  # type: ignore[return-value]
        return None

    def test_a_burst_and_then_the_rate(self) -> None:
        limiter = Limiter(Limit(2, 1))
        self.assertEqual([None, None, 500], [self.ask(limiter, "a") for _ in range(3)])
        self.assertEqual(250, self.ask(limiter, "a", 0.25))
        self.assertEqual(None, self.ask(limiter, "a", 0.5))

    def test_clients_count_apart(self) -> None:
        limiter = Limiter(Limit(1, 1))
        self.assertEqual([None, None], [self.ask(limiter, each) for each in "ab"])
        self.assertEqual([1000, 1000], [self.ask(limiter, each) for each in "ab"])

    def test_what_a_key_puts_together(self) -> None:
        limiter = Limiter(Limit(1, 60, lambda connection: connection.id[0]))
        asked = [self.ask(limiter, each) for each in ("a1", "a2", "b1")]
        self.assertEqual([None, 60_000, None], asked)

    def test_the_table_is_bounded_and_forgets_what_was_used_least_recently(self) -> None:
        limiter = Limiter(Limit(1, 3600))
        for number in range(MAX_KEYS):
            self.assertIsNone(self.ask(limiter, str(number)))
        self.assertEqual(3_600_000, self.ask(limiter, "0"))
        self.assertIsNone(self.ask(limiter, "new"))
        self.assertEqual(MAX_KEYS, len(limiter._rates))
        self.assertEqual(3_600_000, self.ask(limiter, "0"))
        self.assertIsNone(self.ask(limiter, "1"))

    def test_a_long_key_is_kept_as_its_digest(self) -> None:
        limiter = Limiter(Limit(1, 1, lambda connection: connection.id))
        for text in ("x" * 1000, "\ud800" * 1000):
            self.assertIsNone(self.ask(limiter, text))
            self.assertEqual(1000, self.ask(limiter, text))
        self.assertEqual([16, 16], [len(key) for key in limiter._rates])  # type: ignore[arg-type]


class RequestTests(RouterTestCase):
    """Limits of what clients ask for."""

    def test_to_the_byte(self) -> None:
        ran = []

        @action
        @limit("2/s")
        def act(api: Any, connection: Any, *, n: int = 0) -> None:
            ran.append(n)

        client = self.start(act)
        self.assertEqual(["OK", "OK"], [client.ask("act")["status"] for _ in range(2)])
        self.assertEqual(
            b'{"context":"response","error":"too many requests","code":429,"retryAfter":500,'
            b'"messageCount":3}\r\n',
            self.raw(b'{"action":"act","params":{"n":1}}'),
        )
        self.reactor.advance(0.5)
        self.assertEqual("OK", client.ask('{"action":"act","params":{"n":2}}')["status"])
        self.assertEqual([0, 0, 2], ran)

    def test_above_or_below_the_action_and_several(self) -> None:
        @limit("3/s")
        @action
        @limit("5/s")
        def act(api: Any, connection: Any) -> None: ...

        client = self.start(act)
        asked = ["error" in client.ask("act") for _ in range(4)]
        self.assertEqual([False, False, False, True], asked)

    def test_nothing_runs_for_a_refused_request(self) -> None:
        seen: list[str] = []

        @before_action
        def before(api: Any, connection: Any, call: Any) -> None:
            seen.append("before")

        @after_action
        def after(api: Any, connection: Any, call: Any) -> None:
            seen.append("after")

        @action
        @limit("1/s")
        def act(api: Any, connection: Any, *, n: int) -> None: ...

        client = self.start(act, before, after)
        client.ask('{"action":"act","params":{"n":1}}')
        self.assertIn("too many", client.ask('{"action":"act","params":{"n":"x"}}')["error"])
        self.assertEqual(["before", "after"], seen)

    def test_a_hook_limits_all_actions_together(self) -> None:
        @before_action
        @limit("2/s")
        def all_actions(api: Any, connection: Any, call: Any) -> None: ...

        client = self.start(all_actions)
        client.ask("randomNumber")
        client.ask("actionsView")
        answer = client.ask("randomNumber")
        self.assertEqual((429, 500), (answer["code"], answer["retryAfter"]))

    def test_it_is_counted_in_status(self) -> None:
        @action
        @limit("1/h")
        def act(api: Any, connection: Any) -> None: ...

        client = self.start(act)
        for _ in range(3):
            client.ask("act")
        self.assertEqual(2, client.ask("status")["stats"]["limits"]["actionLimit"])

    def test_servers_count_apart(self) -> None:
        @action
        @limit("1/h", key=lambda connection: "all")
        def act(api: Any, connection: Any) -> None: ...

        for _ in range(2):
            self.assertEqual("OK", self.start(act).ask("act")["status"])

    def test_a_key_that_fails_is_a_server_error(self) -> None:
        @action
        @limit("1/h", key=lambda connection: connection.attributes["user"])
        def act(api: Any, connection: Any) -> None: ...

        @action
        @limit("1/h", key=lambda connection: [])  # type: ignore[arg-type]
        def other(api: Any, connection: Any) -> None: ...

        self.start(act, other)
        self.assertError("act", SERVER_ERROR)
        self.assertError("other", SERVER_ERROR)
        self.assertIn("KeyError: 'user'", self.log)

"""Tests of `actionhero_tcp.web.access`: hosts, origins and the token."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from actionhero_tcp.config.trusted_proxies import TrustedProxies
from actionhero_tcp.web.access import Access


class FakeRequest:
    """A request: its headers, its arguments and its cookies."""

    def __init__(self, token: str = "", cookie: str = "", **headers: str) -> None:
        self.requestHeaders = Headers({name: [value] for name, value in headers.items()})
        self.args = {b"token": [token.encode()]} if token else {}
        self._cookie = cookie.encode() or None
        self.added: list[Any] = []

    def getCookie(self, name: bytes) -> bytes | None:
        return self._cookie if name == b"actionhero_token" else None

    def addCookie(self, name: str, value: str, **rules: Any) -> None:
        self.added.append((name, value, rules))


class AccessTests(SynchronousTestCase):
    """Who may do what."""

    def setUp(self) -> None:
        self.access: Any = Access("s3cret", ["localhost", "[::1]"], ["https://app.example/"], "/a/")

    def test_hosts_with_any_port(self) -> None:
        for host in ("localhost", "LOCALHOST:5080", "[::1]", "[::1]:5080"):
            self.assertTrue(self.access.knows_host(FakeRequest(host=host)), host)

    def test_names_that_somebody_has_resolve_to_us(self) -> None:
        for host in ("evil.example", "localhost.evil.example:5080", "127.0.0.1", "[::2]", ""):
            self.assertFalse(self.access.knows_host(FakeRequest(host=host)), host)
        self.assertFalse(self.access.knows_host(FakeRequest()))

    def test_any_host(self) -> None:
        access: Any = Access("", ["*"], [])
        self.assertTrue(access.knows_host(FakeRequest(host="a.example")))

    def test_pages_of_ours_and_programs(self) -> None:
        for headers in (
            {"host": "localhost:5080"},
            {"host": "localhost:5080", "origin": "http://localhost:5080"},
            {"host": "localhost", "origin": "https://app.example"},
            {"host": "localhost", "origin": "https://APP.example/"},
        ):
            self.assertTrue(self.access.knows_origin(FakeRequest(**headers)), headers)

    def test_pages_of_other_sites(self) -> None:
        for origin in ("http://localhost:8000", "https://app.example.evil", "null", "http://"):
            request = FakeRequest(host="localhost:5080", origin=origin)
            self.assertFalse(self.access.knows_origin(request), origin)

    def test_the_token_in_a_cookie_or_as_a_bearer(self) -> None:
        self.assertTrue(self.access.has_token(FakeRequest(cookie="s3cret")))
        self.assertTrue(self.access.has_token(FakeRequest(authorization="Bearer s3cret")))
        self.assertTrue(self.access.has_token(FakeRequest(authorization="bearer  s3cret")))

    def test_no_token_and_wrong_ones(self) -> None:
        for request in (
            FakeRequest(),
            FakeRequest(cookie="s3cre"),
            FakeRequest(authorization="Basic s3cret"),
            FakeRequest(authorization="Bearer"),
            FakeRequest(token="s3cret"),
            FakeRequest(cookie="s\u00e9cret"),
        ):
            self.assertFalse(self.access.has_token(request))

    def test_the_token_in_the_address_becomes_a_cookie(self) -> None:
        request = FakeRequest(token="s3cret")
        self.assertTrue(self.access.take_token(request))
        ((name, value, rules),) = request.added
        self.assertEqual(("actionhero_token", "s3cret"), (name, value))
        self.assertEqual({"path": "/a/", "httpOnly": True, "sameSite": "strict"}, rules)

    def test_a_wrong_token_in_the_address(self) -> None:
        request = FakeRequest(token="other")
        self.assertFalse(self.access.take_token(request))
        self.assertEqual([], request.added)

    def test_without_a_token_each_start_makes_one(self) -> None:
        one, other = Access("", [], []).token, Access("", [], []).token
        self.assertNotEqual(one, other)
        self.assertGreaterEqual(len(one), 32)


class ForwardedTests(SynchronousTestCase):
    """Clients behind proxies."""

    def peer(self, *forwarded: str, peer: str = "10.0.0.1", proxies: str = "10.0.0.0/8") -> str:
        access = Access("", [], [], proxies=TrustedProxies(proxies.split()))
        headers = Headers({"x-forwarded-for": list(forwarded)} if forwarded else {})
        ours = IPv4Address("TCP", "10.0.0.9", 5080)
        theirs = IPv4Address("TCP", peer, 40001)
        transport = SimpleNamespace(getPeer=lambda: theirs, getHost=lambda: ours)
        request: Any = SimpleNamespace(requestHeaders=headers, transport=transport)
        return str(access.peer_of(request).host)

    def test_a_trusted_proxy_is_believed(self) -> None:
        self.assertEqual("192.0.2.7", self.peer("192.0.2.7"))
        self.assertEqual("2001:db8::7", self.peer("2001:db8::7"))
        self.assertEqual("2001:db8::7", self.peer("[2001:db8::7]:4000"))
        self.assertEqual("192.0.2.7", self.peer("192.0.2.7:4000"))

    def test_others_are_not(self) -> None:
        self.assertEqual("192.0.2.1", self.peer("192.0.2.7", peer="192.0.2.1"))
        self.assertEqual("10.0.0.1", self.peer("192.0.2.7", proxies=""))

    def test_what_a_client_invents_before_the_proxies_is_not_believed(self) -> None:
        self.assertEqual("192.0.2.7", self.peer("198.51.100.1, 192.0.2.7, 10.0.0.2"))
        self.assertEqual("192.0.2.7", self.peer("198.51.100.1", "192.0.2.7", "10.0.0.2"))

    def test_without_the_header_or_with_nonsense_it_is_the_proxy(self) -> None:
        self.assertEqual("10.0.0.1", self.peer())
        for text in ("", "unknown", "_hidden", "1.2.3", "[", "x" * 10_000):
            self.assertEqual("10.0.0.1", self.peer(text), text)

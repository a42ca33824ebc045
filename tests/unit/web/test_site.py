"""Tests of `actionhero_tcp.web.site`: what holds for each request."""

from __future__ import annotations

from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.web.access import Access
from actionhero_tcp.web.resources import JSONResource, TextFile, WebResource
from actionhero_tcp.web.site import HEADERS, MAX_BODY_BYTES, Protected, Root, WebSite
from tests.support.web import ask, send


class SiteTests(SynchronousTestCase):
    """The tree of the web port."""

    def setUp(self) -> None:
        self.site = self.build()

    def build(self, prefix: str = "") -> object:
        """A site of one open and some protected resources."""
        access = Access("s3cret", ["localhost"], [])
        tree, inner = WebResource(), WebResource()
        tree.add("open", TextFile(b"open", "text/plain"))
        inner.add("rows", JSONResource(lambda arguments: dict(arguments)))
        tree.add("inner", Protected(access, inner))
        tree.add("", Protected(access, TextFile(b"page", "text/html"), takes_token=True))
        return WebSite(Root(access, prefix, tree), Clock())

    def test_each_answer_has_the_headers(self) -> None:
        for path in ("/open", "/none", "/inner/rows", "/"):
            answer = ask(self.site, path)
            for name, value in HEADERS.items():
                self.assertEqual(value, answer.headers[name.lower()], (path, name))

    def test_no_script_and_no_style_within_html_and_nothing_from_elsewhere(self) -> None:
        policy = HEADERS["Content-Security-Policy"]
        self.assertNotIn("unsafe", policy)
        self.assertNotRegex(policy, r"https?:|\*")
        self.assertIn("default-src 'none'", policy)
        self.assertIn("frame-ancestors 'none'", policy)

    def test_an_unknown_host(self) -> None:
        answer = ask(self.site, "/open", host="evil.example")
        self.assertEqual(
            (421, b"unknown host name; web.allowedHosts names ours\n"), (answer.status, answer.body)
        )

    def test_unknown_paths(self) -> None:
        for path in ("/none", "/none/open", "/inner/none"):
            answer = ask(self.site, path, authorization="Bearer s3cret")
            self.assertEqual(404, answer.status, path)

    def test_other_methods(self) -> None:
        self.assertEqual(405, ask(self.site, "/open", "POST").status)
        self.assertEqual(200, ask(self.site, "/open", "HEAD").status)

    def test_what_is_protected_needs_the_token(self) -> None:
        self.assertEqual(401, ask(self.site, "/inner/rows").status)
        answer = ask(self.site, "/inner/rows?a=1&a=2", authorization="Bearer s3cret")
        self.assertEqual((200, {"a": "2"}), (answer.status, answer.json))
        self.assertEqual(
            200, ask(self.site, "/inner/rows", cookie="actionhero_token=s3cret").status
        )

    def test_what_is_protected_takes_no_request_of_another_site(self) -> None:
        answer = ask(
            self.site, "/inner/rows", cookie="actionhero_token=s3cret", origin="http://evil.example"
        )
        self.assertEqual(403, answer.status)

    def test_the_page_is_opened_by_an_address_with_the_token(self) -> None:
        answer = ask(self.site, "/?token=s3cret")
        self.assertEqual((302, "/"), (answer.status, answer.headers["location"]))
        cookie = answer.headers["set-cookie"]
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=strict", cookie)
        self.assertEqual(b"page", ask(self.site, "/", cookie=cookie.partition(";")[0]).body)
        self.assertEqual(401, ask(self.site, "/?token=other").status)

    def test_below_a_prefix(self) -> None:
        site = self.build("behind/a-proxy")
        self.assertEqual(b"open", ask(site, "/behind/a-proxy/open").body)
        for path in ("/open", "/behind", "/behind/other/open", "/"):
            self.assertEqual(404, ask(site, path).status, path)
        self.assertEqual(
            "/behind/a-proxy/", ask(site, "/behind/a-proxy/?token=s3cret").headers["location"]
        )

    def test_a_long_body_ends_the_connection(self) -> None:
        for length in (f"content-length: {MAX_BODY_BYTES + 1}", "transfer-encoding: chunked"):
            transport = send(
                self.site,
                f"POST /open HTTP/1.1\r\nhost: localhost\r\n{length}\r\n\r\n".encode(),
            )
            self.assertTrue(transport.disconnecting or not transport.connected, length)

    def test_nonsense(self) -> None:
        for data in (b"\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n", b"\xff\x00" * 40 + b"\r\n\r\n"):
            transport = send(self.site, data)
            self.assertNotIn(b" 200 ", transport.value())
        self.assertEqual([], self.flushLoggedErrors())

"""HTTP requests and TLS handshakes, told from lines of ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.wire import other_protocols
from actionhero_tcp.wire.other_protocols import begins_http_request, is_http_request_line
from tests.support import PROPERTY

TOKEN = st.text("!#$%&'*+-.^_`|~abcXYZ019", min_size=1).map(str.encode)
PATH = st.binary().map(lambda data: b"/" + data.translate(None, b" \t\r\n"))


class RequestLineTests(SynchronousTestCase):
    """`is_http_request_line`."""

    def test_request_lines(self) -> None:
        for line in (
            b"GET / HTTP/1.1",
            b"POST / HTTP/1.1",
            b"POST /a/b?c=d&e=%20 HTTP/1.0",
            b"get /x http/1.1",
            b"M-SEARCH * HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
            b"GET http://example.com/x HTTP/1.1",
            b"CONNECT example.com:443 HTTP/1.1",
            b"connect [::1]:443 HTTP/1.1",
            b"PRI * HTTP/2.0",
            b"GET / HTTP/2",
            b"GET / HTTP/1.1\r",
            b" GET  /  HTTP/1.1 ",
            b"GET\t/\tHTTP/1.1",
            b"GET /\xff HTTP/1.1",
            b"{} / HTTP/1.1".replace(b"{}", b"X" * 5000),
        ):
            self.assertTrue(is_http_request_line(line), line)
            if not line.lower().lstrip().startswith(b"connect"):
                self.assertTrue(begins_http_request(line), line)

    def test_lines_of_ours(self) -> None:
        for line in (
            b"",
            b"detailsView",
            b"say I like HTTP/1.1",
            b"say hello HTTP/1.1",
            b"paramAdd a=http://b HTTP/1.1",
            b"roomChange a:b HTTP/1.1",
            b'{"action":"GET / HTTP/1.1"}',
            b"GET /",
            b"GET / ",
            b"GET / HTTP/",
            b"GET / FTP/1.1",
            b"/ HTTP/1.1",
            b"HTTP/1.1 200 OK",
            b"GET / HTTP/1.1 x",
            b"PROXY UNKNOWN",
        ):
            self.assertFalse(is_http_request_line(line), line)

    @PROPERTY
    @given(TOKEN, PATH, st.sampled_from([b"HTTP/1.0", b"HTTP/1.1", b"http/2", b"HTTP/3.0"]))
    def test_any_method_and_any_path(self, method: bytes, path: bytes, version: bytes) -> None:
        self.assertTrue(is_http_request_line(b" ".join((method, path, version))))

    def test_long_lines_that_are_none_take_no_time_worth_mentioning(self) -> None:
        for line in (b"a" * 65536, b"a /" + b" " * 65533, b" " * 65536, b"a /" + b"b" * 65533):
            self.assertFalse(is_http_request_line(line))


class TLSTests(SynchronousTestCase):
    """`begins_tls`."""

    def test_the_record_of_a_handshake(self) -> None:
        self.assertTrue(other_protocols.begins_tls(b"\x16\x03\x01\x02\x00\x01"))
        for data in (b"", b"\x16", b"\x16\x02", b"\x15\x03", b"say \x16\x03"):
            self.assertFalse(other_protocols.begins_tls(data))

"""The installed daemon behind a proxy: headers of both versions, right and wrong, and HAProxy."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import subprocess

from tests.support import PATIENCE, ROOT, Daemon, wait_for
from tests.support.integration import (
    WELCOME,
    DaemonTestCase,
    OwnDaemonTestCase,
    Talker,
    connect,
    make_pair,
)

V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 4321 5000\r\n"
V1_SIX = b"PROXY TCP6 2001:db8::1 2001:db8::2 4321 5000\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2 = (
    SIGNATURE
    + b"\x21\x11\0\x0c"
    + bytes([192, 0, 2, 1, 192, 0, 2, 2])
    + struct.pack("!HH", 4321, 1)
)
LOCAL = SIGNATURE + b"\x20\0\0\0"

WHERE = """
from actionhero_tcp import action


@action
def where(api, connection):
    return {"where": connection.remote_address}
"""

LISTEN = "--listen=haproxy:tcp:0:interface=127.0.0.1"
FILES = {"actions/where.py": WHERE}


def closed(running: Daemon, address: str) -> str:
    """Waits until a connection from an address has ended; gives the reason."""
    pattern = rf"disconnect .*from={re.escape(address)} .*reason=\"(.*?)\""
    return wait_for(lambda: re.search(pattern, running.log), f"the end of {address}")[1]


def name(stream: socket.socket) -> str:
    """A client's own end of its connection."""
    host, port = stream.getsockname()
    return f"{host}:{port}"


class ProxiedTestCase(DaemonTestCase):
    """Tests of a daemon behind a proxy, which they are."""

    options: tuple[str, ...] = (LISTEN, "--announce-limit=0")
    files = FILES

    def come(self, *pieces: bytes) -> Talker:
        """A connection on which some pieces were sent."""
        client = self.enter(connect(self.daemon))
        client.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.send(piece)
        return client

    def assert_dropped(self, reason: str, *clients: Talker) -> None:
        """Connections are closed without a word, and the log says why."""
        for client in clients:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(b"", client.rest())
        for client in clients:
            self.assertEqual(reason, closed(self.daemon, name(client.stream)))


class HeaderTests(ProxiedTestCase):
    """Headers that are right."""

    def test_the_address_is_that_of_the_header(self) -> None:
        # No other test uses these: the end of each is looked for in the log.
        for header, address in (
            (V1.replace(b"192.0.2.1", b"192.0.2.31"), "192.0.2.31:4321"),
            (V1_SIX, "[2001:db8::1]:4321"),
            (V2.replace(b"\xc0\0\2\1", b"\xc0\0\2\x20"), "192.0.2.32:4321"),
        ):
            client = self.come(header)
            self.assertEqual(WELCOME, client.line())
            self.assertEqual(address, client.ask("where")["where"])
            client.send(b"quit\n")
            client.rest()
            client.stream.close()
            self.assertEqual("quit", closed(self.daemon, address))

    def test_where_it_says_none_it_is_the_proxy_s(self) -> None:
        for header in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 1 2 3\r\n", LOCAL):
            client = self.come(header)
            self.assertEqual(WELCOME, client.line())
            self.assertEqual(name(client.stream), client.ask("where")["where"])

    def test_nothing_is_said_before_the_header_is_complete(self) -> None:
        for header in (V1, V2):
            client = self.come(header[:-1])
            other = self.come(header)
            self.assertEqual(WELCOME, other.line())
            client.stream.setblocking(False)
            self.assertRaises(BlockingIOError, client.stream.recv, 1)
            client.stream.settimeout(PATIENCE)
            client.send(header[-1:])
            self.assertEqual(WELCOME, client.line())

    def test_the_first_lines_may_come_with_it(self) -> None:
        for header in (V1, V2, LOCAL):
            client = self.come(header + b"paramsView\r\ndetailsView\npara")
            self.assertEqual(WELCOME, client.line())
            self.assertEqual([1, 2], [m["messageCount"] for m in client.messages(2)])
            client.send(b"msView\n")
            self.assertEqual({}, client.message()["params"])

    def test_byte_by_byte(self) -> None:
        for header in (V1, V2):
            stream = header + b"where\n"
            client = self.come(*(stream[n : n + 1] for n in range(len(stream))))
            self.assertEqual(WELCOME, client.line())
            self.assertEqual("192.0.2.1:4321", client.message()["where"])


class BadHeaderTests(ProxiedTestCase):
    """Headers that are wrong, and clients that send none."""

    def test_what_is_no_header_is_closed_without_an_answer(self) -> None:
        streams = (
            b"detailsView\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01",
            b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
            b"PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
            b"PROXY UNKNOWN\n",
            b"PROXY UNKNOWN " + b"x" * 1000,
            SIGNATURE + b"\x11\x11\0\x0c" + bytes(12),
            SIGNATURE + b"\x21\x11\0\x0b" + bytes(11),
            SIGNATURE + b"\x21\x00\xff\xff",
        )
        self.assert_dropped("bad PROXY header", *(self.come(stream) for stream in streams))

    def test_the_log_says_what_was_wrong(self) -> None:
        client = self.come(b"PROXY TCP4 \x1b[2J 192.0.2.2 1 2\r\n")
        self.assert_dropped("bad PROXY header", client)
        self.daemon.wait_for_log(r"'\\x1b[2J' is no address for TCP4")
        self.assertNotIn("\x1b", self.daemon.log)

    def test_one_that_hangs_up_in_the_header(self) -> None:
        clients = [self.come(piece) for piece in (b"", b"P", V1[:-1], V2[:-1])]
        for client in clients:
            client.stream.shutdown(socket.SHUT_WR)
        self.assert_dropped("client closed", *clients)

    def test_others_are_served_meanwhile(self) -> None:
        waiting = [self.come(V2[:n]) for n in range(len(V2))]
        client = self.come(V1)
        self.assertEqual(WELCOME, client.line())
        for other in waiting:
            other.stream.close()
        self.assertEqual("192.0.2.1:4321", client.ask("where")["where"])


class SilentTests(ProxiedTestCase):
    """The header's time limit."""

    options = (*ProxiedTestCase.options, "--proxy-header-timeout=0.2")

    def test_a_header_that_does_not_come_or_end(self) -> None:
        clients = [self.come(piece) for piece in (b"", b"P", V1[:-1], V2[:-1])]
        self.assert_dropped("PROXY header timeout", *clients)

    def test_it_ends_with_the_header(self) -> None:
        client = self.come(V2)
        silent = self.come()
        self.assertEqual(WELCOME, client.line())
        self.assert_dropped("PROXY header timeout", silent)
        self.assertEqual("192.0.2.1:4321", client.ask("where")["where"])


class UntrustedTests(OwnDaemonTestCase):
    """Where a header may come from."""

    def test_from_elsewhere_none_is_read(self) -> None:
        running = self.start(LISTEN, "--trusted-proxies=10.0.0.0/8", "--trusted-proxies=::1")
        addresses = []
        for header in (V1, V2, b""):
            with socket.socket() as stream:
                stream.bind(("127.0.0.1", 0))
                addresses.append(name(stream))
                with contextlib.suppress(ConnectionError):
                    stream.connect(("127.0.0.1", running.port))
                    stream.sendall(header)
                    self.assertEqual(b"", stream.recv(1))
        for address in addresses:
            self.assertEqual("untrusted proxy", closed(running, address))
        self.stop(running)
        self.assertNotIn("192.0.2.1", running.log)

    def test_a_network_that_is_none(self) -> None:
        for network in ("10.0.0.1/8", "localhost", ""):
            text = self.refusal(self.folder(), LISTEN, f"--trusted-proxies={network}")
            self.assertIn("tcpServer.trustedProxies: ", text)

    def test_tls_has_to_end_in_the_proxy(self) -> None:
        text = self.refusal(self.folder(), "--listen=haproxy:ssl:5001")
        self.assertIn("--listen haproxy:ssl:5001: ", text)
        self.assertIn("TLS has to end in the proxy", text)

    def test_over_a_unix_socket_a_rule_has_to_trust_it(self) -> None:
        path = self.folder() / "socket"
        running = self.start(f"--listen=haproxy:unix:{path}")
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(PATIENCE)
            stream.connect(str(path))
            self.assertTrue(Talker(stream).is_dropped())
        self.stop(running)
        self.assertIn('reason="untrusted proxy"', running.log)

    def test_over_a_unix_socket_that_a_rule_names(self) -> None:
        path = self.folder() / "socket"
        running = self.start(f"--listen=haproxy:unix:{path}", f"--trusted-proxies=unix:{path}")
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(PATIENCE)
            stream.connect(str(path))
            stream.sendall(V2)
            self.assertEqual(WELCOME, Talker(stream).line())
        self.stop(running)
        self.assertIn("from=192.0.2.1:4321", running.log)

    def test_other_endpoints_stay_as_they_are(self) -> None:
        path = self.folder() / "socket"
        running = self.start(f"--listen=haproxy:unix:{path}", "--listen=tcp:0:interface=127.0.0.1")
        client = self.join(running)
        self.assertIn("PROXY is not a known action", client.ask("PROXY UNKNOWN")["error"])

    def test_it_stops_while_headers_are_awaited(self) -> None:
        running = self.start(LISTEN, "--proxy-header-timeout=1000")
        waiting = [connect(running) for _ in range(3)]
        for stream in waiting:
            self.addCleanup(stream.close)
            stream.sendall(V1[:10])
        with connect(running) as client:
            client.sendall(V1)
            self.assertEqual(WELCOME, Talker(client).line())
        self.stop(running)
        self.assertEqual(3, running.log.count('reason="server stopped"'))


class HAProxyTests(OwnDaemonTestCase):
    """A real HAProxy in front, with the configuration of docs/operations.md."""

    def setUp(self) -> None:
        self.running = self.start(LISTEN, "--announce-limit=0", files=FILES)
        self.place = self.folder()
        key, self.certificate = make_pair(self.place)
        self.pem = self.place / "both.pem"
        self.pem.write_bytes(self.certificate.read_bytes() + key.read_bytes())

    def proxy(self, way: str) -> list[tuple[str, int]]:
        """Runs HAProxy, which sends headers in a way; gives where to connect, and with TLS."""
        listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        numbers = [stream.fileno() for stream in listening]
        places = [stream.getsockname() for stream in listening]
        page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        (text,) = re.findall(r"^```haproxy\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        for old, new in (
            ("bind :::5000 v4v6", f"bind fd@{numbers[0]}"),
            ("bind :::5001 v4v6", f"bind fd@{numbers[1]}"),
            ("/etc/haproxy/actionhero.pem", str(self.pem)),
            ("5010", str(self.running.port)),
            ("send-proxy-v2", way),
        ):
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = self.place / "haproxy.cfg"
        path.write_text(text)
        with open(self.place / "haproxy.log", "ab") as log:
            command = ["haproxy", "-db", "-f", str(path)]
            process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=numbers)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for stream in listening:
            stream.close()
        return places

    def assert_known(self, stream: socket.socket) -> None:
        """The daemon knows the address of a client, and logs it."""
        address = name(stream)
        client = Talker(stream)
        self.assertEqual(WELCOME, client.line())
        self.assertEqual(address, client.ask("where")["where"])
        client.send(b"quit\n")
        client.rest()
        stream.close()
        self.assertEqual("quit", closed(self.running, address))

    def test_the_log_shows_the_clients_addresses(self) -> None:
        for way in ("send-proxy", "send-proxy-v2"):
            plain, secure = self.proxy(way)
            self.assert_known(socket.create_connection(plain, PATIENCE))
            stream = socket.create_connection(secure, PATIENCE)
            context = ssl.create_default_context(cafile=str(self.certificate))
            self.assert_known(context.wrap_socket(stream, server_hostname="localhost"))
        self.assertEqual("", (self.place / "haproxy.log").read_text())
        self.stop(self.running)

"""Clients behind a proxy, and what only looks like them. TLS ends in the proxy."""

from __future__ import annotations

import contextlib
import random
import re
import socket

from tests.faults.counts import PROXY_CLIENTS
from tests.faults.crowd import BATCH, Peer
from tests.faults.harness import FaultTestCase, Stopwatch, reasons
from tests.process.test_proxied import LISTEN, LOCAL, SIGNATURE, V1, V1_SIX, V2
from tests.support.integration import WELCOME, connect

SEED = 11

GOOD = (V1, V1_SIX, V2, LOCAL, b"PROXY UNKNOWN\r\n")

BAD = (
    b"detailsView\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
    b"PROXY TCP4 \x1b[2J 192.0.2.2 1 2\r\n",
    b"PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
    b"PROXY UNKNOWN " + b"x" * 1000,
    SIGNATURE + b"\x11\x11\0\x0c" + bytes(12),
    SIGNATURE + b"\x21\x11\0\x0b" + bytes(11),
    SIGNATURE + b"\x21\x00\xff\xff",
)

REQUESTS = b"paramAdd a=b\r\nparamsView\n"
ANSWERS = (
    b'{"status":"OK","context":"response","messageCount":1}\r\n'
    b'{"context":"response","params":{"a":"b"},"messageCount":2}\r\n'
)


class Behind(Peer):
    """A client, as the proxy that speaks for it."""

    heard = b""

    def received(self, data: bytes) -> None:
        self.heard += data


class ProxyHeaderTests(FaultTestCase):
    """Right ones are believed; the others end their own connection only."""

    number = 11

    def test_headers(self) -> None:
        self.begin(
            "--listen=tcp:0:interface=127.0.0.1",
            LISTEN,
            "--proxy-header-timeout=1",
            "--announce-limit=0",
        )
        self.behind = int(re.findall(r"listening on 127\.0\.0\.1:(\d+)", self.running.log)[1])
        chance = random.Random(SEED)
        before, watch = self.state(), Stopwatch()
        served = dropped = 0
        while served + dropped < PROXY_CLIENTS:
            good = [self.client(chance.choice(GOOD) + REQUESTS, chance) for _ in range(BATCH // 2)]
            bad = [self.client(chance.choice(BAD), chance) for _ in range(BATCH // 4)]
            short = [self.client(self.cut(chance), chance) for _ in range(BATCH // 4)]
            self.crowd.until(
                lambda good=good: all(each.heard.endswith(ANSWERS) or each.end for each in good),
                "the answers of those behind a right header",
            )
            for each in good:
                self.assertEqual(WELCOME + b"\r\n" + ANSWERS, each.heard)
                each.close()
            gone = [*bad, *short]
            self.crowd.until(
                lambda gone=gone: all(each.end for each in gone), "the end of the others"
            )
            self.assertEqual({b""}, {each.heard for each in gone})
            served, dropped = served + len(good), dropped + len(gone)
        self.assert_back(before)
        closed = self.closed()
        self.assertEqual(served, closed.pop("client closed"))
        self.assertEqual({"bad PROXY header", "PROXY header timeout"}, set(closed))
        self.assertEqual(dropped, sum(closed.values()))
        log = self.running.log
        self.assertIn("from=192.0.2.1:4321 ", log)
        self.assertIn("from=[2001:db8::1]:4321 ", log)
        self.assertNotIn("\x1b", log)
        self.note(
            f"{served + dropped:,} connections to a listener for proxies: headers of v1 and v2, "
            "whole and cut anywhere, with the first lines right behind them; bad ones, "
            "truncated ones, and clients that send none",
            f"{served:,} served with the address of their header; the others closed without an "
            f"answer ({reasons(closed)}); {watch.seconds:.0f} s; TLS ends in the proxy",
        )
        self.finish()

    def client(self, data: bytes, chance: random.Random) -> Behind:
        """A connection that sends something, cut somewhere."""
        stream = socket.create_connection(("127.0.0.1", self.behind))
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        where = chance.randrange(len(data) + 1)
        stream.sendall(data[:where])
        client = self.crowd.adopt(Behind, stream)
        client.send(data[where:])
        return client

    def cut(self, chance: random.Random) -> bytes:
        """A header that does not end; it may be empty."""
        header = chance.choice((V1, V1_SIX, V2))
        return header[: chance.randrange(len(header))]

    def test_from_elsewhere(self) -> None:
        self.begin("--listen=tcp:0:interface=127.0.0.1", LISTEN, "--trusted-proxies=10.0.0.0/8")
        self.behind = int(re.findall(r"listening on 127\.0\.0\.1:(\d+)", self.running.log)[1])
        chance = random.Random(SEED)
        for header in GOOD:
            # It may be closed before it has sent anything.
            with contextlib.suppress(ConnectionError):
                client = self.client(header + REQUESTS, chance)
                self.crowd.until(lambda client=client: client.end, "its end")
                self.assertEqual(b"", client.heard)
        closed = self.closed()
        self.assertEqual({"untrusted proxy": len(GOOD)}, dict(closed))
        self.note("right headers from a source that is not trusted", f"closed ({reasons(closed)})")
        connect(self.running).close()
        self.finish()

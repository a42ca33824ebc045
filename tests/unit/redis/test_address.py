"""Tests of `actionhero_tcp.redis.address`."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.redis.address import RedisAddress
from tests.support.integration import make_pair
from tests.support.redis_server import RedisTestCase


class AddressTests(SynchronousTestCase):
    """Where Redis is."""

    def test_every_form(self) -> None:
        for url, host, port, path, password, database in (
            ("redis://r.example", "r.example", 6379, "", None, 0),
            ("redis://:s%40t@r.example:7000/3", "r.example", 7000, "", "s@t", 3),
            ("rediss://u:p@r.example/", "r.example", 6379, "", "p", 0),
            ("unix:/run/redis.sock", "", 6379, "/run/redis.sock", None, 0),
            ("unix:p@/run/redis.sock?db=2", "", 6379, "/run/redis.sock", "p", 2),
        ):
            address = RedisAddress(url)
            found = (address.host, address.port, address.path, address.password, address.database)
            self.assertEqual((host, port, path, password, database), found, url)

    def test_what_is_none_is_refused_and_the_password_not_repeated(self) -> None:
        for url in (
            "r.example",
            "http://r.example",
            "redis://",
            "redis://:secret@r.example:x",
            "redis://:secret@r.example/db",
            "unix:",
        ):
            error = self.assertRaises(StartError, RedisAddress, url)
            self.assertIn("redis.url", str(error))
            self.assertNotIn("secret", str(error))

    def test_it_is_shown_without_the_password(self) -> None:
        self.assertEqual("redis://h:7000/3", str(RedisAddress("redis://u:secret@h:7000/3")))
        self.assertEqual("unix:/run/a", str(RedisAddress("unix:secret@/run/a")))


class EndpointTests(RedisTestCase):
    """Real connections over the kinds of sockets that are not plain TCP."""

    async def test_over_a_unix_socket(self) -> None:
        path = f"{self.server.folder}/redis.sock"
        self.server.options = ("--unixsocket", path, "--requirepass", "right")
        self.server.start()
        link = self.link(f"unix:right@{path}?db=3")
        await self.until(lambda: link.is_here)
        self.assertIn(b"db=3", await link.call("CLIENT", "INFO"))

    async def test_over_tls(self) -> None:
        key, certificate = make_pair(Path(self.server.folder))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.server.options = (
            *("--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-key-file", str(key), "--tls-cert-file", str(certificate)),
        )
        self.server.start()
        url = f"rediss://localhost:{port}"
        # A certificate that nobody vouches for is not taken.
        stranger = self.link(url)
        await self.until(lambda: "certificate verify failed" in stranger.error)
        self.assertFalse(stranger.is_here)
        # OpenSSL reads the environment itself.
        os.environ["SSL_CERT_FILE"] = str(certificate)
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        link = self.link(url)
        await self.until(lambda: link.is_here)
        self.assertEqual(b"PONG", await link.call("PING"))

"""Tests of `actionhero_tcp.redis.endpoint` with real sockets or processes."""

from __future__ import annotations

import os
from pathlib import Path

from actionhero_tcp.redis.endpoint import TlsFiles
from tests.support.integration import make_pair
from tests.support.ports import reserve
from tests.support.redis_server import RedisTestCase


class EndpointTests(RedisTestCase):
    """Real connections over the kinds of sockets that are not plain TCP."""

    async def test_over_a_unix_socket(self) -> None:
        path = f"{self.server.folder}/redis.sock"
        self.server.options = ("--unixsocket", path, "--requirepass", "right")
        self.server.start()
        link = self.link(f"unix:right@{path}?db=3")
        await self.until(lambda: link.is_reachable)
        self.assertIn(b"db=3", await link.call("CLIENT", "INFO"))

    async def test_over_tls(self) -> None:
        key, certificate = make_pair(Path(self.server.folder))
        port = reserve(self)
        self.server.options = (
            *("--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-key-file", str(key), "--tls-cert-file", str(certificate)),
        )
        self.server.start()
        url = f"rediss://localhost:{port}"
        # A certificate that nobody vouches for is not taken.
        stranger = self.link(url)
        await self.until(lambda: "certificate verify failed" in stranger.error)
        self.assertFalse(stranger.is_reachable)
        # OpenSSL reads the environment itself.
        os.environ["SSL_CERT_FILE"] = str(certificate)
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        link = self.link(url)
        await self.until(lambda: link.is_reachable)
        self.assertEqual(b"PONG", await link.call("PING"))

    async def test_with_an_own_authority_a_client_certificate_and_another_name(self) -> None:
        key, certificate = make_pair(Path(self.server.folder))
        port = reserve(self)
        self.server.options = (
            *("--tls-port", str(port), "--tls-auth-clients", "yes"),
            *("--tls-ca-cert-file", str(certificate)),
            *("--tls-key-file", str(key), "--tls-cert-file", str(certificate)),
        )
        self.server.start()
        url = f"rediss://127.0.0.1:{port}"
        ca, shown = str(certificate), (str(certificate), str(key))
        nameless = self.link(url, TlsFiles(ca, *shown, "other.example"))
        await self.until(lambda: "other.example" in nameless.error)
        unknown = self.link(url, TlsFiles(ca))
        await self.until(lambda: "certificate required" in unknown.error)
        for link in (
            self.link(url, TlsFiles(ca, *shown)),
            self.link(url, TlsFiles(ca, *shown, "localhost")),
        ):
            await self.until(lambda link=link: link.is_reachable)
        self.assertFalse(nameless.is_reachable or unknown.is_reachable)

"""Tests of `actionhero_tcp.redis.endpoint`: every kind of connection, with a real Redis."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.endpoint import TlsFiles, connector


class TlsFilesTests(SynchronousTestCase):
    """What TLS uses."""

    def test_files_for_tls_that_would_not_be_used_are_an_error(self) -> None:
        for files in (TlsFiles(ca_file="ca.pem"), TlsFiles(server_name="r.example")):
            error = self.assertRaises(
                StartError, connector, RedisAddress("127.0.0.1"), files, reactor
            )
            self.assertIn("rediss://", str(error))

    def test_files_that_are_missing_are_named(self) -> None:
        address = RedisAddress("127.0.0.1", is_secure=True)
        for files, text in (
            (TlsFiles(ca_file="missing.pem"), "missing.pem"),
            (TlsFiles(cert_file="missing.pem"), "redis.keyFile"),
            (TlsFiles(cert_file="a.pem", key_file="missing.pem"), "missing.pem"),
        ):
            error = self.assertRaises(StartError, connector, address, files, reactor)
            self.assertIn(text, str(error))

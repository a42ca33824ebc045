"""Addresses of servers for sockets of the standard library."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.address import address
from actionhero_tcp.client.settings import TLS


class AddressTests(SynchronousTestCase):
    """Hosts, paths and TLS."""

    def test_a_host(self) -> None:
        found = address("localhost", 5000, False)
        self.assertEqual(("localhost", 5000, None), (found.where, found.port, found.tls))

    def test_what_is_no_port(self) -> None:
        for port in 0, -1, 65_536, 99_999:
            with self.assertRaisesRegex(ValueError, f"{port} is no port: expected 1 to 65535"):
                address("localhost", port, False)

    def test_a_path(self) -> None:
        found = address("unix:/run/a.sock", None, False)
        self.assertEqual((None, "/run/a.sock"), (found.port, found.path))
        for where in "localhost", "/run/a.sock", "":
            self.assertRaises(ValueError, address, where, None, False)

    def test_tls_always_checks_a_name(self) -> None:
        found = address("localhost", 5000, True)
        assert found.tls is not None
        self.assertEqual(("localhost", True), (found.server_name, found.tls.check_hostname))
        named = address("unix:/run/a.sock", None, TLS(server_name="example.org"))
        self.assertEqual("example.org", named.server_name)
        self.assertRaises(ValueError, address, "unix:/run/a.sock", None, True)

    def test_files_that_cannot_be_used(self) -> None:
        for tls in TLS(ca_file="missing.pem"), TLS(cert_file="missing.pem", key_file="missing.pem"):
            error = self.assertRaises(ValueError, address, "localhost", 5000, tls)
            self.assertIn("missing.pem", str(error))

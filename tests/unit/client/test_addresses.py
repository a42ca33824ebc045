"""Where a client connects to, and the files of its TLS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client import addresses, secure
from actionhero_tcp.client.settings import TLS
from tests.support.integration import make_pair


class EndpointTests(SynchronousTestCase):
    """Endpoints without TLS."""

    def endpoint(self, where: Any, port: int | None = None, tls: TLS | bool = False) -> Any:
        return addresses.endpoint(where, port, tls, MemoryReactorClock())

    def test_places(self) -> None:
        self.assertIsInstance(self.endpoint("localhost", 5000), HostnameEndpoint)
        self.assertIsInstance(self.endpoint("unix:/run/x"), UNIXClientEndpoint)
        given = TCP4ClientEndpoint(MemoryReactorClock(), "localhost", 1)
        self.assertIs(given, self.endpoint(given))

    def test_what_is_no_place(self) -> None:
        for where in "localhost", "", "localhost:5000", "nonsense:x":
            error = self.assertRaises(ValueError, self.endpoint, where)
            self.assertIn(repr(where), str(error))

    def test_what_is_no_port(self) -> None:
        error = self.assertRaises(ValueError, self.endpoint, "localhost", 99_999)
        self.assertEqual("99999 is no port: expected 1 to 65535", str(error))

    def test_tls_needs_a_name(self) -> None:
        error = self.assertRaises(ValueError, self.endpoint, "unix:/run/x", None, True)
        self.assertIn("server_name", str(error))
        self.endpoint("unix:/run/x", None, TLS(server_name="localhost"))
        self.endpoint("localhost", 5000, True)


class FileTests(SynchronousTestCase):
    """The files of TLS; what is wrong with one names it."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.key, self.cert = map(str, make_pair(self.folder))
        self.other = str(make_pair(self.folder / "other")[0])
        self.nonsense = str(self.folder / "nonsense.pem")
        Path(self.nonsense).write_text("nonsense\n")

    def both(self, tls: TLS) -> list[Exception | None]:
        """What either client says to it."""
        found: list[Exception | None] = []
        for use in (
            lambda: secure.context(tls),
            lambda: addresses.endpoint("localhost", 1, tls, MemoryReactorClock()),
        ):
            try:
                use()
                found.append(None)
            except ValueError as error:
                found.append(error)
        return found

    def test_good_ones(self) -> None:
        good = TLS(ca_file=self.cert, cert_file=self.cert, key_file=self.key)
        self.assertEqual([None, None], self.both(good))
        context = secure.context(good)
        self.assertTrue(context.check_hostname)
        self.assertEqual(ssl.CERT_REQUIRED, context.verify_mode)
        self.assertEqual(ssl.TLSVersion.TLSv1_2, context.minimum_version)
        self.assertEqual(1, len(context.get_ca_certs()))

    def test_bad_ones(self) -> None:
        missing = str(self.folder / "missing.pem")
        for tls, name in (
            (TLS(ca_file=missing), missing),
            (TLS(ca_file=self.nonsense), self.nonsense),
            (TLS(cert_file=missing, key_file=self.key), missing),
            (TLS(cert_file=self.cert, key_file=missing), missing),
            (TLS(cert_file=self.nonsense, key_file=self.key), self.nonsense),
            (TLS(cert_file=self.cert, key_file=self.nonsense), self.nonsense),
            (TLS(cert_file=self.cert, key_file=self.other), self.other),
        ):
            for error in self.both(tls):
                self.assertIn(name, str(error))
                self.assertEqual(1, len(str(error).splitlines()))

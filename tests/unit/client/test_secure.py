"""Tests of `actionhero_tcp.client.secure`."""

from __future__ import annotations

import ssl
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client import secure
from actionhero_tcp.client.settings import TLS


class SecureTests(SynchronousTestCase):
    """The TLS of clients on the standard library's sockets."""

    def test_the_server_is_always_checked(self) -> None:
        context = secure.context(TLS())
        self.assertTrue(context.check_hostname)
        self.assertIs(ssl.CERT_REQUIRED, context.verify_mode)
        self.assertEqual(ssl.TLSVersion.TLSv1_2, context.minimum_version)

    def test_files_that_cannot_be_used_are_named(self) -> None:
        missing, empty = Path(self.mktemp()), Path(self.mktemp())
        empty.touch()
        text = f"{missing}: cannot use these authorities: No such file or directory"
        self.assertRaisesText(text, TLS(ca_file=str(missing)))
        self.assertRaisesText(f"{empty}: cannot use these", TLS(ca_file=str(empty)))
        pair = TLS(cert_file=str(missing), key_file=str(empty))
        self.assertRaisesText(f"{missing}, {empty}: cannot use this certificate and key", pair)

    def assertRaisesText(self, text: str, tls: TLS) -> None:
        """Checks that no context is made, and how the error begins."""
        error = self.assertRaises(ValueError, secure.context, tls)
        self.assertTrue(str(error).startswith(text), str(error))

    def test_the_name_to_check_is_the_hosts_unless_it_is_given(self) -> None:
        self.assertEqual("a.example", secure.server_name("a.example", TLS()))
        named = TLS(server_name="b.example")
        self.assertEqual("b.example", secure.server_name("a.example", named))
        self.assertEqual("b.example", secure.server_name("", named))
        error = self.assertRaises(ValueError, secure.server_name, "", TLS())
        self.assertEqual("TLS needs a name to check: give TLS(server_name=…)", str(error))

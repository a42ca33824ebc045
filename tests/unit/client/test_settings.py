"""Tests of `actionhero_tcp.client.settings`."""

from __future__ import annotations

import dataclasses

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.settings import TLS, Limits


class SettingsTests(SynchronousTestCase):
    """`TLS` and `Limits`."""

    def test_a_certificate_and_its_key_go_together(self) -> None:
        for half in ({"cert_file": "a.pem"}, {"key_file": "a.pem"}):
            error = self.assertRaises(ValueError, lambda half=half: TLS(**half))
            self.assertEqual("cert_file and key_file go together: give both or none", str(error))
        TLS(cert_file="a.pem", key_file="b.pem")

    def test_they_cannot_be_changed(self) -> None:
        with self.assertRaises(dataclasses.FrozenInstanceError):
            Limits().max_pending = 1  # type: ignore[misc]

"""Tests of `actionhero_tcp.server.listeners` with a real daemon."""

from __future__ import annotations

import signal
import subprocess

from actionhero_tcp.testing import certificates
from tests.support import PATIENCE, TWISTD
from tests.support.integration import OwnDaemonTestCase


class DateTests(OwnDaemonTestCase):
    """Certificates of the server that expire soon."""

    def test_they_are_told_at_the_start_at_a_reload_and_by_check_config(self) -> None:
        self.patch(certificates, "VALID_DAYS", 10)
        key, cert = certificates.make(self.folder())
        options = (f"--key-file={key}", f"--cert-file={cert}", "--secure")
        expected = f"{cert}: the certificate of CN=localhost expires on "
        running = self.start(*options)
        self.assertEqual(1, running.wait_for_log(expected).count(expected))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_log(expected, 2)
        self.stop(running)
        checked = subprocess.run(
            [str(TWISTD), "actionhero", "--check-config", *options],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=self.folder(),
            check=False,
        )
        self.assertEqual(0, checked.returncode, checked.stderr)
        self.assertIn(expected, checked.stdout + checked.stderr)

"""A TLS client that asks for new keys without end, and reads next to nothing."""

from __future__ import annotations

import contextlib
import socket
import time

from twisted.trial.unittest import SkipTest

from tests.faults.counts import KEY_UPDATE_BYTES
from tests.faults.harness import FaultTestCase, mib
from tests.faults.key_updates import KeyUpdater, library
from tests.support import wait_for
from tests.support.integration import MEGABYTE, connect

UPDATES_AT_ONCE = 2_000
STALLED_SECONDS = 2.0
WRITE_TIMEOUT = 3
MOST_GROWTH = 16 * MEGABYTE


class KeyUpdateTLSTests(FaultTestCase):
    """What TLS itself writes is bounded as answers are."""

    number = 17
    pair = "ec"

    def updater(self) -> KeyUpdater:
        stream = connect(self.running, 4096)
        client = KeyUpdater(stream)
        self.addCleanup(client.close)
        client.shake_hands()
        return client

    def flood(self, client: KeyUpdater) -> int:
        """Sends until the daemon takes nothing more; gives how many bytes it has taken."""
        client.stream.settimeout(STALLED_SECONDS)
        sent = 0
        with contextlib.suppress(TimeoutError, BlockingIOError):
            while sent < KEY_UPDATE_BYTES:
                data = client.updates(UPDATES_AT_ONCE)
                while data:
                    count = client.stream.send(data)
                    sent += count
                    data = data[count:]
        return sent

    def test_it_is_not_read_from_while_it_does_not_read(self) -> None:
        if library() is None:
            raise SkipTest("there is no libssl")
        self.begin("--no-log-requests", "--write-timeout=300")
        client = self.updater()
        before = self.reset_peak()
        sent = self.flood(client)
        grown = self.peak() - before
        self.assertLess(grown, MOST_GROWTH)
        limits = self.observer.ask("status")["stats"]["limits"]
        self.assertEqual(1, limits.get("maxOutboxBytes"), f"{sent} bytes were taken")
        # It reads a little, and again a little; each time it is read from a little further.
        for _ in range(5):
            with contextlib.suppress(TimeoutError):
                client.stream.recv(4096)
            time.sleep(0.1)
        grown = self.peak() - before
        self.assertLess(grown, MOST_GROWTH)
        self.assertEqual({}, self.closed())
        self.note(
            "A TLS 1.3 client asks for new keys without end (`KeyUpdate`), with a receive buffer "
            "of 4 KiB, and reads next to nothing",
            f"{mib(sent)} of its requests were read before it was held; memory grew by "
            f"{mib(grown)}; another client was served meanwhile",
        )
        client.close()
        self.finish()

    def test_it_is_closed_where_it_never_reads(self) -> None:
        if library() is None:
            raise SkipTest("there is no libssl")
        self.begin("--no-log-requests", f"--write-timeout={WRITE_TIMEOUT}")
        client = self.updater()
        with contextlib.suppress(OSError):
            self.flood(client)
        wait_for(lambda: self.closed() == {"write timeout": 1}, "the end of the connection")
        self.note(
            f"Such a client never reads (`writeTimeout` {WRITE_TIMEOUT} s)",
            "closed for write timeout",
        )
        with contextlib.suppress(OSError):
            client.stream.shutdown(socket.SHUT_RDWR)
        self.finish()

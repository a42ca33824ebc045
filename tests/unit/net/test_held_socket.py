"""`net.held_socket`: ports on sockets that this process does not own alone."""

from __future__ import annotations

import os
import socket
import stat
import tempfile

from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net.held_socket import HeldSocket, held_unix_port


class HeldSocketTests(SynchronousTestCase):
    """A UNIX socket with a file, that this test holds."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/socket"
        self.held = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.held.close)
        self.held.bind(self.path)
        self.held.listen(7)

    def mode(self) -> int:
        return stat.S_IMODE(os.stat(self.path).st_mode)

    def test_what_would_change_it_for_its_other_holders_does_nothing(self) -> None:
        with HeldSocket(fileno=os.dup(self.held.fileno())) as mine:
            mine.bind("elsewhere")
            mine.listen(1)
            mine.shutdown(socket.SHUT_RDWR)
            mine.set_backlog(9)
            self.assertEqual(self.path, mine.getsockname())
        self.assertTrue(self.held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    def test_a_port_leaves_the_file_and_its_mode_alone(self) -> None:
        os.chmod(self.path, 0o640)
        reactor = MemoryReactor()
        factory = Factory()
        factory.noisy = False
        port = held_unix_port(os.dup(self.held.fileno()), factory, reactor)
        self.assertEqual([port], reactor.getReaders())
        self.assertEqual(os.fsencode(self.path), port.getHost().name)
        self.assertEqual(0o640, self.mode())
        port.connectionLost(None)
        self.assertEqual(0o640, self.mode())

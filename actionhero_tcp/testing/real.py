"""A real server on a port that was free, in the process of its test."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import TestCase

from twisted.internet.defer import Deferred

from ..app.api import Api
from ..daemon.systemd import Notifier
from ..embedding.composition import build
from ..errors import StartError
from ..net.asyncio_loop import loop_of
from ..server.platform import Platform
from .certificates import make
from .logged import report_errors
from .settings import config_for, folder_of


class RealServer:
    """A real server on a port that was free, on the reactor of its test.

    It listens on 127.0.0.1 and without TLS, whatever its config file says; with
    ``secure=True`` it has TLS, with a certificate made for the test where there is no
    ``key_file``. It is alone, without Redis, and ends with its test. Where hooks of `on_start`
    wait for something, `started` is to be awaited first.

    Args:
        test: The test, a `twisted.trial.unittest.TestCase`. Relative paths count from the
            folder of its file.
        config: The config file; None for the defaults.
        options: Options of ``twistd actionhero``, with ``_`` in place of ``-``; they win over
            the config file.

    Attributes:
        host: Where it listens: 127.0.0.1, unless ``bind_ip`` says otherwise.
        port: The port; this and the host are there once it has started.
        api: The ``api`` of actions.
        secure: Whether it speaks TLS.
        cert_file: The file of its certificate then, which a client has to trust; the one that
            is made for the test is that of ``localhost``.

    Raises:
        StartError: It cannot start; the text says why.
        TypeError, ValueError: An option is not right.
    """

    def __init__(
        self,
        test: TestCase,
        config: str | os.PathLike[str] | None = None,
        /,
        **options: object,
    ) -> None:
        from twisted.internet import reactor

        report_errors(test)
        if options.get("secure") and "key_file" not in options:
            options.update(_certificate(test))
        settings = config_for(folder_of(test), config, options)
        self.secure = settings.tcp_server.secure
        self.cert_file = settings.tcp_server.cert_file
        self._error: str | None = None
        self._serves = False
        self._waiting: list[Deferred[None]] = []
        self._stopped: Deferred[None] | None = None
        platform = Platform(
            reactor,
            Notifier(reactor),
            fail=self._fail,
            started=self._start,
            # trial has its reactor run only while it waits for something. Hooks that await asyncio
            # need that.
            when_running=None if loop_of(reactor) is not None else lambda call: call(),
        )
        server = build(settings, platform)
        self._service = server.service
        self.api: Api = server.api
        test.addCleanup(self._end)
        self._service.privilegedStartService()
        if self._error is None:
            self._service.startService()
        if self._error is not None:
            raise StartError(self._error)

    def started(self) -> Deferred[None]:
        """Waits until it serves, which is at once unless hooks of `on_start` wait.

        Returns:
            A Deferred that fires then, or fails with a StartError.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        self._tell()
        return waiting

    def stop(self) -> Deferred[None]:
        """Shuts down gracefully, as on SIGTERM: clients hear of it, and actions may end.

        Returns:
            A Deferred that fires when no client is left.
        """
        if self._stopped is None:
            self._stopped = self._service.stopService()
        return self._stopped

    def _start(self) -> None:
        address = self._service.ports[0].getHost()
        self.host: str = address.host
        self.port: int = address.port
        self._serves = True
        self._tell()

    def _fail(self, error: str) -> None:
        self._error = error
        self._tell()

    def _tell(self) -> None:
        """Tells who waits for the start, once it is known."""
        if not self._serves and self._error is None:
            return
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if self._error is None:
                each.callback(None)
            else:
                each.errback(StartError(self._error))

    def _end(self) -> Deferred[None]:
        """Stops, and waits for no client."""
        ended: Deferred[None] = Deferred()
        self.stop().addBoth(lambda outcome: ended.callback(outcome))
        # In the next pass its port is closed, and clients know that it stops.
        self.api.reactor.callLater(0, self._cut_short)
        return ended

    def _cut_short(self) -> None:
        if self._service.factory.clients:
            self._service.factory.clients.cut_short()


def _certificate(test: TestCase) -> dict[str, object]:
    """The options for a key and a certificate that are gone after the test."""
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    key_file, cert_file = make(Path(folder.name))
    return {"key_file": key_file, "cert_file": cert_file}

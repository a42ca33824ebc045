"""A server without a network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from itertools import count
from typing import Any, Final
from unittest import TestCase

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred

from ..app.api import Api
from ..daemon.systemd import Notifier
from ..embedding.composition import build
from ..errors import StartError
from ..server.platform import Platform
from .client import FakeClient, KnownHandshake
from .logged import report_errors
from .reactor import FakeReactor
from .settings import config_for

FIRST_PORT: Final = 40001
"""The port that the first client seems to come from; the others follow."""


class FakeServer:
    """A server for a test: without a network, on a clock that the test moves.

    All but the network and the time is what ``twistd actionhero`` has, with its wiring.
    It is alone: without Redis, whatever its config file says. It ends with its test.
    Hooks of `on_start` have ended when it is there; the clock has moved on for as long as they
    had to wait.

    Args:
        test: The test, of trial. Relative paths count from the folder of its file.
        config: The config file; None for the defaults.
        options: Options of ``twistd actionhero``, with ``_`` in place of ``-``, such as
            ``actions="../actions"`` or ``action_timeout=5``; they win over the config file.

    Attributes:
        clock: The clock, which is also ``api.reactor``: ``server.clock.advance(60)``.
        api: The ``api`` of actions.

    Raises:
        StartError: An action, a hook or the configuration is not right.
        TypeError, ValueError: An option is not right.
    """

    def __init__(
        self,
        test: TestCase,
        config: str | os.PathLike[str] | None = None,
        /,
        **options: object,
    ) -> None:
        report_errors(test)
        self.clock = FakeReactor()
        self._ports = count(FIRST_PORT)
        self._client: FakeClient | None = None
        self._errors: list[str] = []
        self._serves = False
        platform = Platform(
            self.clock,
            Notifier(self.clock),
            fail=self._errors.append,
            started=self._started,
        )
        self._server = build(config_for(test, config, options), platform)
        self._service = self._server.service
        self.api: Api = self._server.api
        test.addCleanup(self._end)
        self._service.startService()
        self._wait_for_start()

    def connect(
        self, *, host: str = "127.0.0.1", attributes: Mapping[str, object] | None = None
    ) -> FakeClient:
        """Connects a client.

        Args:
            host: The address it comes from.
            attributes: Its ``connection.attributes`` from the start on, such as who it is.
        """
        kind = IPv6Address if ":" in host else IPv4Address
        peer = kind("TCP", host, next(self._ports))
        factory = self._service.factory
        protocol = factory.build(partial(KnownHandshake, known=attributes or {}))
        assert protocol is not None, "the server is full"
        return FakeClient(protocol, self.clock, peer)

    @property
    def client(self) -> FakeClient:
        """A client that is connected when it is first used, for tests that need but one."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    def run(self, action: str, /, **params: object) -> dict[str, Any]:
        """Runs an action for `client`; see `FakeClient.run`."""
        return self.client.run(action, **params)

    def start(self, action: str, /, **params: object) -> Deferred[dict[str, Any]]:
        """Starts an action for `client`; see `FakeClient.start`."""
        return self.client.start(action, **params)

    def stop(self) -> Deferred[None]:
        """Shuts down gracefully: clients hear of it, and actions have their time to end.

        Returns:
            A Deferred that fires when no client is left; the clock has to move for it.
        """
        stopped = self._service.stopService()
        self.clock.settle()
        return stopped

    def _started(self) -> None:
        self._serves = True

    def _wait_for_start(self) -> None:
        """Moves the clock until the server serves, or says why it cannot.

        There is a time limit among what the clock has to come to.
        """
        self.clock.settle()
        while not self._serves and not self._errors:
            self.clock.advance(self.clock.calls[0].getTime() - self.clock.seconds())
        if self._errors:
            raise StartError(self._errors[0])

    def _end(self) -> None:
        """Stops at once."""
        if self._service.running:
            self.stop()
        self._service.factory.clients.cut_short()
        self.clock.settle()
        # Only now: what hooks of the stop have in threads has ended.
        self._server.lifecycle.give_up()
        self.clock.settle()

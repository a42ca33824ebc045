"""The parts of a server without a network, for the servers of the test kit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred

from ..app import loader
from ..app.loader import Loaded
from ..config.sections import Config
from ..daemon.systemd import Notifier
from ..embedding.composition import Launch, build
from ..server.platform import Platform
from .client import ClientState, KnownHandshake
from .reactor import FakeReactor
from .settings import config_for

FIRST_PORT: Final = 40001
"""The port that the first client seems to come from; the others follow."""

Client = TypeVar("Client", bound=ClientState)

Functions = Iterable[Callable[..., Any]]


class Application:
    """What a test has a server of: a configuration, and functions or an actions folder.

    Args:
        folder: Where relative paths count from.
        file: The config file; None for the defaults.
        hooks: Functions that are hooks; None for those of the actions folder.
        options: Options of ``twistd actionhero``; ``actions`` may be functions as well.

    Attributes:
        config: The configuration.
        own: The kind of the functions; None where the actions folder is loaded.
    """

    def __init__(
        self,
        folder: Path,
        file: str | os.PathLike[str] | None,
        hooks: Functions | None,
        options: Mapping[str, object],
    ) -> None:
        rest = dict(options)
        actions: Any = rest.get("actions")
        if isinstance(actions, str | os.PathLike):
            actions = None
        else:
            rest.pop("actions", None)
        self.own: Loaded | None = None
        if actions is not None or hooks is not None:
            self.own = loader.marked(actions or (), hooks or ())
        self.config: Config = config_for(folder, file, rest, self.own is None)


class Instance:
    """A server that is built, and starts on a clock of its test.

    Args:
        application: What it serves.
        clock: The clock, which is also its reactor.

    Attributes:
        api: The ``api`` of actions.
        errors: Why it could not start.
        serves: Whether it has started.
    """

    def __init__(self, application: Application, clock: FakeReactor) -> None:
        self.errors: list[str] = []
        self.serves = False
        self._clock = clock
        self._ports = count(FIRST_PORT)
        platform = Platform(clock, Notifier(clock), fail=self.errors.append, started=self._started)
        parts = build(application.config, platform, Launch(own=application.own))
        self._service, self._lifecycle = parts.service, parts.lifecycle
        self.api = parts.api
        self._stopped: Deferred[None] | None = None

    @property
    def is_decided(self) -> bool:
        """Whether it serves, or cannot start."""
        return self.serves or bool(self.errors)

    def start(self) -> None:
        """Start; `is_decided` says when that has ended."""
        self._service.startService()

    def admit(
        self,
        make: Callable[[Any, FakeReactor, IPv4Address | IPv6Address], Client],
        host: str,
        attributes: Mapping[str, object] | None,
    ) -> Client:
        """Let a client in.

        Args:
            make: Makes the client of the server's protocol for it, the clock and its address.
            host: The address it comes from.
            attributes: Its ``connection.attributes`` from the start on.
        """
        kind = IPv6Address if ":" in host else IPv4Address
        peer = kind("TCP", host, next(self._ports))
        protocol = self._service.factory.build(partial(KnownHandshake, known=attributes or {}))
        assert protocol is not None, "the server is full"
        return make(protocol, self._clock, peer)

    def stop(self) -> Deferred[None]:
        """Stop gracefully; the Deferred fires when no client is left."""
        if self._stopped is None:
            self._stopped = self._service.stopService()
        return self._stopped

    def cut_short(self) -> None:
        """End a stop: what still runs is cancelled, and connections end."""
        self._service.factory.clients.cut_short()

    def give_up(self) -> None:
        """Cancel the hooks of the stop."""
        self._lifecycle.give_up()

    def _started(self) -> None:
        self.serves = True

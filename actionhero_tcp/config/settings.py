"""The current settings, which a reload swaps in one place and at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .sections import Config
from .trusted_proxies import TrustedProxies

if TYPE_CHECKING:
    from OpenSSL import SSL


@dataclass(frozen=True, slots=True)
class Settings:
    """What a reload swaps: the configuration, and what it names, loaded.

    Args:
        config: See below.
        tls: See below.

    Attributes:
        config: The configuration.
        tls: The certificates of TLS, loaded; None where the server speaks none.
        proxies: The proxies whose headers are believed.

    Raises:
        StartError: The rules for proxies are wrong; the text says which.
    """

    config: Config
    tls: SSL.Context | None = None
    proxies: TrustedProxies = field(init=False)

    def __post_init__(self) -> None:
        proxies = TrustedProxies(self.config.tcp_server.trusted_proxies)
        object.__setattr__(self, "proxies", proxies)


class LiveSettings:
    """Holds the current settings; each use of a setting reads it here.

    Args:
        settings: Those at the start.

    Attributes:
        current: All of them.
        general: The section `general` of their configuration.
        limits: The section `limits` of their configuration.
        default_params: ``limit`` and ``offset`` of requests that do not set them.
    """

    __slots__ = ("_on_change", "current", "default_params", "general", "limits")

    def __init__(self, settings: Settings) -> None:
        self._on_change: list[Callable[[], object]] = []
        self.swap(settings)

    @property
    def config(self) -> Config:
        """The current configuration."""
        return self.current.config

    def swap(self, settings: Settings) -> None:
        """Replaces the settings."""
        self.current = settings
        self.general = settings.config.general
        self.limits = settings.config.limits
        self.default_params = {
            "limit": self.general.default_limit,
            "offset": self.general.default_offset,
        }
        for call in self._on_change:
            call()

    def on_change(self, call: Callable[[], object]) -> None:
        """Has a function called after each swap; for values that are derived from settings."""
        self._on_change.append(call)

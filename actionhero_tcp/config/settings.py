"""The settings in force: what a reload swaps, in one place and at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .sections import Config


@dataclass(frozen=True, slots=True)
class Settings:
    """What a reload swaps.

    Attributes:
        config: The configuration.
    """

    config: Config


class LiveSettings:
    """Holds the settings in force; whoever needs one of them asks here each time.

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
        """The configuration in force."""
        return self.current.config

    def swap(self, settings: Settings) -> None:
        """Puts other settings in force."""
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

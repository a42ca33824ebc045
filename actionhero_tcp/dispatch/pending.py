"""How many actions of one client run at once, for clients of dialects that bound them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import LimitError

if TYPE_CHECKING:
    from ..config.settings import LiveSettings
    from ..connection.connected_client import ConnectedClient

TOO_MANY_PENDING: Final = "you have too many pending requests"
REFUSE: Final = "refuse"


class PendingLimit:
    """Applies ``general.simultaneousActions`` and ``general.pendingActionsPolicy``.

    Args:
        live: The current settings.
    """

    __slots__ = ("_live",)

    def __init__(self, live: LiveSettings) -> None:
        self._live = live

    def check(self, connection: ConnectedClient) -> None:
        """Check that one more action of a client may run.

        Raises:
            LimitError: The client runs as many as it may, and further ones are refused.
        """
        general = self._live.general
        if (
            general.pending_actions_policy == REFUSE
            and len(connection.pending) >= general.simultaneous_actions
        ):
            raise LimitError("simultaneousActions", TOO_MANY_PENDING)

    def most(self) -> int:
        """Tell how many actions of a client may run before it is not read from."""
        general = self._live.general
        if general.pending_actions_policy == REFUSE:
            return general.simultaneous_actions + 1
        return min(general.simultaneous_actions, self._live.limits.max_pending_actions)

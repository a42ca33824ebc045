"""A verb with hooks around it, which runs as actions do: its hooks may have to wait."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from ..app import coroutines
from ..connection.connection import Connection

if TYPE_CHECKING:
    from ..app.hooks import Hook
    from .dialect import Response


class HookedVerb:
    """Runs a request for such a verb; see `app.runnable.Runnable`.

    Args:
        name: The verb.
        hooks: The hooks around it.
        run: Runs hooks and verb, and gives the response.

    Attributes:
        kind: What it is called in the log.
        name: The verb.
        place: Where its hooks are defined.
        in_order: Its client's next requests wait for it, so that all is said in order.
        sends_file: It sends none.
        streams: It answers at once.
    """

    __slots__ = ("_run", "name", "place")

    kind = "verb"
    in_order = True
    sends_file = False
    streams = False

    def __init__(
        self,
        name: str,
        hooks: Iterable[Hook],
        run: Callable[[Any, Connection], Coroutine[Any, Any, Response]],
    ) -> None:
        self.name = name
        self.place = ", ".join(hook.place for hook in hooks)
        self._run = run

    def start(self, api: Any, connection: Connection) -> Any:
        """Runs it; see `app.runnable.Runnable.start`."""
        return coroutines.start(self._run(api, connection))

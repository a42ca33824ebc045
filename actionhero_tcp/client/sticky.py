"""The params and rooms that the server keeps for a connection, to be set on the next one."""

from __future__ import annotations

from collections.abc import Iterator

from .dialects import Dialect


class Sticky:
    """What is set again.

    Args:
        dialect: The dialect.

    Attributes:
        params: The sticky params that were added, as text.
        rooms: The rooms that were entered, in order.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._replaced = 0
        self.params: dict[str, str] = {}
        self.rooms: list[str] = []

    @property
    def age(self) -> int:
        """The number of times that the params were replaced."""
        return self._replaced

    def add_param(self, age: int, key: str, value: str) -> None:
        """Note a param that the server has added, unless a later request has replaced it."""
        if age == self._replaced:
            self.params[key] = value

    def replace_params(self) -> None:
        """Forget the params: a request in JSON replaces them, in the dialects where it does."""
        if self._dialect.json_params_stick:
            self._replaced += 1
            self.params.clear()

    def enter(self, room: str) -> None:
        """Note a room that was added."""
        self.leave(room)
        self.rooms.append(room)

    def change(self, room: str) -> None:
        """Note the room that took the place of the others."""
        self.rooms[:] = [room]

    def leave(self, room: str) -> None:
        """Forget a room."""
        self.rooms[:] = [each for each in self.rooms if each != room]

    def lines(self) -> Iterator[bytes]:
        """The requests that set all of it."""
        for key, value in self.params.items():
            yield self._dialect.param_add(key, value)
        yield from self._dialect.enter(self.rooms)

"""Clients in rooms on several nodes, who say so much and hear all of it; for the simulation."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from typing import Any

from .simulation import Placement

PATIENCE = 30.0


class _Member:
    """One client, in its room."""

    def __init__(self, port: int, room: str) -> None:
        self.stream = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.lines = self.stream.makefile("rb")
        self.lines.readline()
        self.ask(f"roomChange {room}")

    def send(self, line: str) -> None:
        self.stream.sendall(line.encode() + b"\n")

    def ask(self, line: str) -> dict[str, Any]:
        """The answer to a request; what others say is passed over."""
        self.send(line)
        while True:
            answer: dict[str, Any] = json.loads(self.lines.readline())
            if answer["context"] == "response":
                return answer


class Crowd:
    """Clients, for as long as the block lasts.

    Args:
        ports: The nodes'.
        placement: Who is where.
    """

    def __init__(self, ports: Sequence[int], placement: Placement) -> None:
        self._rooms = [
            [
                _Member(port, f"room{number}")
                for port, count in zip(ports, room, strict=True)
                for _ in range(count)
            ]
            for number, room in enumerate(placement)
        ]
        end = time.monotonic() + PATIENCE
        while not all(_is_settled(members) for members in self._rooms):
            if time.monotonic() > end:
                raise TimeoutError("the members of the rooms do not see one another")

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for members in self._rooms:
            for member in members:
                member.lines.close()
                member.stream.close()

    def talk(self, times: int) -> int:
        """Everybody says so much, one after another, and hears what all others say.

        Returns:
            How much was heard.
        """
        heard = 0
        for number in range(times):
            for members in self._rooms:
                for member in members:
                    member.send(f"say {number}")
            for members in self._rooms:
                for member in members:
                    # Also the answer to its own.
                    heard += sum(_is_said(member.lines.readline()) for _ in members)
        return heard


def _is_settled(members: Sequence[_Member]) -> bool:
    views = (member.ask("roomView")["roomStatus"]["membersCount"] for member in members)
    return all(count == len(members) for count in views)


def _is_said(line: bytes) -> bool:
    said: bool = json.loads(line)["context"] == "user"
    return said

"""The typed input that actions of ours and of the hand-written peer take."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct


class Place(Struct):
    """Where a device stands."""

    latitude: float
    longitude: float
    height: float | None = None


class Reading(Struct):
    """Ten fields, one of them nested."""

    device: UUID
    at: datetime
    place: Place
    values: list[float]
    battery: int
    status: Literal["ok", "warn", "fail"] = "ok"
    firmware: str = ""
    tags: dict[str, str] = {}
    signal: int | None = None
    charging: bool = False

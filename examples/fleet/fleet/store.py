"""The database: devices with their tokens, readings, and the averages of each fleet."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import aiosqlite

SCHEMA = """
CREATE TABLE IF NOT EXISTS devices (
    device TEXT PRIMARY KEY, fleet TEXT NOT NULL, token_hash BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS readings (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, at TEXT NOT NULL, celsius REAL NOT NULL
);
"""


@dataclass(frozen=True)
class Average:
    """What a fleet has measured in one interval.

    Attributes:
        fleet: The fleet.
        readings: The number of readings.
        celsius: Their mean.
    """

    fleet: str
    readings: int
    celsius: float


class Store:
    """The database.

    Args:
        connection: The open connection.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._averaged = 0

    @classmethod
    async def open(cls, path: str) -> Store:
        """Open the database, and make its tables."""
        connection = await aiosqlite.connect(path)
        await connection.executescript(SCHEMA)
        return cls(connection)

    async def close(self) -> None:
        """Close the database."""
        await self._connection.close()

    async def add_device(self, device: UUID, fleet: str) -> str:
        """Register a device, and return its new token, of which only the hash is stored."""
        token = secrets.token_urlsafe(32)
        await self._connection.execute(
            "INSERT OR REPLACE INTO devices VALUES (?, ?, ?)", (str(device), fleet, _hash(token))
        )
        await self._connection.commit()
        return token

    async def fleet_of(self, device: UUID, token: str) -> str | None:
        """Return the fleet of a device; None for another device or token."""
        query = "SELECT fleet FROM devices WHERE device = ? AND token_hash = ?"
        async with self._connection.execute(query, (str(device), _hash(token))) as rows:
            row = await rows.fetchone()
        return None if row is None else str(row[0])

    async def add_reading(self, device: UUID, at: datetime, celsius: float) -> None:
        """Store a reading."""
        await self._connection.execute(
            "INSERT INTO readings (device, at, celsius) VALUES (?, ?, ?)",
            (str(device), at.isoformat(), celsius),
        )
        await self._connection.commit()

    async def averages(self) -> list[Average]:
        """Return the average of each fleet's readings since the last call."""
        query = (
            "SELECT fleet, count(*), avg(celsius), max(readings.id) "
            "FROM readings JOIN devices USING (device) WHERE readings.id > ? GROUP BY fleet"
        )
        async with self._connection.execute(query, (self._averaged,)) as rows:
            found = list(await rows.fetchall())
        self._averaged = max([self._averaged, *(last for *_, last in found)])
        return [Average(fleet, count, celsius) for fleet, count, celsius, _ in found]


def _hash(token: str) -> bytes:
    # A token is random and long, so it needs no slow hash.
    return hashlib.sha256(token.encode()).digest()

"""Devices log in, report readings and ask for what they have reported."""

import asyncio
import hmac
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal
from uuid import UUID

import aiosqlite
import msgspec
from msgspec import Meta, Struct

from actionhero_tcp import (
    ActionCall,
    ActionError,
    Api,
    Connection,
    action,
    before_action,
    on_start,
    on_stop,
)

FILE = Path(os.environ.get("STATE_DIRECTORY", ".")) / "telemetry.sqlite3"
SECRET = os.environ.get("TELEMETRY_SECRET", "change me")
QUERY_SECONDS = 5.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (
    device TEXT NOT NULL, at TEXT NOT NULL, status TEXT NOT NULL, battery INTEGER,
    samples TEXT NOT NULL, PRIMARY KEY (device, at)
)
"""

Battery = Annotated[int, Meta(ge=0, le=100)]
Limit = Annotated[int, Meta(ge=1, le=1000)]


class Reading(Struct):
    """What a device has measured."""

    at: datetime
    values: Annotated[list[float], Meta(min_length=1, max_length=100)]
    status: Literal["ok", "warn", "fail"] = "ok"


class Accepted(Struct):
    """How many readings of the device are stored."""

    stored: int


class Stored(Struct):
    """A stored reading."""

    at: datetime
    values: list[float]
    status: str
    battery: int | None


class History(Struct):
    """The latest readings of a device."""

    device: UUID
    readings: list[Stored]


class Summary(Struct):
    """The state of the whole fleet."""

    devices: int
    readings: int
    failing: list[UUID]
    at: datetime


class State(SimpleNamespace):
    """The type of ``api.state``: what the application keeps while it runs.

    Attributes:
        db: The database.
    """

    db: aiosqlite.Connection


@on_start
async def open_database(api: Api[State]) -> None:
    """Open the database; the server does not start without it."""
    db = await aiosqlite.connect(FILE)
    await db.execute("PRAGMA journal_mode = WAL")
    await db.execute(SCHEMA)
    await db.commit()
    api.state.db = db


@on_stop
async def close_database(api: Api[State]) -> None:
    """Close it after the last action."""
    await api.state.db.close()


@before_action
def check_device(api: Api[State], connection: Connection, call: ActionCall) -> None:
    """Refuse readings of devices that have not logged in."""
    if call.name in {"report", "history"} and "device" not in connection.attributes:
        raise ActionError("log in first", code=401)


@action
def login(api: Api[State], connection: Connection, *, device: UUID, secret: str) -> None:
    """Log a device in."""
    if not hmac.compare_digest(secret.encode(), SECRET.encode()):
        raise ActionError("the secret is wrong", code=401)
    connection.attributes["device"] = device


@action(strict=True)
async def report(
    api: Api[State], connection: Connection, *, reading: Reading, battery: Battery | None = None
) -> Accepted:
    """Store one reading of the device; a repeated one replaces the first."""
    device = connection.attributes["device"]
    samples = msgspec.json.encode(reading.values).decode()
    row = (str(device), _text(reading.at), reading.status, battery, samples)
    db = api.state.db
    await db.execute("INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?)", row)
    await db.commit()
    if reading.status == "fail":
        api.rooms.say("alerts", f"{device} fails")
    return Accepted(await _count(db, device))


@action
async def history(api: Api[State], connection: Connection, *, limit: Limit) -> History:
    """Return the latest readings of the device."""
    device = connection.attributes["device"]
    query = "SELECT * FROM readings WHERE device = ? ORDER BY at DESC LIMIT ?"
    async with asyncio.timeout(QUERY_SECONDS):
        rows = await api.state.db.execute_fetchall(query, (str(device), limit))
    readings = [
        Stored(datetime.fromisoformat(at), msgspec.json.decode(samples), status, battery)
        for _, at, status, battery, samples in rows
    ]
    return History(device, readings)


@action
async def summary(api: Api[State], connection: Connection) -> Summary:
    """Summarize the fleet; the three queries run side by side."""
    async with asyncio.timeout(QUERY_SECONDS), asyncio.TaskGroup() as group:
        devices = group.create_task(_fetch(api, "SELECT count(DISTINCT device) FROM readings"))
        readings = group.create_task(_fetch(api, "SELECT count(*) FROM readings"))
        failing = group.create_task(
            _fetch(api, "SELECT DISTINCT device FROM readings WHERE status = 'fail'")
        )
    return Summary(
        devices=devices.result()[0][0],
        readings=readings.result()[0][0],
        failing=sorted(UUID(device) for (device,) in failing.result()),
        at=datetime.now(UTC),
    )


async def _fetch(api: Api[State], query: str) -> list[aiosqlite.Row]:
    return list(await api.state.db.execute_fetchall(query))


async def _count(db: aiosqlite.Connection, device: UUID) -> int:
    query = "SELECT count(*) FROM readings WHERE device = ?"
    ((count,),) = await db.execute_fetchall(query, (str(device),))
    return int(count)


def _text(at: datetime) -> str:
    """A time as text that sorts by time; one without a zone is in UTC."""
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC).isoformat()

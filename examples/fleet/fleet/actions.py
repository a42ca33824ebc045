"""What devices call, and what runs beside it."""

from __future__ import annotations

import os
from datetime import datetime
from types import SimpleNamespace
from uuid import UUID

from msgspec import Struct

from actionhero_tcp import (
    ActionCall,
    ActionError,
    Api,
    Connection,
    FileResponse,
    action,
    before_action,
    every,
    limit,
    on_start,
    on_stop,
)

from .store import Average, Store


class State(SimpleNamespace):
    """What the service keeps in ``api.state``."""

    store: Store
    averages: dict[str, Average]


class Reading(Struct):
    """What a device has measured."""

    at: datetime
    celsius: float


class Identity(Struct):
    """Who a device is."""

    device: UUID
    fleet: str


def room_of(fleet: str) -> str:
    """Return the room of a fleet; clients cannot enter it by themselves."""
    return f"@fleet/{fleet}"


def _host(connection: Connection) -> str:
    return connection.remote_address.rpartition(":")[0]


def _device(connection: Connection) -> UUID | None:
    found: UUID | None = connection.attributes.get("device")
    return found


@on_start
async def open_store(api: Api[State]) -> None:
    """Open the database."""
    api.state.store = await Store.open(os.environ.get("FLEET_DATABASE", "fleet.sqlite3"))
    api.state.averages = {}


@on_stop
async def close_store(api: Api[State]) -> None:
    """Close the database."""
    await api.state.store.close()


@before_action
def require_login(api: Api[State], connection: Connection, call: ActionCall) -> None:
    """Refuse everything but `login` to devices that have not logged in."""
    if call.name != "login" and _device(connection) is None:
        raise ActionError("log in first", code=401)


@action(errors={401: "unknown device or token"})
@limit("10/m", key=_host)
async def login(api: Api[State], connection: Connection, *, device: UUID, token: str) -> Identity:
    """Identify the device of this connection."""
    fleet = await api.state.store.fleet_of(device, token)
    if fleet is None:
        raise ActionError("unknown device or token", code=401)
    connection.attributes["device"] = device
    connection.join(room_of(fleet))
    return Identity(device=device, fleet=fleet)


@action
@limit("10/s", key=_device)
async def report(api: Api[State], connection: Connection, *, reading: Reading) -> None:
    """Store one reading of the device."""
    device: UUID = connection.attributes["device"]
    await api.state.store.add_reading(device, reading.at, reading.celsius)


@action(name="file", sends_file=True)
@limit("6/m", key=_device)
def firmware(
    api: Api[State],
    connection: Connection,
    *,
    fileName: str,
    header: bool = False,
    offset: int = 0,
    length: int | None = None,
) -> FileResponse:
    """Send firmware, or the rest of one whose download was interrupted."""
    reader = api.files.open(fileName)
    if header:
        reader.select(offset, length)
    return FileResponse(reader, header)


@every("5s")
async def aggregate(api: Api[State]) -> None:
    """Average the readings of the last five seconds."""
    for average in await api.state.store.averages():
        api.state.averages[average.fleet] = average


ACTIONS = (login, report, firmware)
HOOKS = (open_store, close_store, require_login, aggregate)

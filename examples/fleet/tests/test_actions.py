"""The actions, without a network."""

import asyncio
from uuid import uuid4

DEVICE = uuid4()
READING = {"at": "2026-01-01T12:00:00Z", "celsius": 20}


async def log_in(server, client):
    token = await server.api.state.store.add_device(DEVICE, "north")
    return await client.run("login", device=str(DEVICE), token=token)


async def test_login(actionhero_server, actionhero_client):
    identity = await log_in(actionhero_server, actionhero_client)
    assert identity["fleet"] == "north"
    assert actionhero_server.api.rooms.members("@fleet/north") == [actionhero_client.id]


async def test_other_tokens_are_refused(actionhero_server, actionhero_client):
    await actionhero_server.api.state.store.add_device(DEVICE, "north")
    answer = await actionhero_client.run("login", device=str(DEVICE), token="guessed")
    assert (answer["code"], answer["error"]) == (401, "unknown device or token")


async def test_guessing_is_limited(actionhero_client):
    for _ in range(10):
        answer = await actionhero_client.run("login", device=str(DEVICE), token="guessed")
        assert answer["code"] == 401
    answer = await actionhero_client.run("login", device=str(DEVICE), token="guessed")
    assert answer["code"] == 429


async def test_nothing_without_login(actionhero_client):
    for name, params in (("report", {"reading": READING}), ("file", {"fileName": "sensor.bin"})):
        assert (await actionhero_client.run(name, **params))["code"] == 401


async def test_nobody_enters_a_fleet_by_itself(actionhero_client):
    answer = await actionhero_client.ask("roomChange @fleet/north")
    assert "only the application" in answer["error"]


async def test_five_second_averages(actionhero_server, actionhero_client):
    await log_in(actionhero_server, actionhero_client)
    for celsius in (20, 30):
        reading = {**READING, "celsius": celsius}
        assert "error" not in await actionhero_client.run("report", reading=reading)
    assert actionhero_server.api.state.averages == {}
    actionhero_server.clock.advance(5)
    async with asyncio.timeout(60):
        while not actionhero_server.api.state.averages:
            await asyncio.sleep(0.001)
    average = actionhero_server.api.state.averages["north"]
    assert (average.readings, average.celsius) == (2, 25)


async def test_a_device_reports_ten_times_a_second(actionhero_server, actionhero_client):
    await log_in(actionhero_server, actionhero_client)
    answers = [await actionhero_client.run("report", reading=READING) for _ in range(11)]
    assert [answer.get("code") for answer in answers] == [None] * 10 + [429]

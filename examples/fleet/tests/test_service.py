"""The whole service: TLS, HTTP and simulated devices."""

import asyncio
from pathlib import Path
from uuid import uuid4

from aiohttp import ClientSession
from fleet.device import Device
from fleet.service import serve

from actionhero_tcp.testing.certificates import make

TOKEN = "operators"
FIRMWARE = bytes(range(256)) * 1000
SECONDS = 120


async def conversation(folder):
    key, certificate = make(folder)
    (folder / "sensor.bin").write_bytes(FIRMWARE)
    config = {
        "general": {"flatFileDirectory": str(folder), "builtinActions": ["actionsView"]},
        "tcpServer": {
            "secure": True,
            "port": 0,
            "bindIP": "127.0.0.1",
            "keyFile": str(key),
            "certFile": str(certificate),
        },
    }
    async with serve(config, TOKEN, 0) as service:
        base = f"http://127.0.0.1:{service.http_port}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with ClientSession() as stranger, stranger.get(f"{base}/averages") as answer:
            assert answer.status == 401
        async with ClientSession(base, headers=headers) as http:
            await operate(http, service.server.port, certificate, folder)


async def operate(http, port, certificate, folder):
    devices = []
    for fleet in ("north", "north", "south"):
        device = uuid4()
        body = {"device": str(device), "fleet": fleet}
        async with http.post("/devices", json=body) as answer:
            devices.append(Device(port, certificate, device, (await answer.json())["token"]))
    one, two, other = devices
    async with one, two, other:
        # A command reaches the devices of its fleet, and no other one.
        async with http.post("/fleets/north/commands", json={"do": "blink"}) as answer:
            assert await answer.json() == {"devices": 2}
        async with http.post("/fleets/south/commands", json={"do": "reboot"}) as answer:
            assert await answer.json() == {"devices": 1}
        assert [await device.commands.get() for device in devices] == [
            {"do": "blink"},
            {"do": "blink"},
            {"do": "reboot"},
        ]
        # Readings become averages within five seconds.
        await asyncio.gather(one.report(10), two.report(20), other.report(-5))
        while True:
            async with http.get("/averages") as answer:
                averages = await answer.json()
            if len(averages) == 2:
                break
            await asyncio.sleep(0.05)
        assert averages["south"] == {"fleet": "south", "readings": 1, "celsius": -5}
        # Firmware comes whole, and the rest of one that has come in part.
        path = folder / "downloaded"
        assert await one.update("sensor.bin", path) == len(FIRMWARE)
        assert path.read_bytes() == FIRMWARE
        path.write_bytes(FIRMWARE[:100_000])
        assert await one.update("sensor.bin", path) == len(FIRMWARE) - 100_000
        assert path.read_bytes() == FIRMWARE


def test_devices_and_operators(tmp_path: Path):
    asyncio.run(asyncio.wait_for(conversation(tmp_path), SECONDS))

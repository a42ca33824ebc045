"""The cache: values that all clients share, for a time."""

from actionhero_tcp import action
from twisted.internet.task import deferLater


@action
async def forecast(api, connection, *, city: str):
    """Tells the weather, which is asked for once a minute at most."""
    key = f"forecast:{city}"
    entry = await api.cache.load(key)
    if entry is not None:
        return {"forecast": entry.value, "cached": True}
    weather = await ask_somebody(api, city)
    await api.cache.save(key, weather, expire_ms=60_000)
    return {"forecast": weather, "cached": False}


async def ask_somebody(api, city):
    """Stands for a service that takes its time."""
    await deferLater(api.reactor, 0.5)
    return f"sunny in {city}"

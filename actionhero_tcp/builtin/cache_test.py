"""`cacheTest`."""

from actionhero_tcp import Api, Connection, action

from ._cache_keys import KEYS

EXPIRE_MS = 10_000
"""How long an entry of a test lasts at most."""


@action(
    description="I will test the internal cache functions of the API",
    output_example={
        "cacheTestResults": {
            "key": "key",
            "value": "value",
            "saveResp": "new record",
            "loadResp": "value",
            "deleteResp": True,
        }
    },
)
async def cacheTest(api: Api, connection: Connection, *, key: str, value: str) -> dict[str, object]:
    """Saves, loads and deletes a value in the cache."""
    name = KEYS + key
    # Its client may be gone before the entry is destroyed.
    saved = await api.cache.save(name, value, EXPIRE_MS)
    entry = await api.cache.load(name)
    return {
        "cacheTestResults": {
            "key": key,
            "value": value,
            "saveResp": saved,
            "loadResp": None if entry is None else entry.value,
            "deleteResp": await api.cache.destroy(name),
        }
    }

"""`cacheTest`."""

from actionhero_tcp import Api, CacheEntry, Connection, action

from .._cache_keys import KEYS

EXPIRE_MS = 5_000
"""How long an entry of a test lasts at most."""


def _shown(key: str, entry: CacheEntry | None) -> dict[str, object] | None:
    if entry is None:
        return None
    return {
        "key": key,
        "value": entry.value,
        "expireTimestamp": entry.expires_at,
        "createdAt": entry.created_at,
        "readAt": entry.read_at,
    }


@action(
    description="I will test the internal cache functions of the API",
    output_example={
        "cacheTestResults": {
            "saveResp": True,
            "sizeResp": 1,
            "loadResp": {
                "key": "cacheTest_key",
                "value": "value",
                "expireTimestamp": 1420953274716,
                "createdAt": 1420953269716,
                "readAt": None,
            },
            "deleteResp": True,
        }
    },
)
async def cacheTest(api: Api, connection: Connection, *, key: str, value: str) -> dict[str, object]:
    """Saves, counts, loads and deletes a value in the cache."""
    await api.cache.save(KEYS + key, value, EXPIRE_MS)
    return {
        "cacheTestResults": {
            "saveResp": True,
            "sizeResp": await api.cache.size(),
            "loadResp": _shown(f"cacheTest_{key}", await api.cache.load(KEYS + key)),
            "deleteResp": await api.cache.destroy(KEYS + key),
        }
    }

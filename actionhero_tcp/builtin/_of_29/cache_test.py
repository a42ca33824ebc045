"""`cacheTest`."""

from typing import Any

from actionhero_tcp import ActionError, Api, CacheEntry, Connection, action

from .._cache_keys import KEYS

EXPIRE_MS = 5_000
"""How long an entry of a test lasts at most."""

MIN_LETTERS = 3
"""So long are a key and a value at least."""


def _text(value: object) -> str:
    """The text of a param, which may be of any JSON type."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if len(text) < MIN_LETTERS:
        raise ActionError(f"inputs should be at least {MIN_LETTERS} letters long")
    return text


def _shown(key: str, entry: CacheEntry | None) -> dict[str, object] | None:
    if entry is None:
        return None
    return {"key": key, "value": entry.value, "createdAt": entry.created_at}


@action(
    description="I will test the internal cache functions of the API",
    output_example={
        "cacheTestResults": {
            "saveResp": True,
            "sizeResp": 1,
            "loadResp": {"key": "cacheTest_key", "value": "value", "createdAt": 1420953269716},
            "deleteResp": True,
        }
    },
)
async def cacheTest(api: Api, connection: Connection, *, key: Any, value: Any) -> dict[str, object]:
    """Saves, counts, loads and deletes a value in the cache."""
    name, text = _text(key), _text(value)
    await api.cache.save(KEYS + name, text, EXPIRE_MS)
    return {
        "cacheTestResults": {
            "saveResp": True,
            "sizeResp": await api.cache.size(),
            "loadResp": _shown(f"cacheTest_{name}", await api.cache.load(KEYS + name)),
            "deleteResp": await api.cache.destroy(KEYS + name),
        }
    }

"""The key space of the cache that all forms of `cacheTest` share."""

KEYS = "actionhero:cacheTest:"
"""The prefix of the keys. Clients name the rest, so these keys are apart from the application's."""

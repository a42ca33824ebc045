"""Where the forms of `cacheTest` keep their entries."""

KEYS = "actionhero:cacheTest:"
"""What the keys begin with: a client names the rest, so they are none of the application's."""

"""One server on many processes, over Redis: rooms, the cache and who is alive."""

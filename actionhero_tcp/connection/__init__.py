"""One client's state, and what is queued for it."""

"""A server in any program: `Server`, and the composition root."""

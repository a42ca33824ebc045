"""The two logs: what is written, how the lines look, and where they go."""

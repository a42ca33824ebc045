"""Development mode: what changes in a project while the server runs is loaded at once."""

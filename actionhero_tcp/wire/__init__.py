"""Bytes and what they mean: framing, JSON lines, PROXY headers."""

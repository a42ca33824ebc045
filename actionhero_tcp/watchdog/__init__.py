"""Notices what blocks the reactor."""

"""The configuration: its sections, their fields, and the file."""

"""The process around the server: signals, systemd, the start in the background."""

"""The HTTP side: health, metrics, the live page and WebSocket; imported where it is on."""

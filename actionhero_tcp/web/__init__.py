"""The HTTP side: health, metrics, the live page and WebSocket clients. Imported only where it is on."""

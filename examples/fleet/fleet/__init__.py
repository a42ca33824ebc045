"""A fleet of devices: telemetry, commands and firmware over one TLS connection each."""

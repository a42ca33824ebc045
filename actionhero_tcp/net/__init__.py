"""What touches sockets, TLS and Twisted's private names."""

"""Sockets, TLS and Twisted's private names."""

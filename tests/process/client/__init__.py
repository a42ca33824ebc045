"""Tests of `actionhero_tcp/client` with real sockets, processes or servers."""

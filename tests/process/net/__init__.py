"""Tests of `actionhero_tcp/net` with real sockets, processes or servers."""

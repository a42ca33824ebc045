"""Tests of `actionhero_tcp/server` with real sockets, processes or servers."""

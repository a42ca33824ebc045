"""Tests of `actionhero_tcp/cli` with real sockets, processes or servers."""

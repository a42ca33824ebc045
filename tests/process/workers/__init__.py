"""Tests of `actionhero_tcp/workers` with real sockets, processes or servers."""

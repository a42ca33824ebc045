"""Tests of `actionhero_tcp/redis` with real sockets, processes or servers."""

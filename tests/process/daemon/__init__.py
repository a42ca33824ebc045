"""Tests of `actionhero_tcp/daemon` with real sockets, processes or servers."""

"""Tests of `actionhero_tcp/testing` with real sockets, processes or servers."""

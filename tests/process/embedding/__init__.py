"""Tests of embedded servers on real sockets."""

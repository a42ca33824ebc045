"""Tests of `tools` that start processes."""

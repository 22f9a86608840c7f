"""Benchmarks: each prints a table, comparing in one run, in turn, several rounds; see README.md."""

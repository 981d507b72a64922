"""Benchmarks: side by side with other libraries in one run, on this machine. They are not tests."""

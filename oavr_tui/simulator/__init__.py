"""Servers that behave like the real ones, for `demo` and for the tests."""

"""Whole flows, as a person or a script goes through them: real processes, real files, a real server."""

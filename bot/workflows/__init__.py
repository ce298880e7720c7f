"""Workflows: read, ask a pure function, then write. They take ports, never the App."""

"""Decisions: what papers are worth a reader's morning, and exactly why. Pure."""

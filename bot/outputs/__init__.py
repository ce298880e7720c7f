"""Artifacts: what people see, as bytes."""

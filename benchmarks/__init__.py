"""Figures: each stage beside its peers or its floor, in one run, medians of several."""

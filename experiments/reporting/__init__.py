"""Comparing runs: what is read of them, and the page that shows it."""

"""Decoding of logits into readings: pure functions that touch no files."""

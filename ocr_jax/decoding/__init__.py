"""From logits to readings: pure functions that know no file."""

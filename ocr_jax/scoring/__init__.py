"""Error rates, what goes wrong, confidences, and how they are shown."""

"""What a training says of itself: console, metrics.jsonl, W&B."""

"""Reports of a training's progress: console, metrics.jsonl, W&B, profiles."""

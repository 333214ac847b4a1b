"""From raw images to batches: sources, the lines file, the epoch plan, the pipeline."""

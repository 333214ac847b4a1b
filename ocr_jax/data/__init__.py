"""From a lines file to batches: labelled splits, the epoch plan, the pipeline."""

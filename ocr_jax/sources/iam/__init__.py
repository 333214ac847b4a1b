"""IAM: its downloads, label files and splits."""

"""Where lines come from: each module turns one kind of raw data into `Line`s."""

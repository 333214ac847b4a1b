"""Read pages, correct them and train on the corrections, in a browser."""

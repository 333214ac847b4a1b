"""Searching hyper-parameters: sweep files, their parameters, the search."""

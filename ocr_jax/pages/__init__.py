"""Whole pages become text."""

"""Synthetic pages: invented text in fonts, laid out and scanned like old papers."""

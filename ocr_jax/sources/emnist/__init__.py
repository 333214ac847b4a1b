"""EMNIST: characters, and lines set from them."""

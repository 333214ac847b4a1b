"""What fuzz.py is made of: good inputs, and ways to damage them."""

"""Lines written in handwriting fonts."""

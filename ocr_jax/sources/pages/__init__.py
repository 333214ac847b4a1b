"""Pages whose lines are marked in ALTO or PAGE XML."""

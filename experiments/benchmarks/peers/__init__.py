"""Other recognisers, trained on a lines file and scored like our own."""

"""History of a run, read from the journal."""

"""Resume of an interrupted run."""

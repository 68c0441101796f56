"""Progress of a running run."""

"""Records that outlive a process: the journal, locks, logs, manifests and frame files."""

"""Planning: from documents to a checked graph and its durations."""

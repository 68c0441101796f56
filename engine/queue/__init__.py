"""Queue: requests for runs in the journal, and the worker that sees to it that each reaches its end."""

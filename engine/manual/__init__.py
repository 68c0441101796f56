"""Manual control of the instrument, one action at a time."""

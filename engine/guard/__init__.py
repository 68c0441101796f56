"""Safing (making all lamps safe), and the guard process that does it for a dead runner."""

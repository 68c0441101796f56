"""Execution of one graph."""

"""Documents written by people: read safely from any file, with the line of every value and all problems."""

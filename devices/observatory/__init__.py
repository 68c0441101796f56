"""Observatory document, and its reader."""

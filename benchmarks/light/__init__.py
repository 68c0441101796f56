"""How well light is judged: images as hard as real ones, faults put into them, and what the rules say."""

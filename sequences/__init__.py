"""Sequence documents, checked and expanded into frames.

    document = load("normal", site)
    frames = expand(document, site).frames

The JSON Schema is in `safelight.sequences.json_schema`.
"""

from safelight.sequences.errors import Problem, SequenceError
from safelight.sequences.expansion import Expansion, expand, open_choices
from safelight.sequences.frames import AS_FOUND, Aim, Frame, Sweep, Until
from safelight.sequences.library import library_file, library_names, site_sequences
from safelight.sequences.loader import Document, load, load_text
from safelight.sequences.model import Biases, Block, Choice, Darks, Fibsel, SequenceSpec
from safelight.sequences.site import LampDefaults, SelectorDefaults, Site

__all__ = [
    "AS_FOUND",
    "Aim",
    "Biases",
    "Block",
    "Choice",
    "Darks",
    "Document",
    "Expansion",
    "Fibsel",
    "Frame",
    "LampDefaults",
    "Problem",
    "SelectorDefaults",
    "SequenceError",
    "SequenceSpec",
    "Site",
    "Sweep",
    "Until",
    "expand",
    "library_file",
    "library_names",
    "load",
    "load_text",
    "open_choices",
    "site_sequences",
]

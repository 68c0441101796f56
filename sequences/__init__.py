"""What is wanted: sequence documents, checked and expanded into frames.

    document = load("normal", site)
    frames = expand(document, site).frames

The JSON Schema is in `safelight.sequences.schema`.
"""

from safelight.sequences.errors import Problem, SequenceError
from safelight.sequences.expand import Expansion, expand, open_choices
from safelight.sequences.frames import Frame, Sweep
from safelight.sequences.library import library_file, library_names
from safelight.sequences.loader import Document, load, load_text
from safelight.sequences.model import Biases, Block, Choice, Darks, Fibsel, SequenceSpec
from safelight.sequences.site import LampDefaults, Site

__all__ = [
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
    "SequenceError",
    "SequenceSpec",
    "Site",
    "Sweep",
    "expand",
    "library_file",
    "library_names",
    "load",
    "load_text",
    "open_choices",
]

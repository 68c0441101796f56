"""Loading of a document from a file, a dict or the library, with every problem reported at once."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from safelight.documents.parsed import Parsed, plain
from safelight.documents.parsed import Path as Place
from safelight.documents.source import parse, read_text
from safelight.sequences.errors import Problem, SequenceError, Unreadable, shown
from safelight.sequences.fields import MOST_FRAMES
from safelight.sequences.includes import has_includes, with_includes
from safelight.sequences.library import locate
from safelight.sequences.model import SequenceSpec
from safelight.sequences.names import Vocabulary
from safelight.sequences.policy import policy_problems
from safelight.sequences.site import Site
from safelight.sequences.validation_messages import dotted, line_of, problems_of

__all__ = ["Document", "load", "load_text"]


@dataclass(frozen=True, slots=True)
class Document:
    """Sequence that can be run at the site for which it was loaded.

    Attributes:
        spec: the checked model.
        text: the source verbatim, or the JSON of a dict. `load_text` gives the same document again.
        origin: the file as it was named, or `<dict>`.
        name: printable ASCII, at most 68 characters.
        hash: sha256 of the spec. It does not depend on the document's format.
        lines: line of each key and list item of the text, counted from 1.
    """

    spec: SequenceSpec
    text: str
    origin: str
    name: str
    hash: str
    lines: Mapping[Place, int] = field(default_factory=dict, repr=False, compare=False)


def load(source: Mapping[str, Any] | Path | str, site: Site, *, name: str | None = None) -> Document:
    """Read and check a document.

    Args:
        source: a mapping, the path of a YAML or JSON file, or the name of a sequence of the site or of the library.
        site: the observatory's names, defaults and policies.
        name: its name; default: the document's own name, or the file's.

    Raises:
        SequenceError: it can't be run; the error holds all problems.
    """
    if isinstance(source, Mapping):
        return _from_mapping(source, site, name)
    path, origin = locate(source, site.sequences)
    try:
        text = read_text(path)
    except Unreadable as error:
        raise _unreadable(error, origin) from error
    return load_text(text, site, origin=origin, name=name)


def load_text(text: str, site: Site, *, origin: str = "<text>", name: str | None = None) -> Document:
    """Read and check the text of a document (YAML or JSON), such as `Document.text`.

    Raises:
        SequenceError: it can't be run; the error holds all problems.
    """
    path = Path(origin)
    fallback = "sequence" if origin.startswith("<") else path.stem
    try:
        parsed = parse(text, only_json=path.suffix.lower() == ".json")
    except Unreadable as error:
        raise _unreadable(error, origin) from error
    return _document(parsed, text, origin, site, (name, fallback))


def _from_mapping(source: Mapping[str, Any], site: Site, name: str | None) -> Document:
    try:
        raw, faults = plain(source)
    except Unreadable as error:
        raise _unreadable(error, "<dict>") from error
    return _document(Parsed(raw, {}, faults), None, "<dict>", site, (name, "sequence"))


def _document(parsed: Parsed, text: str | None, origin: str, site: Site, names: tuple[str | None, str]) -> Document:
    """Return a checked document. `names` are the caller's name for it and the fallback."""
    if has_includes(parsed):
        # A run is pinned to its text, which must not depend on other files.
        parsed = with_includes(parsed, origin)
        text = None
    spec = _checked(parsed, origin, site)
    if text is None:
        text = json.dumps(parsed.raw)
    called = names[0] or spec.name or names[1]
    # The name goes into FITS headers, which hold ASCII only.
    ascii_name = "".join(letter if " " <= letter <= "~" else "_" for letter in called)[:68]
    # Without defaults, so that a key that a later version adds does not change old documents' hashes.
    canonical = spec.model_dump_json(exclude_defaults=True)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return Document(spec, text, origin, ascii_name, digest, parsed.lines)


def _checked(parsed: Parsed, origin: str, site: Site) -> SequenceSpec:
    """Return the spec, or raise with all problems sorted by line."""
    if _is_observatory(parsed.raw):
        said = "expected a sequence, got an observatory document (name it with --observatory)"
        raise SequenceError(Problem(origin, line_of((), parsed.lines), "", "", said))
    problems = list(_faults(parsed, origin))
    refused = {problem.path for problem in problems}
    spec, vocabulary = None, Vocabulary(site)
    try:
        spec = SequenceSpec.model_validate(parsed.raw, context=vocabulary)
    except ValidationError as error:
        problems += (found for found in problems_of(error, parsed, origin) if found.path not in refused)
    if isinstance(parsed.raw, dict):
        problems += _emptiness(parsed, origin)
        problems += policy_problems(parsed, site.policies, origin)
    if spec and not problems:
        problems += _excess(spec.frame_count(vocabulary), origin)
    if problems or spec is None:
        raise SequenceError(*sorted(problems, key=lambda problem: problem.line or 0))
    return spec


def _is_observatory(raw: object) -> bool:
    """Return whether a document is one of the other kind. A list of spectrographs belongs to a step of a sequence."""
    return isinstance(raw, dict) and isinstance(raw.get("spectrographs"), dict) and raw.keys().isdisjoint(_OF_SEQUENCES)


def _faults(parsed: Parsed, origin: str) -> Iterator[Problem]:
    for fault in parsed.faults:
        line = fault.line or line_of(fault.path, parsed.lines)
        yield Problem(origin, line, dotted(fault.path), shown(fault.value), fault.message, fault.allowed)


_OF_SEQUENCES = frozenset({"biases", "darks", "steps"})
"""Keys that an observatory document never has."""
_FIRST_FORM, _STEP_FORM = ("biases", "darks", "lamps"), ("fibre", "setup", "repeat", "order")


def _emptiness(parsed: Parsed, origin: str) -> Iterator[Problem]:
    """Yield problems with the keys of a document as a whole."""
    keys = parsed.raw.keys() if isinstance(parsed.raw, dict) else set()
    if not keys & {*_FIRST_FORM, "steps"}:
        line = line_of((), parsed.lines)
        yield Problem(origin, line, "", "", "nothing to expose", "at least one of biases, darks, lamps, or steps")
    for key in keys & set(_FIRST_FORM) if "steps" in keys else ():
        said = f"`{key}` and `steps` exclude each other"
        yield Problem(origin, line_of((key,), parsed.lines), key, "", said, f"`{key}` as one of the steps")
    for key in keys & set(_STEP_FORM) if "steps" not in keys else ():
        said = f"`{key}` has no effect without `steps`"
        yield Problem(origin, line_of((key,), parsed.lines), key, "", said, "write the sequence as `steps`")


def _excess(frames: int, origin: str) -> Iterator[Problem]:
    if frames > MOST_FRAMES:
        yield Problem(origin, None, "", str(frames), f"too many frames: {frames}", f"at most {MOST_FRAMES}")


def _unreadable(error: Unreadable, origin: str) -> SequenceError:
    return SequenceError(Problem(origin, error.line, "", "", error.message))

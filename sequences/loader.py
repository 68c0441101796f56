"""A document from a file, a dict or the library: a spec that can be run, or all that is wrong with it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from safelight.sequences.errors import Problem, SequenceError, Unreadable, shown
from safelight.sequences.fields import MOST_FRAMES
from safelight.sequences.library import locate
from safelight.sequences.model import SequenceSpec
from safelight.sequences.names import Vocabulary
from safelight.sequences.parsed import Parsed, plain
from safelight.sequences.parsed import Path as Place
from safelight.sequences.policy import policy_problems
from safelight.sequences.site import Site
from safelight.sequences.source import parse, read_text
from safelight.sequences.wording import dotted, line_of, problems_of

__all__ = ["Document", "load", "load_text"]


@dataclass(frozen=True, slots=True)
class Document:
    """A sequence that can be run at the site that it was loaded for.

    Attributes:
        spec: what is wanted.
        text: the source, letter by letter; of a dict its JSON. `load_text` gives the same document again.
        origin: the file as it was named, or `<dict>`.
        name: printable ASCII, at most 68 characters.
        hash: sha256 of the spec: the same however the document is formatted.
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
        source: a mapping, the path of a YAML or JSON file, or the name of a sequence of the library.
        site: the observatory's names, defaults and policies.
        name: what to call it; default: what the document says, or the file's name.

    Raises:
        SequenceError: it can't be run; holds all problems.
    """
    if isinstance(source, Mapping):
        return _from_mapping(source, site, name)
    path, origin = locate(source)
    try:
        text = read_text(path)
    except Unreadable as error:
        raise _unreadable(error, origin) from error
    return load_text(text, site, origin=origin, name=name)


def load_text(text: str, site: Site, *, origin: str = "<text>", name: str | None = None) -> Document:
    """Read and check the text of a document (YAML or JSON), such as `Document.text`.

    Raises:
        SequenceError: it can't be run; holds all problems.
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
    """A checked document; `names` are what the caller calls it, and what to call it where nobody does."""
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
    """The spec, or everything that is wrong, sorted by line."""
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


def _faults(parsed: Parsed, origin: str) -> Iterator[Problem]:
    for fault in parsed.faults:
        line = fault.line or line_of(fault.path, parsed.lines)
        yield Problem(origin, line, dotted(fault.path), shown(fault.value), fault.message, fault.allowed)


def _emptiness(parsed: Parsed, origin: str) -> Iterator[Problem]:
    if isinstance(parsed.raw, dict) and not parsed.raw.keys() & {"biases", "darks", "lamps"}:
        line = line_of((), parsed.lines)
        yield Problem(origin, line, "", "", "nothing to expose", "at least one of biases, darks, lamps")


def _excess(frames: int, origin: str) -> Iterator[Problem]:
    if frames > MOST_FRAMES:
        yield Problem(origin, None, "", str(frames), f"too many frames: {frames}", f"at most {MOST_FRAMES}")


def _unreadable(error: Unreadable, origin: str) -> SequenceError:
    return SequenceError(Problem(origin, error.line, "", "", error.message))

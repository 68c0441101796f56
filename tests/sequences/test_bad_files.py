"""Files that are no document at all: refused quickly, and nothing but SequenceError."""

import os
from pathlib import Path

import pytest

from safelight.sequences import SequenceError, Site, load, load_text

BOMB = "\n".join(
    ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
)

BAD = [
    ("empty", b"", 1, "empty"),
    ("blank", b" \n\n", 1, "empty"),
    ("comments", b"# nothing\n", 1, "empty"),
    ("not UTF-8", b"biases: {}\nname: \xff\n", 2, "not UTF-8"),
    ("UTF-16", "biases: {}".encode("utf-16"), 1, "not UTF-8"),
    ("NUL", b"biases: {}\nname: a\x00b", 2, "control character"),
    ("two documents", b"biases: {}\n---\nbiases: {}\n", 2, "more than one document"),
    ("alias bomb", BOMB.encode(), 5, "aliases counted"),
    ("alias of itself", b"biases: &a\n  count: *a", 2, "no anchor before it"),
    ("deep list", b"biases: " + b"[" * 5000 + b"]" * 5000, 1, "nested too deeply"),
    ("deep blocks", b"- " * 100_000, 1, "nested too deeply"),
    ("broken", b"biases: {count: 1\ndarks: ]", 2, "not valid YAML"),
    ("tab", b"biases:\n\tcount: 1", 2, "a tab at the beginning of the line"),
    ("tab after blanks", b"lamps:\n  Neon:\n  \texposure_time: 3", 3, "a tab at the beginning of the line"),
    ("tab that continues", b"lamps:\n  Neon:\n    warmup: 3\n\tcount: 3\n", 4, "a tab at the beginning of the line"),
    ("deep mixture", b"biases: " + b"[{a: " * 500, 1, "nested too deeply"),
    ("deep in lines", b"biases:\n" + b"[\n" * 1500, 66, "nested too deeply"),
    ("many values", b"biases: [" + b"1," * 120_000 + b"1]", 1, "too large"),
]


def problem_of(file: Path, site: Site) -> tuple[int | None, str]:
    """Line and message of the one problem of a file."""
    with pytest.raises(SequenceError) as caught:
        load(file, site)
    (problem,) = caught.value.problems
    assert problem.file == str(file)
    return problem.line, problem.message


@pytest.mark.parametrize(("content", "line", "words"), [case[1:] for case in BAD], ids=[c[0] for c in BAD])
def test_bad_text(tmp_path: Path, site: Site, content: bytes, line: int, words: str) -> None:
    """A text that can't be read as a document is refused with the line where reading stopped."""
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    found, message = problem_of(file, site)
    assert found == line
    assert words in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"biases": ' + "[" * 80 + "]" * 80 + "}", "nested too deeply"),
        ('{"biases": ' + "1" * 5000 + "}", "not valid JSON"),
        ("", "empty"),
    ],
)
def test_bad_json(tmp_path: Path, site: Site, text: str, words: str) -> None:
    """A file with the suffix .json that is no JSON is refused as JSON."""
    file = tmp_path / "bad.json"
    file.write_text(text)
    assert words in problem_of(file, site)[1]


def test_json_lines_and_duplicates(site: Site) -> None:
    """JSON is as strict as YAML: duplicates, NaN and lines."""
    text = '{\n "biases": {"count": 1,\n  "count": 2},\n "darks": {"exposure_time": [\n\t3,\n\tNaN]}\n}'
    with pytest.raises(SequenceError) as caught:
        load_text(text, site, origin="x.json")
    found = [(problem.line, problem.path) for problem in caught.value.problems]
    assert found == [(3, "biases.count"), (6, "darks.exposure_time.1")]


def test_huge_file_is_not_read(tmp_path: Path, site: Site) -> None:
    """A file of 100 MB is refused by its size alone."""
    file = tmp_path / "huge.yaml"
    with file.open("wb") as opened:
        opened.truncate(100_000_000)
    assert "too large" in problem_of(file, site)[1]


def test_not_a_regular_file(tmp_path: Path, site: Site) -> None:
    """A directory, a FIFO, a device and a missing file are refused without waiting for anything."""
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    assert "not a regular file" in problem_of(fifo, site)[1]
    assert "not a regular file" in problem_of(tmp_path, site)[1]
    assert "not a regular file" in problem_of(Path("/dev/zero"), site)[1]
    assert "no such file" in problem_of(tmp_path / "missing.yaml", site)[1]
    assert "can't be read" in problem_of(Path("a\0b.yaml"), site)[1]


def test_dict_in_itself(site: Site) -> None:
    """A dict that contains itself is refused."""
    document: dict[str, object] = {}
    document["lamps"] = document
    with pytest.raises(SequenceError, match="nested too deeply"):
        load(document, site)


def test_dict_bomb(site: Site) -> None:
    """A dict that shares its parts a million times is refused."""
    part: list[object] = [1] * 10
    for _ in range(10):
        part = [part] * 10
    with pytest.raises(SequenceError, match="too large"):
        load({"lamps": part}, site)


@pytest.mark.parametrize("key", [3, None, ("a", "b"), b"biases"])
def test_dict_with_odd_keys(site: Site, key: object) -> None:
    """A key of a dict must be text."""
    with pytest.raises(SequenceError, match="a key must be text"):
        load({"biases": {}, key: 1}, site)


def test_alias_of_moderate_size(site: Site) -> None:
    """Anchors are fine where they only save writing."""
    text = "lamps:\n  Neon: &arc {exposure_time: 3}\n  Argon: *arc\n"
    assert [block.exposure_time for block in load_text(text, site).spec.lamps] == [(3.0,), (3.0,)]

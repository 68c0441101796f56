"""The published JSON Schema."""

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from safelight.sequences import library_file, library_names
from safelight.sequences.json_schema import SCHEMA_FILE, schema, schema_text
from tests.sequences.test_documents import DEFAULT_SWEEP, SIMPLE, SWEPT

VALIDATOR = Draft202012Validator(schema())
RIGHT = [SIMPLE, SWEPT, DEFAULT_SWEEP]
RIGHT += [yaml.safe_load(library_file(name).read_text()) for name in library_names()]
NEON = {"exposure_time": 3}
WRONG = [
    [],
    {},
    {"name": "x"},
    {"biases": 3},
    {"biases": None},
    {"biases": {"count": 0}},
    {"biases": {"count": True}},
    {"biases": {"cuont": 1}},
    {"darks": {}},
    {"darks": {"exposure_time": []}},
    {"darks": {"exposure_time": 0}},
    {"darks": {"exposure_time": "9"}},
    {"darks": {"exposure_time": 86401}},
    {"lamps": {}},
    {"lamps": []},
    {"lamps": {"Neon": {}}},
    {"lamps": {"Neon": {**NEON, "lamps": ["Neon"]}}},
    {"lamps": {"Neon": {**NEON, "warmup": -1}}},
    {"lamps": {"Neon": {**NEON, "flavour": "ark"}}},
    {"lamps": {"Neon": {**NEON, "fibsel": 1}}},
    {"lamps": {"Neon": {**NEON, "fibsel": {"mode": "swep"}}}},
    {"lamps": {"Neon": {**NEON, "fibsel": {"positions": []}}}},
    {"lamps": {"Neon": {**NEON, "fibre": {"chose": "P1"}}}},
    {"lamps": [NEON]},
    {"lamps": [{**NEON, "lamps": []}]},
    {"biases": {}, "header": {"observer": "x"}},
    {"biases": {}, "header": {"OBSERVER": []}},
    {"biases": {}, "park_after": None},
]


def test_file_is_current() -> None:
    """The committed schema is the one that the model gives, byte for byte."""
    assert SCHEMA_FILE.read_bytes() == schema_text().encode()


def test_is_a_schema() -> None:
    """It is a valid schema of draft 2020-12 with an id and a title."""
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema()["$id"]
    assert schema()["title"]


@pytest.mark.parametrize("document", RIGHT)
def test_accepts(document: object) -> None:
    """It accepts every ready sequence and every example of the observatory."""
    assert list(VALIDATOR.iter_errors(document)) == []


@pytest.mark.parametrize("document", WRONG, ids=json.dumps)
def test_refuses(document: object) -> None:
    """It refuses what the model refuses without knowing a site."""
    assert list(VALIDATOR.iter_errors(document))

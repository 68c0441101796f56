"""JSON Schema of a sequence document, generated from the model.

`python -m safelight.sequences.json_schema` writes `schema.json` again.
"""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from safelight.sequences.model import SequenceSpec

__all__ = ["SCHEMA_FILE", "schema", "schema_text"]

SCHEMA_FILE = Path(__file__).with_name("schema.json")


class _Generator(GenerateJsonSchema):
    """Generator that leaves out the nulls of optional keys."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - a title adds nothing to the key
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if found.get("default", ...) in (None, [], ()):
            del found["default"]
        return found

    def generate(self, schema: CoreSchema, mode: Any = "validation") -> JsonSchemaValue:
        return {
            "$schema": self.schema_dialect,
            "$id": "urn:safelight:sequence:1",
            **super().generate(schema, mode),
            "title": "safelight calibration sequence",
            "anyOf": [{"required": [key]} for key in ("biases", "darks", "lamps", "steps")],
        }


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a document."""
    return SequenceSpec.model_json_schema(schema_generator=_Generator)


def schema_text() -> str:
    """Return the schema as the text of `schema.json`."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")

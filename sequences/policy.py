"""Site policies: JSON Schemas that narrow what may be run at an observatory."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from safelight.sequences.errors import Problem, shown
from safelight.sequences.parsed import Parsed
from safelight.sequences.wording import dotted, line_of

if TYPE_CHECKING:
    from jsonschema import ValidationError

__all__ = ["policy_problems"]


def policy_problems(parsed: Parsed, policies: Mapping[str, Mapping[str, Any]], file: str) -> Iterator[Problem]:
    """Every violation of every policy, checked against the document as it is written."""
    for name, schema in policies.items():
        yield from _violations(parsed, name, schema, file)


def _violations(parsed: Parsed, name: str, schema: Mapping[str, Any], file: str) -> Iterator[Problem]:
    try:
        found = _errors(parsed.raw, dict(schema))
    # Numbers like NaN, which the model refuses anyway, and bad patterns of a policy break jsonschema itself.
    except (ArithmeticError, ValueError, RecursionError, re.error) as error:
        message = f"the policy {name!r} of this observatory could not be checked: {error}"
        yield Problem(file, None, "", "", message)
        return
    for broken in found:
        path = tuple(broken.absolute_path)
        value = shown(broken.instance)
        yield Problem(
            file,
            line_of(path, parsed.lines),
            dotted(path),
            value,
            f"the policy {name!r} of this observatory forbids {value}",
            f"{broken.validator}: {shown(broken.validator_value)}" if broken.validator else None,
        )


def _errors(raw: Any, schema: dict[str, Any]) -> list["ValidationError"]:
    """What jsonschema finds; a ValueError where the schema is none."""
    # Only who has policies pays for the import.
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
        # An empty registry: a policy never reaches out to the network for another schema.
        return list(kind(schema, registry=Registry()).iter_errors(raw))
    except (SchemaError, Unresolvable) as error:
        raise ValueError(str(error).splitlines()[0]) from error

"""Site policies: JSON Schemas that narrow what may be run at an observatory."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from safelight.sequences.errors import Problem, shown
from safelight.sequences.parsed import Parsed
from safelight.sequences.wording import dotted, line_of

__all__ = ["policy_problems"]


def policy_problems(
    parsed: Parsed, policies: Mapping[str, Mapping[str, Any]], file: str
) -> Iterator[Problem]:
    """Every violation of every policy, checked against the document as it is written."""
    for name, schema in policies.items():
        yield from _violations(parsed, name, schema, file)


def _violations(parsed: Parsed, name: str, schema: Mapping[str, Any], file: str) -> Iterator[Problem]:
    # Only who has policies pays for the import.
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
        # An empty registry: a policy never reaches out to the network for another schema.
        found = list(kind(schema, registry=Registry()).iter_errors(parsed.raw))
    # Numbers like NaN, which the model refuses anyway, and bad patterns of a policy break jsonschema itself.
    except (SchemaError, Unresolvable, ArithmeticError, ValueError, RecursionError, re.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        yield Problem(
            file, None, "", "", f"the policy {name!r} of this observatory could not be checked: {reason}"
        )
        return
    for error in found:
        path = tuple(error.absolute_path)
        yield Problem(
            file,
            line_of(path, parsed.lines),
            dotted(path),
            shown(error.instance),
            f"the policy {name!r} of this observatory forbids {shown(error.instance)}",
            f"{error.validator}: {shown(error.validator_value)}" if error.validator else None,
        )

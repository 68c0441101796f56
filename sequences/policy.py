"""Site policies: JSON Schemas that restrict which sequences may run at an observatory."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safelight.documents.parsed import Parsed, Path
from safelight.sequences.errors import Problem, quoted, shown
from safelight.sequences.validation_messages import dotted, line_of

if TYPE_CHECKING:
    from jsonschema import ValidationError

__all__ = ["PolicyFailed", "Violation", "longest_text", "most_repeats", "policy_problems", "violations"]

LONGEST_S = 5.0
"""Time limit for the regular expressions of a policy, s."""
CHEAP = 10_000_000
"""Number of steps that certainly take less than a second."""
MANY = 20


def policy_problems(parsed: Parsed, policies: Mapping[str, Mapping[str, Any]], file: str) -> Iterator[Problem]:
    """Yield each violation of each policy, checked against the document as written."""
    for name, schema in policies.items():
        yield from _violations(parsed, name, schema, file)


def _violations(parsed: Parsed, name: str, schema: Mapping[str, Any], file: str) -> Iterator[Problem]:
    try:
        found = _found(parsed.raw, dict(schema))
    except PolicyFailed as error:
        yield Problem(file, None, "", "", f"the policy {name!r} of this observatory could not be checked: {error}")
        return
    for broken in found:
        yield Problem(
            file,
            line_of(broken.path, parsed.lines),
            dotted(broken.path),
            broken.value,
            f"the policy {name!r} of this observatory forbids {broken.value}",
            broken.rule,
        )


class PolicyFailed(ValueError):
    """Policy that can't be checked, and the reason."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Place where a document breaks a policy.

    Attributes:
        path: in the document.
        value: the value there, shortened.
        rule: the rule of the policy that is broken.
    """

    path: Path
    value: str
    rule: str | None


def _found(raw: Any, schema: dict[str, Any]) -> list[Violation]:
    """Check here if that takes no time, or else in a process that can be killed.

    Python's regular expressions can't be interrupted, and some take for ever.
    """
    cost = longest_text(raw) ** (1 + most_repeats(schema))
    return violations(raw, schema) if cost <= CHEAP else _found_in_time(raw, schema)


def _found_in_time(raw: Any, schema: dict[str, Any]) -> list[Violation]:
    import subprocess  # noqa: PLC0415 - rarely needed
    import sys  # noqa: PLC0415

    command = [sys.executable, "-m", "safelight.sequences.policy"]
    try:
        given = json.dumps([raw, schema])
        # Our own program. Nothing of the document is in its command line.
        done = subprocess.run(  # noqa: S603
            command, input=given, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise PolicyFailed(f"its regular expressions take more than {LONGEST_S:g} s") from None
    except (OSError, TypeError, ValueError) as error:
        raise PolicyFailed("it can't be checked in a process of its own") from error
    if isinstance(answer, str):
        raise PolicyFailed(answer)
    return [Violation(tuple(path), value, rule) for path, value, rule in answer]


def longest_text(node: Any) -> int:
    """Return the length of the longest text in a document, keys included."""
    longest, rest = 0, [node]
    while rest:
        part = rest.pop()
        if isinstance(part, str):
            longest = max(longest, len(part))
        elif isinstance(part, Mapping):
            rest += [*part, *part.values()]
        elif isinstance(part, list):
            rest += part
    return longest


def most_repeats(schema: Any) -> int:
    """Return the largest number of repetitions in one regular expression of a policy.

    A repeated group counts as a very large number, because its matching time can grow exponentially.

    A repeated group counts as very many: it may take a time that grows exponentially.
    """
    most, rest = 0, [schema]
    while rest:
        part = rest.pop()
        if isinstance(part, str):
            plain = re.sub(r"\\.|\(\?", "", part, flags=re.DOTALL)
            many = MANY if re.search(r"\)[*+?{]", plain) else len(re.findall(r"[*+?{]", plain))
            most = max(most, many)
        elif isinstance(part, Mapping):
            rest += [*part, *part.values()]
        elif isinstance(part, list):
            rest += part
    return most


def violations(raw: Any, schema: dict[str, Any]) -> list[Violation]:
    """Return each place where a document breaks a policy, without a time limit.

    Raises:
        PolicyFailed: the policy is not a JSON Schema, or breaks its checker.
    """
    try:
        found = _errors(raw, schema)
    # NaN, which the model refuses anyway, and bad patterns of a policy make jsonschema itself fail.
    except (ArithmeticError, ValueError, RecursionError, re.error) as error:
        raise PolicyFailed(quoted("jsonschema", error)) from error
    return [
        Violation(
            tuple(broken.absolute_path),
            shown(broken.instance),
            f"{broken.validator}: {shown(broken.validator_value)}" if broken.validator else None,
        )
        for broken in found
    ]


def _errors(raw: Any, schema: dict[str, Any]) -> list["ValidationError"]:
    """Return the errors that jsonschema finds, or raise ValueError for an invalid schema."""
    # Imported here, so that only sites with policies pay for it.
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
        # The registry is empty, so that a policy never fetches another schema from the network.
        return list(kind(schema, registry=Registry()).iter_errors(raw))
    except (SchemaError, Unresolvable) as error:
        raise ValueError(str(error).splitlines()[0]) from error


def _answer() -> None:
    """Answer one question on standard input.

    It is the program of a child process, which ends as soon as it has answered.
    """
    import sys  # noqa: PLC0415

    raw, schema = json.load(sys.stdin)
    try:
        found: Any = [[broken.path, broken.value, broken.rule] for broken in violations(raw, schema)]
    except PolicyFailed as error:
        found = str(error)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _answer()

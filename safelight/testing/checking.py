"""Check of the contract without pytest: every demand, one after the other, with its result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from safelight.testing.contract import Contract
from safelight.testing.errors import NotShown

__all__ = ["DemandResult", "check_contract"]


@dataclass(frozen=True, slots=True)
class DemandResult:
    """Result of one demand.

    Attributes:
        test: its name, with its cases.
        result: `held`, `broken` or `not shown`.
        reason: the observation, or why it was not shown.
    """

    test: str
    result: Literal["held", "broken", "not shown"]
    reason: str = ""


def check_contract(contract: type[Contract[Any, Any]], only: str = "") -> Iterator[DemandResult]:
    """Yield the result of each demand of a contract.

    Args:
        contract: your subclass.
        only: demands whose name has this in it; all by default.
    """
    for name, cases in contract.demands():
        title = f"{name}[{'-'.join(cases.values())}]" if cases else name
        if only in title:
            yield _verdict(contract, name, title, cases)


def _verdict(contract: type[Contract[Any, Any]], name: str, title: str, cases: dict[str, str]) -> DemandResult:
    with TemporaryDirectory() as home:
        try:
            getattr(contract(), name)(**cases, tmp_path=Path(home))
        except NotShown as reason:
            return DemandResult(title, "not shown", str(reason))
        except Exception as error:  # noqa: BLE001 - whatever a driver raises breaks the contract
            return DemandResult(title, "broken", f"{type(error).__name__}: {error}")
    return DemandResult(title, "held")

"""What the suite itself promises: what is not shown is said, and nothing hangs it."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

from safelight.devices import Lamps
from safelight.testing import Trouble, check_contract
from tests.testing.contracts import ToyLampContract
from tests.testing.drivers import ToyLamps


class CannotRefuse(ToyLampContract):
    """A stand-in that says what it can't."""

    cannot: ClassVar[dict[Trouble, str]] = {"refused": "the board has no way to refuse"}


class OffersNothing(ToyLampContract):
    """A stand-in that neither offers a trouble nor says so."""

    troubles: ClassVar[tuple[Trouble, ...]] = ("unheard_of",)  # type: ignore[assignment]


class BlocksForEver(ToyLamps):
    """A driver that blocks the event loop."""

    async def status(self) -> dict[str, str]:  # type: ignore[override]
        """Block until the process ends."""
        threading.Event().wait()
        return {}


class Blocked(ToyLampContract):
    """The contract that it breaks."""

    driver: ClassVar[type[Lamps]] = BlocksForEver  # type: ignore[assignment]
    limit_s = 1.0


def test_what_is_not_shown_is_said() -> None:
    """A trouble that the stand-in can't offer is reported with its reason, and the others are shown."""
    verdicts = {verdict.test: verdict for verdict in check_contract(CannotRefuse, "failed_means_not_done[off")}
    refused = verdicts.pop("test_failed_means_not_done[off-refused]")
    assert (refused.result, {verdict.result for verdict in verdicts.values()}) == ("not shown", {"held"})
    assert "every command is refused" in refused.reason
    assert refused.reason.endswith("the board has no way to refuse")


def test_pytest_reports_it_as_skipped(tmp_path: Path) -> None:
    """Under pytest, what is not shown is skipped with its reason: it is never a pass."""
    lines = ["from tests.testing.test_suite import CannotRefuse", "", "class TestIt(CannotRefuse):", '    """It."""']
    (tmp_path / "test_it.py").write_text("\n".join(lines), encoding="utf-8")
    words = ["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-k", "failed_means_not_done and refused", "-c"]
    root = Path(__file__).parents[2]
    command = [sys.executable, *words, str(root / "pyproject.toml"), "--rootdir", str(tmp_path), str(tmp_path)]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout
    assert "2 skipped" in ran.stdout
    assert "the board has no way to refuse" in ran.stdout


def test_a_trouble_that_nobody_offers_is_a_failure() -> None:
    """A stand-in that leaves a trouble out without a word breaks the tests that need it."""
    trouble = next(iter(OffersNothing.troubles))
    found = list(check_contract(OffersNothing, f"calls_no_lit_lamp_off[{trouble}]"))
    assert [verdict.result for verdict in found] == ["broken"]


def test_a_driver_that_blocks_for_ever_is_a_failure() -> None:
    """A driver that blocks the event loop fails within the limit, and the message names the line."""
    (verdict,) = check_contract(Blocked, "a_lamp_goes_on_and_off")
    assert verdict.result == "broken"
    assert "threading.Event().wait()" in verdict.reason


def test_it_is_imported_without_pytest() -> None:
    """The package does not need pytest until pytest runs it."""
    command = "import sys, safelight.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False, timeout=60).returncode == 0

"""The campaign of random host losses: `make soak`, bounded by `SAFELIGHT_SOAK_S` (7,200 s)."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engine.guard.hosts import Site, whole_site
from tests.engine.queue.campaign import Loss, table, wage
from tests.engine.records.conftest import new_database
from tests.matrix.wall import now

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "fleet.md"
BEGIN, END = "<!-- losses: written by tests/engine/queue/test_campaign.py -->", "<!-- /losses -->"
LOSSES = 100


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Alpha, beta, and a database between them."""
    with whole_site(tmp_path, new_database) as made:
        yield made


@pytest.mark.soak
def test_random_losses(site: Site) -> None:
    """Whenever a host is lost: its lamps go dark, each frame is there once, and no lost run records again."""
    began, longest_s = now(), float(os.environ.get("SAFELIGHT_SOAK_S", "7200"))
    losses: list[Loss] = []
    for loss in wage(site, LOSSES, int(os.environ.get("SAFELIGHT_SOAK_SEED", "1")), longest_s):
        losses.append(loss)
        print(loss, flush=True)  # noqa: T201 - an hour is long
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    text = table(losses, now() - began, f"{datetime.now(UTC):%Y-%m-%d}")  # noqa: TID251 - the day of the table
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    assert [loss for loss in losses if loss.wrong] == []

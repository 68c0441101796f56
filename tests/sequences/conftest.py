"""The site that the documents of these tests are written for: LVM's, with the numbers of its instrument."""

import pytest

from safelight.sequences import LampDefaults, Site

FLAT, ARC = "flat", "arc"
# Motor steps of the spectrophotometric mask at LVM, fibres 1 to 12.
P1 = (1650, 215, 16610, 15180, 13640, 12205, 10645, 9205, 7665, 6205, 4645, 3210)
P2 = (15885, 14335, 12885, 11375, 9915, 8395, 6940, 5405, 3945, 2395, 935, 17340)

SITE = Site(
    lamps=(
        LampDefaults("Argon", 120, ARC),
        LampDefaults("Neon", 120, ARC),
        LampDefaults("LDLS", 300, FLAT),
        LampDefaults("Quartz", 120, FLAT),
        LampDefaults("HgNe", 120, ARC),
        LampDefaults("Xenon", 120, ARC),
    ),
    fibres={f"P1-{n}": steps for n, steps in enumerate(P1, 1)} | {f"P2-{n}": steps for n, steps in enumerate(P2, 1)},
    positions=("calibration", "park", "selfie"),
    default_position="calibration",
    steps_per_s=500.0,
    settle_s=0.0,
    cards={"QUARTZ": "the state of lamp Quartz", "WQUARTZ": "how long lamp Quartz was on"},
)


@pytest.fixture(scope="session")
def site() -> Site:
    """LVM's names, defaults and mask."""
    return SITE

"""Policies whose regular expressions take long: the check ends all the same."""

import pytest

from safelight.sequences import LampDefaults, SequenceError, Site, load
from safelight.sequences import policy as policies
from safelight.sequences.policy import longest_text, most_repeats

ENDLESS = {"properties": {"name": {"pattern": "^(a+)+$"}}}
GROUPED = {"properties": {"name": {"pattern": "^[a-z]+(-[a-z]+)*$"}}}


def site(schema: dict[str, object]) -> Site:
    """Return a site with one policy."""
    return Site((LampDefaults("Neon", 120, "arc"),), policies={"names": schema})


def test_a_pattern_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern that would take for ever is given up after its time, and the document is refused with the reason."""
    monkeypatch.setattr(policies, "LONGEST_S", 1.0)
    with pytest.raises(SequenceError, match=r"the policy 'names' .* its regular expressions take more than 1 s"):
        load({"name": "a" * 60 + "!", "biases": {"count": 1}}, site(ENDLESS))


def test_a_costly_pattern_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern with a repeated group is checked in a process of its own, with the same answer."""
    monkeypatch.setattr(policies, "LONGEST_S", 60.0)
    assert load({"name": "dome-flats", "biases": {"count": 1}}, site(GROUPED)).name == "dome-flats"
    with pytest.raises(
        SequenceError, match="name: the policy 'names' of this observatory forbids 'Dome Flats': pattern"
    ):
        load({"name": "Dome Flats", "biases": {"count": 1}}, site(GROUPED))


def test_costs() -> None:
    """The cost of a policy counts the longest text, and repetitions in its worst pattern."""
    assert longest_text({"a": ["bcd", {"efghij": 1}]}) == 6
    assert most_repeats({"pattern": "^[A-Z]+-[0-9]*$"}) == 2
    assert most_repeats({"patternProperties": {"(a|b)*": {}}}) == policies.MANY

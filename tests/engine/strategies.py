"""Sequence documents as hypothesis draws them: few lamps and times, so that all shapes of a graph come up often."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from safelight.devices import Observatory
from safelight.devices.observatory.parts import LONGEST_S

LAMPS = ("Argon", "Neon", "LDLS", "Quartz")
FIBRES = ("P1-1", "P1-2", "P1-3", "P1-12", "P2-6")

counts = st.integers(1, 3)
warmups = st.sampled_from([0, 0.05, 5, 20, 60, 100, 300])
times = st.sampled_from([0.5, 5, 20, 120, 600])
few_fibres = st.lists(st.sampled_from(FIBRES), min_size=1, max_size=3, unique=True)


def one_or_more(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a number, or a list of two."""
    return st.one_of(values, st.lists(values, min_size=1, max_size=2, unique=True))


masks = st.one_of(
    st.just({}),
    st.builds(lambda fibre: {"fibre": fibre}, st.sampled_from(FIBRES)),
    st.builds(lambda fibres: {"fibsel": {"positions": fibres, "mode": "each"}}, few_fibres),
    # The longest way over these fibres takes less than two minutes.
    st.builds(lambda fibres: {"fibsel": {"positions": fibres}, "exposure_time": 200}, few_fibres),
)
blocks = st.builds(
    lambda lamps, found, mask: {"lamps": lamps, **found, **mask},
    st.lists(st.sampled_from(LAMPS), min_size=1, max_size=3, unique=True),
    st.fixed_dictionaries(
        {"exposure_time": one_or_more(times), "flavour": st.just("flat")}, optional={"warmup": warmups, "count": counts}
    ),
    masks,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "biases": st.builds(lambda count: {"count": count}, counts),
        "darks": st.builds(
            lambda count, seconds: {"count": count, "exposure_time": seconds}, counts, one_or_more(times)
        ),
        "lamps": st.lists(blocks, min_size=1, max_size=4),
    },
).filter(lambda document: len(document) > 0)


def patient(observatory: Observatory) -> Observatory:
    """Return the same observatory, whose lamps may be on for as long as any drawn document needs, serial or not."""
    units = {
        name: unit.model_copy(update={"longest_on_s": LONGEST_S}) for name, unit in observatory.lamps.units.items()
    }
    return observatory.model_copy(update={"lamps": observatory.lamps.model_copy(update={"units": units})})


def long_document(frames: int) -> Mapping[str, Any]:
    """Return a document of as many frames (a multiple of 10), nine in ten of them with a lamp."""
    tenth = frames // 10
    return {
        "biases": {"count": tenth},
        "lamps": [
            {"lamps": [lamp], "warmup": 10, "exposure_time": 2, "flavour": "flat", "count": 9}
            for number in range(tenth)
            for lamp in (LAMPS[number % len(LAMPS)],)
        ],
    }

"""Documents that are right, as hypothesis draws them. For the site of these tests."""

from typing import Any

from hypothesis import strategies as st

LAMPS = ("Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon")
FIBRES = tuple(f"P{ring}-{number}" for ring in (1, 2) for number in range(1, 13))

seconds = st.one_of(st.integers(1, 5000), st.floats(0.001, 5000, allow_nan=False))
# Long enough for any sweep of these fibres: 24 of them in the worst order take less than 800 s of moves.
long_exposures = st.one_of(st.integers(1000, 5000), st.floats(1000, 5000))
counts = st.integers(1, 3)


def one_or_more(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a number or a list of numbers."""
    return st.one_of(values, st.lists(values, min_size=1, max_size=3))


def part(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a mapping with these keys."""
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def fibsels(draw: st.DrawFn) -> dict[str, Any]:
    """Return a fibre selector: by pattern or list, from anywhere among its fibres."""
    positions = draw(
        st.one_of(
            st.sampled_from(["P1-", "p2-", "P[12]-1", "P"]),
            st.lists(st.sampled_from(FIBRES), min_size=1, max_size=12, unique=True),
        )
    )
    found: dict[str, Any] = {"positions": positions}
    if isinstance(positions, list) and draw(st.booleans()):
        found["initial_position"] = draw(st.sampled_from(positions))
    if draw(st.booleans()):
        found["mode"] = "each"
    elif draw(st.booleans()):
        found["time_per_position"] = draw(st.integers(1, 41))
    return found


def settings(exposures: st.SearchStrategy[Any], mask: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return how a lamp is exposed."""
    return part(
        {"exposure_time": one_or_more(exposures), "flavour": st.sampled_from(["arc", "flat", "object"])},
        {"warmup": st.one_of(st.just(0), seconds), "count": counts} | mask,
    )


all_settings = st.one_of(
    settings(seconds, {"fibre": st.one_of(st.sampled_from(FIBRES), st.just({"choose": "P1-"}))}),
    settings(long_exposures, {"fibsel": st.one_of(st.booleans(), fibsels())}),
)
blocks = st.builds(
    lambda lamps, found: {"lamps": lamps, **found},
    st.lists(st.sampled_from(LAMPS), min_size=1, max_size=4, unique=True),
    all_settings,
)
lamps = st.one_of(
    st.dictionaries(st.sampled_from(LAMPS), all_settings, min_size=1, max_size=4),
    st.lists(blocks, min_size=1, max_size=4),
)
documents = part(
    {},
    {
        "name": st.just("drawn"),
        "park_after": st.booleans(),
        "header": st.dictionaries(st.sampled_from(["OBSERVER", "PROGRAM"]), st.just("x"), max_size=2),
        "biases": part({}, {"count": counts}),
        "darks": part({"exposure_time": one_or_more(seconds)}, {"count": counts}),
        "lamps": lamps,
    },
).filter(lambda document: document.keys() & {"biases", "darks", "lamps"})

# Halves of surrogate pairs too: JSON can write them.
texts = st.text(st.characters(exclude_categories=()), max_size=8)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.sampled_from(LAMPS))
keys = st.sampled_from(
    [
        "lamps",
        "biases",
        "darks",
        "count",
        "exposure_time",
        "fibsel",
        "positions",
        "fibre",
        "choose",
        "header",
        "name",
        "Quartz",
        "flavour",
    ]
)
junk = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(keys, texts), inner, max_size=5)),
    max_leaves=20,
)

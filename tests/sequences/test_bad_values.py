"""Every value that a document can have wrong: where it is, what it is, and what would have been right."""

from textwrap import dedent

import pytest

from safelight.sequences import SequenceError, Site, load, load_text

# What is wrong, the text, line, path, and words of the message.
BAD = [
    ("arcs are lamps", "arcs: {exposure_time: 3}\nbiases: {}", 1, "arcs", ["unknown key", "did you mean 'lamps'"]),
    ("lamp without a block", "lamps: [Neon]", 1, "lamps.0", ["such as {lamps: [Neon], exposure_time"]),
    ("seconds as a text", "darks:\n  exposure_time: 20s", 2, "darks.exposure_time", ["got '20s' (write 20)"]),
    ("minutes as a text", "darks:\n  exposure_time: 15 min", 2, "darks.exposure_time", ["(write 900)"]),
    ("exponent", "darks:\n  exposure_time: 1e2", 2, "darks.exposure_time", ["'1e2'", "written out, 100.0"]),
    ("small exponent", "darks:\n  exposure_time: 5e-3", 2, "darks.exposure_time", ["written out, 0.005"]),
    ("unknown key", "biases: {count: 1}\ndark: 3", 2, "dark", ["unknown key", "did you mean 'darks'"]),
    (
        "unknown key in a block",
        "lamps:\n  Quartz:\n    exposure: 3\n    exposure_time: 3",
        3,
        "lamps.Quartz.exposure",
        ["unknown key", "did you mean 'exposure_time'"],
    ),
    (
        "unknown key in a list of blocks",
        "lamps:\n- lamps: [Neon]\n  exposure_time: 3\n  warm-up: 3",
        4,
        "lamps.0.warm-up",
        ["unknown key", "did you mean 'warmup'"],
    ),
    (
        "unknown key in fibsel",
        "lamps:\n  LDLS:\n    exposure_time: 90\n    fibsel:\n      position: P1-",
        5,
        "lamps.LDLS.fibsel.position",
        ["did you mean 'positions'"],
    ),
    (
        "a key of a step in a block",
        "lamps:\n- lamps: [Neon]\n  exposure_time: 3\n  cameras: [b1]",
        4,
        "lamps.0.cameras",
        ["unknown key", "`cameras` goes into a step, under `steps`"],
    ),
    (
        "another word for one",
        "lamps:\n  Neon: {exposure_time: 3, intensity: 5}",
        2,
        "lamps.Neon.intensity",
        ["`level` goes"],
    ),
    ("a key of a step in darks", "darks: {exposure_time: 3, wait: 5}", 1, "darks.wait", ["`wait` goes into a step"]),
    ("one at the top", "spectrographs: [sp1]\nbiases: {}", 1, "spectrographs", ["`spectrographs` goes into a step"]),
    ("no lamp", "lamps:\n- {lamps: [], exposure_time: 3}", 2, "lamps.0.lamps", ["got []", "frames without a lamp go"]),
    (
        "seconds of each lamp",
        "lamps:\n- lamps: [Neon, Argon]\n  exposure_time: {Neon: 3, Argon: 5}",
        3,
        "lamps.0.exposure_time",
        ["expected a number of seconds, a list", "`lit_for`, in a step", "got {'Argon': 5, 'Neon': 3}"],
    ),
    (
        "unknown key beside counts",
        "lamps:\n  Neon: {exposure_time: {counts: 9, first: 3, longest: 9, leats: 2}}",
        2,
        "lamps.Neon.exposure_time.leats",
        ["one of counts, first, least", "did you mean 'least'"],
    ),
    (
        "a time that is missing beside counts",
        "lamps:\n  Neon: {exposure_time: {counts: 9, first: 3}}",
        2,
        "lamps.Neon.exposure_time.longest",
        ["missing: a number of seconds above 0, at most 86400"],
    ),
    (
        "unknown key of a warm-up",
        "lamps:\n  Neon: {exposure_time: 3, warmup: {steady: 0.01, longest: 300, windwo: 60}}",
        2,
        "lamps.Neon.warmup.windwo",
        ["one of steady, window", "did you mean 'window'"],
    ),
    ("unknown key in biases", "biases:\n  cuont: 2", 2, "biases.cuont", ["one of count", "'count'"]),
    ("unknown lamp", "lamps:\n  Quarz: {exposure_time: 3}", 2, "lamps.Quarz", ["Argon", "'Quartz'"]),
    (
        "unknown lamp in a list",
        "lamps:\n- exposure_time: 3\n  lamps:\n  - Neon\n  - HgNo",
        5,
        "lamps.0.lamps.1",
        ["unknown lamp 'HgNo'", "'HgNe'"],
    ),
    (
        "unknown fibre",
        "lamps:\n  Neon:\n    exposure_time: 3\n    fibre: P1-13",
        4,
        "lamps.Neon.fibre",
        ["unknown fibre 'P1-13'", "did you mean 'P1-"],
    ),
    (
        "unknown fibre in a list",
        "lamps:\n  Neon:\n    exposure_time: 90\n    fibsel: {positions: [P1-1, P3-1]}",
        4,
        "lamps.Neon.fibsel.positions.1",
        ["unknown fibre 'P3-1'", "did you mean 'P"],
    ),
    (
        "unknown flavour",
        "lamps:\n  Neon:\n    flavour: ark\n    exposure_time: 3",
        3,
        "lamps.Neon.flavour",
        ["unknown flavour", "arc, flat, object", "'arc'"],
    ),
    ("unknown position", "biases: {}\nposition: calibrate", 2, "position", ["'calibration'"]),
    ("null position", "biases: {}\nposition: null", 2, "position", ["got nothing"]),
    ("negative", "darks:\n  exposure_time: -3", 2, "darks.exposure_time", ["got -3", "above 0"]),
    ("zero", "darks:\n  exposure_time:\n  - 9\n  - 0", 4, "darks.exposure_time.1", ["got 0", "above 0"]),
    ("NaN", "darks:\n  exposure_time: .nan", 2, "darks.exposure_time", ["got nan"]),
    ("infinite", "darks:\n  exposure_time: .inf", 2, "darks.exposure_time", ["got inf"]),
    ("boolean number", "darks:\n  exposure_time: true", 2, "darks.exposure_time", ["got true"]),
    ("boolean count", "biases: {count: true}", 1, "biases.count", ["got true", "whole number"]),
    ("absurd exposure", "darks: {exposure_time: 86401}", 1, "darks.exposure_time", ["at most 86400"]),
    (
        "huge exposure",
        "darks: {exposure_time: 1" + "0" * 29 + "}",
        1,
        "darks.exposure_time",
        ["at most 86400"],
    ),
    ("negative warm-up", "lamps:\n  LDLS: {warmup: -1, exposure_time: 9}", 2, "lamps.LDLS.warmup", ["0 to"]),
    ("count 0", "biases: {count: 0}", 1, "biases.count", ["got 0", "from 1"]),
    ("count negative", "biases: {count: -2}", 1, "biases.count", ["got -2"]),
    ("count broken", "biases: {count: 1.5}", 1, "biases.count", ["got 1.5", "whole"]),
    ("count endless", "biases: {count: 1000000000}", 1, "biases.count", ["from 1 to 10000, got 1000000000"]),
    ("number of biases", "biases: 5", 1, "biases", ["got 5", "a mapping with `count`"]),
    ("empty darks", "biases: {}\ndarks:", 2, "darks", ["got nothing", "exposure_time"]),
    ("darks without time", "darks: {}", 1, "darks.exposure_time", ["missing"]),
    ("no dark times", "darks: {exposure_time: []}", 1, "darks.exposure_time", ["got []"]),
    ("empty lamps", "biases: {}\nlamps: {}", 2, "lamps", ["got {}", "at least one"]),
    ("empty list of lamps", "biases: {}\nlamps: []", 2, "lamps", ["got []", "at least one"]),
    ("null lamps", "biases: {}\nlamps:", 2, "lamps", ["got nothing", "at least one"]),
    ("empty block", "lamps:\n  LDLS:", 2, "lamps.LDLS", ["got nothing", "exposure_time"]),
    ("no lamp lit", "lamps:\n- lamps: []\n  exposure_time: 3", 2, "lamps.0.lamps", ["got []"]),
    ("lamp no list", "lamps:\n- lamps: LDLS\n  exposure_time: 3", 2, "lamps.0.lamps", ["in a list"]),
    ("no lamps in block", "lamps:\n- exposure_time: 3", 2, "lamps.0.lamps", ["missing", "names"]),
    (
        "lamp twice in a block",
        "lamps:\n- lamps: [Neon, neon]\n  exposure_time: 3",
        2,
        "lamps.0.lamps",
        ["Neon given twice"],
    ),
    (
        "lamp twice, other case",
        "lamps:\n  LDLS: {exposure_time: 3}\n  ldls: {exposure_time: 4}",
        3,
        "lamps.ldls",
        ["same lamp as LDLS"],
    ),
    (
        "lamp named by key and in the block",
        "lamps:\n  LDLS: {lamps: [Neon], exposure_time: 3}",
        2,
        "lamps.LDLS.lamps",
        ["named already"],
    ),
    (
        "flavours differ",
        "lamps:\n- lamps: [Neon, Quartz]\n  exposure_time: 3",
        2,
        "lamps.0.lamps",
        ["different flavours", "Neon arc", "`flavour`"],
    ),
    (
        "invalid pattern",
        "lamps:\n  LDLS: {exposure_time: 90, fibsel: {positions: 'P1-('}}",
        2,
        "lamps.LDLS.fibsel.positions",
        ["not a valid regular expression"],
    ),
    (
        "pattern matches nothing",
        "lamps:\n  LDLS: {exposure_time: 90, fibsel: {positions: P9-}}",
        2,
        "lamps.LDLS.fibsel.positions",
        ["'P9-' matches no fibre", "P1-1"],
    ),
    (
        "pattern matches only inside",
        "lamps:\n  LDLS: {exposure_time: 90, fibre: {choose: '1-'}}",
        2,
        "lamps.LDLS.fibre.choose",
        ["matches no fibre"],
    ),
    (
        "repeated group",
        "lamps:\n  LDLS: {exposure_time: 90, fibsel: {positions: '(P+)+x'}}",
        2,
        "lamps.LDLS.fibsel.positions",
        ["may take for ever"],
    ),
    (
        "many quantifiers",
        f"lamps:\n  LDLS: {{exposure_time: 90, fibsel: {{positions: '{'.*' * 60}x'}}}}",
        2,
        "lamps.LDLS.fibsel.positions",
        ["may take for ever"],
    ),
    (
        "long pattern",
        f"lamps:\n  LDLS: {{exposure_time: 90, fibsel: {{positions: '{'P' * 201}'}}}}",
        2,
        "lamps.LDLS.fibsel.positions",
        ["at most 200"],
    ),
    (
        "empty positions",
        "lamps:\n  LDLS: {exposure_time: 90, fibsel: {positions: []}}",
        2,
        "lamps.LDLS.fibsel.positions",
        ["got []", "list of fibres"],
    ),
    (
        "initial position elsewhere",
        "lamps:\n  LDLS:\n    exposure_time: 90\n    fibsel:\n      positions: P1-\n      initial_position: P2-1",
        6,
        "lamps.LDLS.fibsel.initial_position",
        ["'P2-1' is not among the positions", "P1-12"],
    ),
    (
        "times longer than the exposure",
        "lamps:\n  LDLS:\n    exposure_time: 90\n    fibsel:\n      time_per_position: 10",
        4,
        "lamps.LDLS.fibsel",
        ["can't fit", "12 fibres x 10 s and 11 moves of 32.79 s", "an exposure of 152.8 s, or at most 4.76 s"],
    ),
    (
        "moves longer than the exposure",
        "lamps:\n  LDLS: {exposure_time: [270, 30], fibsel: true}",
        2,
        "lamps.LDLS.fibsel",
        ["can't fit", "32.79 s", "exposure of 30 s"],
    ),
    (
        "strict fit",
        "lamps:\n  LDLS: {exposure_time: 120, fibsel: {time_per_position: 10, fit: strict}}",
        2,
        "lamps.LDLS.fibsel",
        ["can't fit", "fit: shorten"],
    ),
    (
        "time of each fibre without a sweep",
        "lamps:\n  LDLS: {exposure_time: 120, fibsel: {time_per_position: 10, mode: each}}",
        2,
        "lamps.LDLS.fibsel.time_per_position",
        ["mode: sweep"],
    ),
    (
        "unknown mode",
        "lamps:\n  LDLS: {exposure_time: 120, fibsel: {mode: swep}}",
        2,
        "lamps.LDLS.fibsel.mode",
        ["sweep, each", "'sweep'"],
    ),
    (
        "fibre and fibsel",
        "lamps:\n  LDLS:\n    exposure_time: 120\n    fibsel: true\n    fibre: P1-1",
        5,
        "lamps.LDLS.fibre",
        ["exclude each other"],
    ),
    ("wrong type", "lamps:\n  LDLS: {exposure_time: '90'}", 2, "lamps.LDLS.exposure_time", ["got '90' (write 90)"]),
    ("switch no boolean", "biases: {}\npark_after: 1", 2, "park_after", ["got 1", "true or false"]),
    ("name no text", "biases: {}\nname: 3", 2, "name", ["got 3"]),
    ("name no ASCII", "biases: {}\nname: Kalibrierung für München", 2, "name", ["printable ASCII"]),
    ("not a mapping", "- biases\n- darks", 1, "", ["expected a mapping with", "got"]),
    ("a lone word", "normal", 1, "", ["got 'normal'"]),
    ("nothing to expose", "name: x", 1, "", ["nothing to expose", "biases, darks, lamps"]),
    ("duplicate key", "biases: {}\ndarks: {exposure_time: 9}\nbiases: {}", 3, "biases", ["first in line 1"]),
    ("Python tag", "biases: !!python/object/apply:os.system [ls]", 1, "biases", ["tags are not allowed"]),
    ("yes", "biases: {}\npark_after: yes", 2, "park_after", ["ambiguous", "true or false"]),
    ("exponent", "darks: {exposure_time: 1e3}", 1, "darks.exposure_time", ["ambiguous", "written out"]),
    ("sexagesimal", "darks: {exposure_time: 1:30}", 1, "darks.exposure_time", ["ambiguous", "seconds"]),
    ("octal", "darks: {exposure_time: 010}", 1, "darks.exposure_time", ["ambiguous", "decimal"]),
    ("date", "biases: {}\ndescription: 2026-01-01", 2, "description", ["ambiguous", "quotes"]),
    ("key no text", "biases: {}\n7: 3", 2, "7", ["a key must be text"]),
    ("unknown alias", "biases: *nothing", 1, "biases", ["alias *nothing has no anchor"]),
    ("lower keyword", "biases: {}\nheader: {observer: me}", 2, "header.observer", ["'OBSERVER'"]),
    ("keyword of FITS", "biases: {}\nheader: {NAXIS1: 3}", 2, "header.NAXIS1", ["written by the program"]),
    ("keyword of ours", "biases: {}\nheader: {EXPTIME: 3}", 2, "header.EXPTIME", ["written by the program"]),
    ("keyword of a lamp", "biases: {}\nheader: {QUARTZ: 'ON'}", 2, "header.QUARTZ", ["by the program"]),
    ("card no scalar", "biases: {}\nheader: {PROGRAM: [1]}", 2, "header.PROGRAM", ["got [1]"]),
    ("long card", f"biases: {{}}\nheader: {{PROGRAM: '{'x' * 69}'}}", 2, "header.PROGRAM", ["too long"]),
]


@pytest.mark.parametrize(("text", "line", "path", "words"), [case[1:] for case in BAD], ids=[c[0] for c in BAD])
def test_bad_value_is_refused(site: Site, text: str, line: int, path: str, words: list[str]) -> None:
    """A wrong value is reported once, with file, line, path and what would have been right."""
    with pytest.raises(SequenceError) as caught:
        load_text(text, site, origin="bad.yaml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.path) == ("bad.yaml", line, path)
    for word in words:
        assert word in str(problem)
    assert str(problem).startswith(f"bad.yaml:{line}: {path}")


MANY = """
    lamps:
      Quarz:
        exposure_time: -3
        cuont: 2
      LDLS:
        exposure_time: [270, .nan]
        fibsel: {positions: P9-, initial_position: P3-1, time_per_position: 0}
      ldls: {flavour: flt, fibre: P1-30}
    darks: {exposure_time: []}
    darks: {exposure_time: 3}
    biases: {count: 0}
    position: clibration
    overlap: on
"""


def test_all_problems_at_once(site: Site) -> None:
    """All that is wrong with a document is said at once, in the order of its lines."""
    with pytest.raises(SequenceError) as caught:
        load_text(dedent(MANY), site)
    found = [(problem.line, problem.path) for problem in caught.value.problems]
    assert found == sorted(found, key=lambda place: place[0])
    assert set(found) == {
        (3, "lamps.Quarz"),
        (4, "lamps.Quarz.exposure_time"),
        (5, "lamps.Quarz.cuont"),
        (7, "lamps.LDLS.exposure_time.1"),
        (8, "lamps.LDLS.fibsel.positions"),
        (8, "lamps.LDLS.fibsel.initial_position"),
        (8, "lamps.LDLS.fibsel.time_per_position"),
        (9, "lamps.ldls"),
        (9, "lamps.ldls.exposure_time"),
        (9, "lamps.ldls.flavour"),
        (9, "lamps.ldls.fibre"),
        (10, "darks.exposure_time"),
        (11, "darks"),
        (12, "biases.count"),
        (13, "position"),
        (14, "overlap"),
    }
    assert str(caught.value).count("\n") == len(found) - 1


def test_readable_line(site: Site) -> None:
    """A problem reads as one line: file, line, path, value, what is allowed."""
    with pytest.raises(SequenceError) as caught:
        load_text("lamps:\n  Quartz:\n    exposure_time: -3", site, origin="normal.yaml")
    assert str(caught.value) == (
        "normal.yaml:3: lamps.Quartz.exposure_time: "
        "expected a number of seconds above 0, at most 86400, or a list of such numbers, got -3"
    )


def test_too_many_frames(site: Site) -> None:
    """A document is refused by arithmetic alone where its frames are too many to be meant."""
    block = {"exposure_time": [1, 2, 3], "count": 9_000}
    with pytest.raises(SequenceError, match="too many frames: 27000: at most 10000"):
        load({"lamps": {"Neon": block}}, site)


def test_endless_problems_are_cut(site: Site) -> None:
    """A document that is wrong everywhere gives a message of bounded length."""
    with pytest.raises(SequenceError) as caught:
        load({"biases": {}, **{f"key{n}": n for n in range(5000)}}, site)
    assert len(caught.value.problems) == 101
    assert "more problems" in str(caught.value.problems[-1])


def test_no_fibre_selector() -> None:
    """At a site without a mask, `fibsel` is refused in as many words."""
    bare = Site(lamps=())
    with pytest.raises(SequenceError, match="no fibre selector"):
        load({"lamps": {"Neon": {"exposure_time": 3, "fibsel": True}}}, bare)

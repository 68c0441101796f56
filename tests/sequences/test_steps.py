"""Steps: what they expand to, and every mistake in them refused in one line that helps."""

from pathlib import Path
from textwrap import dedent

import pytest

from safelight.sequences import (
    LampDefaults,
    SelectorDefaults,
    SequenceError,
    Site,
    expand,
    load,
    load_text,
    open_choices,
)

SITE = Site(
    lamps=(
        LampDefaults("ThAr", 60.0, "arc", {"mirror": "in"}),
        LampDefaults("Quartz", 30.0, "flat", {"mirror": "in"}, (10.0, 100.0)),
        LampDefaults("Sky", 10.0, "flat", {"mirror": "out"}),
        LampDefaults("Neon", 0.0, "arc"),
        LampDefaults("Argon", 0.0, "arc", min_on_s=2.0),
    ),
    fibres={"P1-1": 100, "P1-2": 900, "P2-1": 500},
    positions=("calibration", "selfie"),
    default_position="calibration",
    steps_per_s=100.0,
    selectors={
        "mirror": SelectorDefaults(("in", "out")),
        "slit": SelectorDefaults(("narrow", "wide"), "narrow"),
        "grating": SelectorDefaults(("red", "blue")),
    },
    flavours={"dark": {"mirror": "out"}},
    exclusive=(("ThAr", "Quartz"),),
    cameras={"sp1": ("b1", "r1"), "sp2": ("b2", "r2")},
    camera_kinds={"b": ("b1", "b2"), "r": ("r1", "r2")},
    alone="cameras",
    own_times=True,
    switching_s=0.5,
)


def frames(text: str, site: Site = SITE):  # type: ignore[no-untyped-def]  # noqa: ANN201 - of the test's own document
    """Return the frames of a document."""
    return expand(load_text(dedent(text), site), site).frames


def test_steps_keep_their_order_and_count_their_ids() -> None:
    """Frames come in the order of the steps, ids are counted by kind, a label stands before them."""
    made = frames("""
        steps:
          - darks: {exposure_time: 9}
          - lamps: [ThAr]
            exposure_time: [2, 20]
          - biases: {count: 2}
          - lamps: [ThAr]
            exposure_time: 2
          - lamps: [ThAr]
            label: night
            exposure_time: 2
        repeat: 2
        """)
    once = [
        "dark-9s-001", "ThAr-2s-001", "ThAr-20s-001", "bias-001", "bias-002", "ThAr-2s-002", "night-ThAr-2s-001",
    ]  # fmt: skip
    assert [frame.id for frame in made][:7] == once
    assert len({frame.id for frame in made}) == len(made) == 14


def test_a_setup_is_declared_by_step_set_lamp_document_observatory_or_frame_before() -> None:
    """Each frame with the shutter open has a position of every selector, from whoever declares it first."""
    made = frames("""
        setup: {grating: blue}
        steps:
          - lamps: [ThAr]
            exposure_time: 1
          - lamps: [ThAr]
            exposure_time: 1
            setup: {slit: wide, grating: red}
          - lamps: []
            flavour: flat
            exposure_time: 1
          - set: {slit: wide}
          - lamps: [Quartz]
            exposure_time: 1
          - darks: {exposure_time: 1}
        """)
    assert [dict(frame.setup) for frame in made] == [
        {"mirror": "in", "slit": "narrow", "grating": "blue"},
        {"mirror": "in", "slit": "wide", "grating": "red"},
        {"mirror": "in", "slit": "wide", "grating": "red"},
        {"mirror": "in", "slit": "wide", "grating": "blue"},
        {"mirror": "out", "slit": "wide"},
    ]
    assert [frame.lamps for frame in made] == [("ThAr",), ("ThAr",), (), ("Quartz",), ()]


def test_the_first_frame_takes_what_nobody_declares_as_it_is_found() -> None:
    """A selector without any declaration stays as it is found, and is named so."""
    (frame,) = frames("steps: [{lamps: [ThAr], exposure_time: 1}]")
    assert dict(frame.setup) == {"mirror": "in", "slit": "narrow", "grating": "as found"}


def test_loops_go_through_everything_the_last_name_fastest() -> None:
    """A loop over selectors, fibres and times has the order of the document."""
    made = frames("""
        steps:
          - lamps: [Quartz]
            for: {grating: [red, blue], slit: all}
            exposure_time: 5
          - lamps: [ThAr]
            for: {fibre: {match: P1-}, exposure_time: [10, 50]}
          - lamps: [Quartz]
            for: {level: [20, 60]}
            exposure_time: 3
        """)
    setups = [(dict(frame.setup)["grating"], dict(frame.setup)["slit"]) for frame in made[:4]]
    assert setups == [("red", "narrow"), ("red", "wide"), ("blue", "narrow"), ("blue", "wide")]
    assert [(f.fibre, f.exposure_s) for f in made[4:8]] == [
        ("P1-1", 10.0), ("P1-1", 50.0), ("P1-2", 10.0), ("P1-2", 50.0),
    ]  # fmt: skip
    assert [frame.levels for frame in made[8:]] == [(("Quartz", 20.0),), (("Quartz", 60.0),)]


def test_waits_come_before_the_next_frame_alone() -> None:
    """Waits add up, and hold before one frame."""
    made = frames("steps: [{biases: {count: 1}}, {wait: 60}, {wait: 5}, {darks: {count: 2, exposure_time: 9}}]")
    assert [frame.wait_s for frame in made] == [0.0, 65.0, 0.0]


def test_detectors_of_a_step() -> None:
    """A step may choose spectrographs and cameras, and give each camera its time."""
    made = frames("""
        steps:
          - darks: {exposure_time: 9, spectrographs: [sp2]}
          - lamps: [Quartz]
            exposure_time: {b: 30, r: 12}
          - lamps: [Quartz]
            cameras: [r1]
            exposure_time: 3
        """)
    assert [frame.cameras for frame in made] == [("b2", "r2"), (), ("r1",)]
    assert (made[1].exposure_s, made[1].camera_s) == (30.0, (("r1", 12.0), ("r2", 12.0)))


def test_lamps_for_a_part_of_the_exposure() -> None:
    """A lamp may be on for its own seconds of an exposure. It has no warm-up then, and the others keep theirs."""
    (frame,) = frames("""
        steps:
          - lamps: [ThAr, neon, Argon]
            exposure_time: 30
            lit_for: {ARGON: 20, Neon: 3}
        """)
    assert (frame.id, frame.lamps) == ("ThAr+Neon+Argon-30s-001", ("ThAr", "Neon", "Argon"))
    assert frame.warmup_s == (60.0, 0.0, 0.0)
    assert frame.lit_for == (("Argon", 20.0), ("Neon", 3.0))


def test_lamps_for_the_whole_exposure() -> None:
    """Seconds of the exposure itself are the whole of it. The lamp is lit before, with its own warm-up."""
    made = frames("""
        steps:
          - lamps: [ThAr, Neon, Argon]
            exposure_time: 30
            lit_for: {ThAr: 30, Neon: 10, Argon: 5}
        """)
    assert (made[0].lit_for, made[0].warmup_s) == ((("Neon", 10.0), ("Argon", 5.0)), (60.0, 0.0, 0.0))
    made = frames("steps: [{lamps: [Neon], exposure_time: [10, 30], lit_for: {Neon: 10}}]")
    assert [frame.lit_for for frame in made] == [(), (("Neon", 10.0),)]


def test_headers_of_a_step() -> None:
    """Cards of the document are defaults. A step's own count, OBJECT too."""
    made = frames("""
        header: {OBJECT: calib, OBSERVER: N. N.}
        steps:
          - biases: {}
          - lamps: [ThAr]
            exposure_time: 1
            header: {OBJECT: autocal-thar}
        """)
    assert [dict(frame.header) for frame in made] == [
        {"OBJECT": "calib", "OBSERVER": "N. N."},
        {"OBJECT": "autocal-thar", "OBSERVER": "N. N."},
    ]


def test_one_draw_for_the_whole_run() -> None:
    """A document's own choice is one fibre for all steps that name none."""
    document = load_text(
        "fibre: {choose: P1-}\nsteps: [{lamps: [ThAr], exposure_time: 1}, {lamps: [Quartz], exposure_time: 1}]", SITE
    )
    assert open_choices(document, SITE) == {"fibre": ("P1-1", "P1-2")}
    made = expand(document, SITE, {"fibre": "P1-2"}).frames
    assert [frame.fibre for frame in made] == ["P1-2", "P1-2"]


def test_a_set_at_the_end_is_done_at_the_end() -> None:
    """What no frame needs any more is left for the end of the run."""
    document = load_text("steps: [{lamps: [ThAr], exposure_time: 1}, {set: {mirror: out}}]", SITE)
    assert expand(document, SITE).closing == (("mirror", "out"),)


def test_biases_may_be_pointed() -> None:
    """A position holds for frames without a lamp, too."""
    (frame,) = frames("steps: [{biases: {count: 1}, position: selfie}]")
    assert frame.position == "selfie"


def test_includes_are_part_of_the_text(tmp_path: Path) -> None:
    """Steps of another document stand in their place, and the text of the whole needs no other file."""
    (tmp_path / "evening.yaml").write_text("steps: [{include: sub/darks.yaml}, {lamps: [ThAr], exposure_time: 1}]")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/darks.yaml").write_text("steps: [{include: ../biases.yaml}, {darks: {exposure_time: 9}}]")
    (tmp_path / "biases.yaml").write_text("steps: [{biases: {count: 2}}]")
    document = load(tmp_path / "evening.yaml", SITE)
    ids = ["bias-001", "bias-002", "dark-9s-001", "ThAr-1s-001"]
    assert [frame.id for frame in expand(document, SITE).frames] == ids
    again = load_text(document.text, SITE)
    assert (again.spec, again.hash) == (document.spec, document.hash)


def test_a_cycle_of_includes_is_refused(tmp_path: Path) -> None:
    """A document that includes itself over another one is refused, with the way."""
    (tmp_path / "a.yaml").write_text("steps:\n- biases: {}\n- include: b.yaml\n")
    (tmp_path / "b.yaml").write_text("steps:\n- include: a.yaml\n")
    with pytest.raises(SequenceError) as refused:
        load(tmp_path / "a.yaml", SITE)
    assert "a.yaml includes b.yaml includes a.yaml" in str(refused.value)
    assert "b.yaml:2: steps.0.include" in str(refused.value)


LAMP = "steps:\n- lamps: [ThAr]\n  exposure_time: 3\n"
NEON = "steps:\n- lamps: [Neon]\n  exposure_time: 3\n"
# What is wrong, the text, line, path, and words of the message.
BAD = [
    ("two kinds", "steps:\n- lamps: [ThAr]\n  exposure_time: 3\n  biases: {}", 2, "steps.0.lamps", ["two steps"]),
    ("no kind", "steps:\n- exposure_time: 3", 2, "steps.0", ["biases, darks, lamps, wait, set, include"]),
    ("no list", "steps: {biases: {}}", 1, "steps", ["list of steps"]),
    ("empty", "steps: []", 1, "steps", ["list of steps"]),
    ("both forms", "biases: {}\nsteps:\n- biases: {}", 1, "biases", ["`biases` and `steps` exclude each other"]),
    ("setup without steps", "biases: {}\nsetup: {slit: wide}", 2, "setup", ["no effect without `steps`"]),
    ("a wait under a lit lamp", LAMP + "  wait: 20", 4, "steps.0.wait", ["a step of its own", "`- wait: 20` before"]),
    ("a wait at the end", LAMP + "- wait: 20", 4, "steps.1", ["no frame follows this wait"]),
    ("a wait as a text", "steps:\n- wait: 20 s\n- biases: {}", 2, "steps.0.wait", ["(write 20)"]),
    ("unknown position", LAMP + "  setup: {slit: narow}", 4, "steps.0.setup.slit", ["did you mean 'narrow'"]),
    ("unknown selector", LAMP + "  setup: {slitt: wide}", 4, "steps.0.setup.slitt", ["did you mean 'slit'"]),
    ("contradiction", LAMP + "  setup: {mirror: out}", 4, "steps.0.setup.mirror", ["ThAr requires it", "'out'"]),
    (
        "contradiction of a set",
        "steps:\n- set: {mirror: out}\n- lamps: [ThAr]\n  exposure_time: 3",
        3,
        "steps.1",
        ["mirror can't be both 'in'", "a `set` before"],
    ),
    (
        "contradiction of a loop",
        LAMP + "  for: {mirror: [in, out]}",
        4,
        "steps.0.for.mirror.1",
        ["ThAr requires it", "this loop"],
    ),
    ("contradicting lamps", "steps:\n- lamps: [ThAr, Sky]\n  flavour: arc\n  exposure_time: 3", 2, "steps.0.lamps",
     ["ThAr requires it", "Sky requires it"]),
    ("a dark with the mirror in", "steps:\n- darks: {exposure_time: 3, setup: {mirror: in}}", 2,
     "steps.0.darks.setup.mirror", ["dark frames require it"]),
    ("a dark with the mirror in, next to it", "steps:\n- darks: {exposure_time: 3}\n  setup: {mirror: in}", 3,
     "steps.0.setup.mirror", ["dark frames require it"]),
    ("exclusive lamps", "steps:\n- lamps: [ThAr, Quartz]\n  exposure_time: 3", 2, "steps.0.lamps",
     ["can't be lit together", "one of ThAr, Quartz"]),
    ("exclusive lamps of the first form", "lamps:\n- lamps: [ThAr, Quartz]\n  flavour: arc\n  exposure_time: 3", 2,
     "lamps.0.lamps", ["can't be lit together"]),
    ("a loop over nothing known", LAMP + "  for: {grism: [a]}", 4, "steps.0.for.grism", ["mirror, slit, grating"]),
    ("a loop over an unknown position", LAMP + "  for: {grating: [rde]}", 4, "steps.0.for.grating.0", ["'red'"]),
    ("a loop over nothing", LAMP + "  for: {grating: []}", 4, "steps.0.for.grating", ["list of names"]),
    ("given twice", LAMP + "  for: {exposure_time: [3, 4]}", 3, "steps.0.exposure_time", ["the loop gives it too"]),
    ("setup and loop", LAMP + "  setup: {slit: wide}\n  for: {slit: all}", 5, "steps.0.for.slit", ["given already"]),
    ("no time", "steps:\n- lamps: [ThAr]", 2, "steps.0", ["`exposure_time` is missing"]),
    ("no flavour without a lamp", "steps:\n- lamps: []\n  exposure_time: 3", 2, "steps.0", ["`flavour` is missing"]),
    ("a warm-up of no lamp", "steps:\n- lamps: []\n  flavour: flat\n  exposure_time: 3\n  warmup: 3", 5,
     "steps.0.warmup", ["no effect"]),
    ("level out of range", "steps:\n- lamps: [Quartz]\n  exposure_time: 3\n  level: 5", 4, "steps.0.level",
     ["from 10 to 100"]),
    ("level of a plain lamp", LAMP + "  level: 50", 4, "steps.0.level", ["ThAr can't be dimmed"]),
    ("another word for a level", LAMP + "  intensity: 50", 4, "steps.0.intensity", ["did you mean 'level'"]),
    ("a rest without its length", LAMP + "  rest: {after: 120}", 4, "steps.0.rest", ["`for` is missing"]),
    ("a rest after too short a time", LAMP + "  rest: {after: 60, for: 9}", 4, "steps.0.rest.after", ["more than"]),
    ("a rest, misspelt", LAMP + "  rest: {aftr: 120, for: 9}", 4, "steps.0.rest.aftr", ["did you mean 'after'"]),
    ("a rest as a number", LAMP + "  rest: 5", 4, "steps.0.rest", ["mapping with `after` and `for`"]),
    ("a rest of no lamp", "steps:\n- {lamps: [], flavour: flat, exposure_time: 4, rest: {after: 9, for: 9}}", 2,
     "steps.0.rest", ["no lamp is lit"]),
    ("timed, with a warm-up", LAMP + "  lit_for: {ThAr: 2}", 4, "steps.0.lit_for.ThAr", ["warm-up of 60 s"]),
    ("timed, of another step", LAMP + "  lit_for: {Neon: 2}", 4, "steps.0.lit_for.Neon", ["not a lamp of this step"]),
    ("timed, unknown", LAMP + "  lit_for: {Noen: 2}", 4, "steps.0.lit_for.Noen", ["did you mean 'Neon'"]),
    ("timed for too long", NEON + "  lit_for: {Neon: 2.8}", 4, "steps.0.lit_for.Neon",
     ["at most 2.5, or 3 for the whole exposure"]),
    ("timed for too short", NEON.replace("Neon", "Argon") + "  lit_for: {Argon: 1}", 4, "steps.0.lit_for.Argon",
     ["minimum on-time of 2 s", "at least 2"]),
    ("timed as a text", NEON + "  lit_for: {Neon: 2s}", 4, "steps.0.lit_for.Neon", ["expected seconds as a number"]),
    ("timed, and a list", NEON + "  lit_for: 2", 4, "steps.0.lit_for", ["mapping of lamp to seconds"]),
    ("timed, in a sweep", NEON + "  lit_for: {Neon: 2}\n  fibsel: {positions: P1-}", 4, "steps.0.lit_for",
     ["exclude each other"]),
    ("timed, and warmed up", NEON + "  lit_for: {Neon: 2}\n  warmup: 9", 5, "steps.0.warmup", ["no effect"]),
    ("unknown camera", LAMP + "  cameras: [g1]", 4, "steps.0.cameras.0", ["b, r, b1, r1, b2, r2"]),
    ("unknown spectrograph", LAMP + "  spectrographs: [sp3]", 4, "steps.0.spectrographs.0", ["did you mean 'sp"]),
    ("camera times of an unknown camera", "steps:\n- lamps: [ThAr]\n  exposure_time: {b: 3, g: 4}", 3,
     "steps.0.exposure_time.g", ["unknown camera"]),
    ("a camera without a time", "steps:\n- lamps: [ThAr]\n  exposure_time: {b: 3}", 3, "steps.0.exposure_time",
     ["no seconds for r1, r2"]),
    ("an odd label", LAMP + "  label: a/b", 4, "steps.0.label", ["1 to 40 letters"]),
    ("a card of the program", LAMP + "  header: {EXPTIME: 3}", 4, "steps.0.header.EXPTIME", ["written by the program"]),
    ("an unknown key", LAMP + "  colour: red", 4, "steps.0.colour", ["unknown key"]),
    ("a key of a bias", "steps:\n- biases: {fibre: P1-1}", 2, "steps.0.biases.fibre", ["unknown key"]),
    ("a set of nothing", "steps:\n- set: {}\n- biases: {}", 2, "steps.0.set", ["mapping of selector to position"]),
    ("a position as a number", LAMP + "  setup: {slit: 460}", 4, "steps.0.setup.slit", ['got 460 (write "460")']),
    ("a loop over numbers", LAMP + "  for: {slit: [460]}", 4, "steps.0.for.slit.0", ['got 460 (write "460")']),
    ("a selector as a key", LAMP + "  slit: wide", 4, "steps.0.slit", ["slit is a selector", "setup: {slit: 'wide'}"]),
    ("a selector as a key of darks", "steps:\n- darks: {exposure_time: 3, slit: wide}", 2, "steps.0.darks.slit",
     ["slit is a selector", "setup: {slit: 'wide'}"]),
    ("a level of a loop", "steps:\n- lamps: [Quartz]\n  exposure_time: 3\n  for: {level: [50, 5]}", 4,
     "steps.0.for.level.1", ["from 10 to 100"]),
    ("a kind, misspelt", "steps:\n- lamp: [ThAr]\n  exposure_time: 3", 2, "steps.0", ["did you mean 'lamps'"]),
    ("one lamp without a list", "steps:\n- lamps: ThAr\n  exposure_time: 3", 2, "steps.0.lamps", ["(write [ThAr])"]),
    ("a dark without a lamp", "steps:\n- lamps: []\n  flavour: dark\n  exposure_time: 3", 3, "steps.0.flavour",
     ["a key of their own, `darks`"]),
    ("a spectrograph as a camera", LAMP + "  cameras: [sp1]", 4, "steps.0.cameras.0", ["spectrographs: [sp1]"]),
    ("a camera as a spectrograph", LAMP + "  spectrographs: [b]", 4, "steps.0.spectrographs.0", ["cameras: [b]"]),
    ("a file that is not there", "steps:\n- include: none.yaml", 2, "steps.0.include", ["can't be included"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "path", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_each_mistake_is_one_line_that_helps(text: str, line: int, path: str, words: list[str]) -> None:
    """File, line, path, and what would be right."""
    with pytest.raises(SequenceError) as refused:
        expand(load_text(text, SITE, origin="night.yaml"), SITE)
    found = [problem for problem in refused.value.problems if problem.path == path]
    assert found, str(refused.value)
    assert found[0].line == line, str(refused.value)
    assert all(word in str(found[0]) for word in words), str(refused.value)


@pytest.mark.parametrize(
    ("alone", "times", "text", "words"),
    [
        ("none", True, "steps:\n- biases: {spectrographs: [sp2]}", "spectrographs.alone"),
        ("spectrographs", True, "steps:\n- biases: {cameras: [b2]}", "spectrographs.alone"),
        ("cameras", False, "steps:\n- lamps: [ThAr]\n  exposure_time: {b: 1, r: 2}", "own_times"),
    ],
)
def test_what_the_hardware_cannot_do_is_refused(alone: str, times: bool, text: str, words: str) -> None:  # noqa: FBT001
    """Detectors that can't be chosen here, or have no times of their own, name the key of the observatory."""
    site = Site(lamps=SITE.lamps, cameras=SITE.cameras, camera_kinds=SITE.camera_kinds, alone=alone, own_times=times,
                selectors=SITE.selectors)  # fmt: skip
    with pytest.raises(SequenceError, match=words):
        load_text(text, site)


def test_too_many_frames_of_loops_are_refused() -> None:
    """Loops and repetitions count before a frame is made."""
    with pytest.raises(SequenceError, match="too many frames"):
        load_text("steps: [{biases: {count: 5000}, repeat: 3}]", SITE)

"""The observatory document: what is accepted, what is refused and how, and what it costs to import."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from safelight import devices
from safelight.devices import Observatory, ObservatoryError, Timekeeper, load_observatory, open_devices
from safelight.devices.observatory import Deadlines, shipped_observatories

Edit = Callable[[str, str], Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The shipped document with one text replaced by another, in a file of its own."""

    def edit(old: str, new: str) -> Path:
        text = shipped_observatories()["simulated"].read_text()
        assert old in text
        path = tmp_path / "own.yaml"
        path.write_text(text.replace(old, new, 1))
        return path

    return edit


def test_shipped(observatory: Observatory) -> None:
    """The simulated observatory has LVM's devices and positions."""
    assert observatory.telescopes is not None
    assert observatory.fibsel is not None
    assert set(observatory.telescopes.units) == {"sci", "spec", "skye", "skyw"}
    assert list(observatory.lamps.units) == ["Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon"]
    assert observatory.lamps.keyword("HgNe") == "HGNE"
    assert len(observatory.fibsel.fibres) == 24
    assert observatory.targets("calibration")["skyw"].az_deg == 101.327
    assert observatory.spectrographs.lead_s + observatory.spectrographs.tail_s == pytest.approx(2.1)


def test_frozen(observatory: Observatory) -> None:
    """Nobody changes an observatory after it was loaded."""
    with pytest.raises(ValidationError):
        observatory.name = "other"


def test_hash_is_of_the_content(edited: Edit, observatory: Observatory) -> None:
    """Comments and places don't change the hash, content does."""
    assert load_observatory(edited("# [wire]", "# seen")).hash == observatory.hash
    assert load_observatory(edited("readout_s: 55.0", "readout_s: 54.0")).hash != observatory.hash


def test_policies_are_relative_to_the_document(edited: Edit, tmp_path: Path) -> None:
    """A policy's path is relative to the observatory document."""
    own = load_observatory(edited("policies: []", "policies: [site/short.json]"))
    assert own.policy_paths == (tmp_path / "site/short.json",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "readout_s:",
            "readuot_s:",
            r"own\.yaml:\d+: spectrographs\.readuot_s: unknown key; did you mean 'readout_s'",
        ),
        ("on_s: 0.2", "on_s: -1", r"own\.yaml:\d+: lamps\.on_s: .*greater than or equal to 0 \(got -1\)"),
        ("on_s: 0.2", "on_s: true", "lamps.on_s"),
        ("on_s: 0.2", "on_s: .nan", "finite"),
        ("warmup_s: 300.0", "warmup_s: .inf", "finite"),
        ("flavour: arc", "flavour: ark", "'arc'"),
        ("default_position: calibration", "default_position: kalibration", "did you mean 'calibration'"),
        ("default_fibres: P1-", "default_fibres: Q", "matches no fibre"),
        ("default_fibres: P1-", "default_fibres: '('", "regular expression"),
        ("    Argon:", "    neon:", "differ only in case"),
        ("lamps:", "name: twice\nlamps:", "own.yaml:.*'name' stands twice"),
        ("P1-1: 1650", "P1-1: 1650.5", "fibsel.fibres.P1-1"),
        ("sci: {alt_deg: 70.804", "sky: {alt_deg: 70.804", "no telescope 'sky'"),
        ("    lamp-off:", "    lamps-off:", "lamp-off"),
        ("lamps:", "lamps: [", "not a YAML document"),
    ],
)
def test_bad_documents(old: str, new: str, words: str, edited: Edit) -> None:
    """A wrong document is refused with file, line, path, value and what is allowed."""
    with pytest.raises(ObservatoryError, match=words):
        load_observatory(edited(old, new))


def test_all_faults_at_once(edited: Edit) -> None:
    """All that is wrong is reported, not only the first."""
    path = edited("on_s: 0.2", "on_s: -1")
    path.write_text(path.read_text().replace("abort_s: 0.9", "abort_s: -1"))
    with pytest.raises(ObservatoryError) as caught:
        load_observatory(path)
    assert len(str(caught.value).splitlines()) == 2


def test_unknown_name() -> None:
    """An unknown name is refused with the nearest."""
    with pytest.raises(ObservatoryError, match="did you mean 'simulated'"):
        load_observatory("simulate")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"text"])
def test_not_an_observatory(content: bytes, tmp_path: Path) -> None:
    """Something else than a mapping is refused."""
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(ObservatoryError):
        load_observatory(path)


def test_missing_file(tmp_path: Path) -> None:
    """A file that isn't there is refused."""
    with pytest.raises(ObservatoryError, match="can't be read"):
        load_observatory(tmp_path / "none.yaml")


def test_smallest(tmp_path: Path, clock: Timekeeper, observatory: Observatory) -> None:
    """An observatory needs only lamps and spectrographs."""
    plain = yaml.safe_load(shipped_observatories()["simulated"].read_text())
    small = {key: plain[key] for key in ("name", "lamps", "spectrographs")}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small))
    opened = open_devices(load_observatory(path), clock=clock, home=tmp_path)
    assert opened.telescopes is None
    assert opened.fibsel is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("driver: simulated", "driver: simulatd", "did you mean 'simulated'"),
        ("image: [128, 208]", "image: [64, 208]", "rows"),
        ("bias_adu: 1000.0", "bias: 1000.0", "bias"),
    ],
)
def test_unusable_drivers(old: str, new: str, words: str, edited: Edit, clock: Timekeeper, tmp_path: Path) -> None:
    """An unknown driver, or options that a driver can't use, are refused when the devices are opened."""
    with pytest.raises(ObservatoryError, match=words):
        open_devices(load_observatory(edited(old, new)), clock=clock, home=tmp_path)


def test_deadlines() -> None:
    """A deadline is factor times expected plus margin, or a fixed time, by kind."""
    rules = Deadlines.model_validate(
        {"factor": 1.5, "margin_s": 10.0, "kinds": {"park": 90, "safing": {"factor": 1.0, "margin_s": 3.0}}}
    )
    assert rules.deadline_s("expose", 100.0) == 160.0
    assert rules.deadline_s("park", 100.0) == 90.0
    assert rules.deadline_s("safing", 1.0) == 4.0


def test_import_is_light() -> None:
    """Importing the room and opening an observatory's devices loads neither numpy nor astropy."""
    script = (
        "import sys; import safelight.devices;"
        "assert not {'yaml', 'numpy', 'astropy'} & set(sys.modules);"
        "from safelight.devices import *; from pathlib import Path;"
        "open_devices(load_observatory('simulated'), clock=None, home=Path('nowhere'));"
        "assert not {'numpy', 'astropy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_public_names() -> None:
    """`__all__` is sorted, and every name in it is there."""
    assert sorted(devices.__all__) == devices.__all__
    assert all(hasattr(devices, name) for name in devices.__all__)

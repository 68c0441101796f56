"""Going on with a run, whatever has happened to it, its files, its documents and its folder in the meantime."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits

from safelight.engine.manual.interlock import record_manual_switching
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from tests.crash.check import assert_whole, header_of, rows_of
from tests.crash.crashes import Case, Ended, Warm, small_observatory

MakeCase = Callable[..., Case]
Expected = Callable[[Any], dict[str, Any]]

DEMO = ["bias-001", "Quartz-120s-001"]
THREE = {"name": "three", "biases": {"count": 3}}
DARKS = {"name": "night", "darks": {"count": 2, "exposure_time": 900}}
ARCS = {"name": "arcs", "lamps": [{"lamps": ["Argon"], "warmup": 10, "exposure_time": [4, 6]}]}


@dataclass(frozen=True)
class Run:
    """A run in its case."""

    warm: Warm
    case: Case
    id: str
    frames: list[str]

    @property
    def folder(self) -> Path:
        """Of its frames."""
        return self.case.frames / self.id

    def resume(self, **request: Any) -> Ended:
        """Resume it by its name."""
        return self.warm.do(self.case.job("resume", request={"run": self.id, **request}, tell=True))

    def resume_well(self, **request: Any) -> Ended:
        """Resume it, to its end, with all frames."""
        ended = self.resume(**request)
        assert ended.outcome == "done", ended.answer
        folder = Path(ended.answer["folder"])
        assert_whole(self.case, self.id, self.frames, folder)
        return ended

    def journaled(self, **equal: Any) -> list[Mapping[str, Any]]:
        """Its frames in the journal."""
        return rows_of(self.case.journal, tables.frames, run=self.id, **equal)

    def kinds(self) -> list[str]:
        """Return the kinds of all its states."""
        return [row["kind"] for row in rows_of(self.case.journal, tables.states, run=self.id)]

    def first_file(self, frame: str) -> Path:
        """Return a file of a good frame."""
        row = self.journaled(frame=frame, verdict="good")[0]
        return self.folder / str(json.loads(row["files"])[0][0])


RunTo = Callable[..., Run]


@pytest.fixture
def run_to(warm: Warm, make_case: MakeCase) -> RunTo:
    """Run a sequence up to a moment. The end, where none is given."""

    def run(sequence: Any = "demo", at: Mapping[str, Any] | None = None, frames: Any = DEMO, **changes: Any) -> Run:
        case = make_case(sequence, **changes)
        ended = warm.do(case.job("run", at=at))
        rows = rows_of(case.journal, tables.runs)
        assert ended.killed or ended.answer.get("run") == rows[0]["run"]
        return Run(warm, case, str(rows[0]["run"]), list(frames))

    return run


def kill(what: str, n: int = 1) -> dict[str, Any]:
    """Return the moment of a kill."""
    return {"what": what, "n": n, "do": "kill"}


def warnings_of(ended: Ended) -> str:
    """Return what a person was told when the run went on."""
    return " ".join(next(said for said in ended.events if said["event"] == "run.started")["warnings"])


# ---- what there is to resume


@pytest.mark.parametrize("word", ["pause", "abort", "fault"])
def test_a_stopped_run_goes_on(run_to: RunTo, word: str) -> None:
    """A run that was paused, aborted or has faulted is resumed. What was good stays as it is."""
    run = run_to(at={"what": "event", "n": 22, "do": word})
    assert rows_of(run.case.journal, tables.runs)[0]["outcome"] in {"paused", "aborted", "faulted"}
    before = {row["frame"]: row["exposure_no"] for row in run.journaled(verdict="good")}
    run.resume_well()
    after = {row["frame"]: row["exposure_no"] for row in run.journaled(verdict="good")}
    assert before.items() <= after.items()
    assert [row["segment"] for row in rows_of(run.case.journal, tables.segments)] == [1, 2]


def test_a_pause_brings_the_frame_home(run_to: RunTo) -> None:
    """A pause during an integration ends with that frame on the disk, and a resume takes only the others."""
    run = run_to(
        THREE, at={"what": "during expose", "n": 1, "do": "pause"}, frames=["bias-001", "bias-002", "bias-003"]
    )
    assert [row["frame"] for row in run.journaled(verdict="good")] == ["bias-001"]
    run.resume_well()
    assert run.kinds().count("expose") == 3


def test_resume_twice(run_to: RunTo) -> None:
    """What was resumed to its end is not resumed again: a refusal that says where the frames are."""
    run = run_to(at=kill("commit", 15))
    run.resume_well()
    again = run.resume()
    assert again.outcome == "RunRefused"
    assert "is done" in again.answer["words"]
    assert str(run.folder) in again.answer["words"]
    unnamed = run.warm.do(run.case.job("resume"))
    assert unnamed.outcome == "RunRefused"
    assert "nothing to resume" in unnamed.answer["words"]
    assert_whole(run.case, run.id, DEMO)


def test_the_newest_unfinished_run_is_resumed(warm: Warm, case: Case) -> None:
    """Without a name the newest run that is not done is resumed, then the one before."""
    first = warm.do(case.job("run", at={"what": "event", "n": 5, "do": "abort"})).answer["run"]
    second = warm.do(replace(case, sequence=THREE).job("run", at={"what": "event", "n": 5, "do": "abort"})).answer[
        "run"
    ]
    warm.do(replace(case, sequence="bias").job("run"))
    assert {warm.do(case.job("resume")).answer["run"] for _ in range(2)} == {first, second}
    assert warm.do(case.job("resume")).outcome == "RunRefused"


def test_an_unknown_run(run_to: RunTo) -> None:
    """An unknown run is refused: the nearest is named, or how to see them all."""
    run = run_to(at=kill("commit", 15))
    near = run.warm.do(run.case.job("resume", request={"run": run.id[4:-3]}))
    assert near.outcome == "RunRefused"
    assert f"did you mean {run.id}?" in near.answer["words"]
    far = run.warm.do(run.case.job("resume", request={"run": "x'; DROP TABLE runs; --%_"}))
    assert far.outcome == "RunRefused"
    assert "safelight runs" in far.answer["words"]
    run.resume_well()


def test_nothing_there(warm: Warm, case: Case) -> None:
    """Where nothing was ever run, and where no run was written down, a resume says so and makes nothing."""
    ended = warm.do(case.job("resume"))
    assert ended.outcome == "JournalError"
    assert "nothing has been run here yet" in ended.answer["words"]
    assert not case.home.exists()
    Journal(case.journal).close()
    ended = warm.do(case.job("resume"))
    assert ended.outcome == "RunRefused"
    assert "nothing to resume" in ended.answer["words"]


def test_killed_before_anything_was_written(warm: Warm, case: Case) -> None:
    """A run that died between its lock and its first entry leaves nothing to resume, and nothing in the way."""
    # The first transaction makes the tables, the second takes the lock, the third enters the run.
    assert warm.do(case.job("run", at=kill("commit", 2))).killed
    assert rows_of(case.journal, tables.locks)
    assert warm.do(case.job("resume")).outcome == "RunRefused"
    assert warm.do(case.job("run")).outcome == "done"


def test_killed_before_its_first_segment(warm: Warm, case: Case) -> None:
    """A run that was entered, and died before its first segment, is one to resume."""
    assert warm.do(case.job("run", at=kill("commit", 3))).killed
    assert rows_of(case.journal, tables.runs)
    assert rows_of(case.journal, tables.segments) == []
    assert warm.do(case.job("resume")).outcome == "done"


# ---- files that changed behind its back


def test_deleted_frames_are_retaken(run_to: RunTo) -> None:
    """Frames of a finished run that were deleted are taken again, with a new number. The journal tells why."""
    run = run_to()
    old = run.journaled(frame="bias-001")[0]
    run.first_file("bias-001").unlink()
    run.resume_well()
    lost = run.journaled(verdict="lost")
    assert [(row["frame"], row["exposure_no"]) for row in lost] == [("bias-001", old["exposure_no"])]
    assert "is missing" in lost[0]["reason"]
    assert run.kinds().count("expose") == 3


def test_truncated_frames_are_retaken(run_to: RunTo) -> None:
    """A file that was cut short is put aside, not deleted, and its frame is taken again."""
    run = run_to()
    path = run.first_file("Quartz-120s-001")
    whole = path.read_bytes()
    path.write_bytes(whole[:2880])
    run.resume_well()
    assert (run.folder / "aside" / path.name).read_bytes() == whole[:2880]
    assert "2880 bytes" in run.journaled(verdict="lost")[0]["reason"]


def test_what_can_not_be_put_aside(run_to: RunTo) -> None:
    """Where files can't be moved no frame is taken beside them: the resume is a fault that says why, lamps off."""
    run = run_to()
    path = run.first_file("Quartz-120s-001")
    path.write_bytes(path.read_bytes()[:2880])
    (run.folder / "aside").write_text("no folder", encoding="utf-8")
    before = sorted(run.folder.iterdir())
    refused = run.resume()
    assert (refused.outcome, set(refused.answer["lamps"].values())) == ("faulted", {"off"})
    assert "set aside" in rows_of(run.case.journal, tables.segments)[-1]["reason"]
    assert sorted(run.folder.iterdir()) == before
    (run.folder / "aside").unlink()
    run.resume_well()


def spoil(path: Path) -> bytes:
    """Change pixels, and nothing else."""
    content = bytearray(path.read_bytes())
    content[-1000:] = bytes(reversed(content[-1000:]))
    content[-2880 * 3] ^= 1
    path.write_bytes(content)
    return bytes(content)


def test_changed_bytes_need_a_second_look(run_to: RunTo) -> None:
    """A file of the same size with other bytes is found with `verify`, put aside, and its frame taken again."""
    run = run_to()
    path = run.first_file("bias-001")
    changed = spoil(path)
    assert run.resume().outcome == "RunRefused"
    run.resume_well(verify=True)
    assert (run.folder / "aside" / path.name).read_bytes() == changed
    assert "sha256" in run.journaled(verdict="lost")[0]["reason"]


@pytest.mark.parametrize("what", ["commit", "uncommitted", "disk"])
def test_a_changed_file_never_comes_back(run_to: RunTo, what: str) -> None:
    """Wherever the resume that found changed bytes is killed, the next one does not take them for a good frame."""
    for n in range(1, 7):
        run = run_to({"name": "one", "biases": {"count": 1}}, frames=["bias-001"])
        changed = spoil(run.first_file("bias-001"))
        killed = run.warm.do(run.case.job("resume", request={"run": run.id, "verify": True}, at=kill(what, n)))
        assert killed.killed
        ended = run.resume(verify=True)
        assert ended.outcome == "done" or "is done" in ended.answer["words"]
        assert_whole(run.case, run.id, run.frames)
        assert run.first_file("bias-001").read_bytes() != changed, n


def test_one_of_many_files_is_gone(warm: Warm, make_case: MakeCase, tmp_path: Path) -> None:
    """A frame of several cameras that lacks one file is taken again as a whole. The other files go aside."""
    wide = small_observatory(tmp_path, cameras="brz", name="wide")
    case = make_case(THREE, observatory=wide)
    ended = warm.do(case.job("run"))
    run = Run(warm, case, ended.answer["run"], ["bias-001", "bias-002", "bias-003"])
    names = [name for name, _, _ in json.loads(run.journaled(frame="bias-002")[0]["files"])]
    (run.folder / names[1]).unlink()
    run.resume_well()
    assert sorted(path.name for path in (run.folder / "aside").iterdir()) == [names[0], names[2]]


def test_all_frames_are_gone(run_to: RunTo) -> None:
    """A run whose folder was deleted is taken again from the beginning."""
    run = run_to()
    shutil.rmtree(run.folder)
    run.resume_well()
    assert len(run.journaled(verdict="lost")) == 2


# ---- folders


def test_from_another_working_directory(warm: Warm, case: Case, tmp_path: Path) -> None:
    """A run that was begun with relative folders is resumed from anywhere, into its own folder."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    relative = replace(case, frames=Path("frames"))
    assert warm.do(relative.job("run", at=kill("commit", 26), cwd=str(here))).killed
    ended = warm.do(case.job("resume", cwd=str(there)))
    assert ended.outcome == "done"
    assert ended.answer["folder"].startswith(str(here / "frames"))
    assert list(there.iterdir()) == []
    assert_whole(case, ended.answer["run"], DEMO, Path(ended.answer["folder"]))


def test_the_frames_were_moved(run_to: RunTo, tmp_path: Path) -> None:
    """Frames that were moved are found where `frames` says, kept, and joined by the rest."""
    run = run_to(at=kill("commit", 26))
    kept = run.journaled(verdict="good")
    assert [row["frame"] for row in kept] == ["bias-001"]
    moved = tmp_path / "archive"
    shutil.move(run.case.frames, moved)
    ended = run.resume_well(frames=str(moved))
    assert ended.answer["folder"] == str(moved / run.id)
    assert run.journaled(frame="bias-001") == kept
    assert not run.case.frames.exists()


def test_half_a_file_is_put_aside(run_to: RunTo) -> None:
    """What was being written when the run was killed does not stay among the frames."""
    run = run_to(at=kill("commit", 26))
    draft = run.folder / ".00000002-Quartz-120s-001-b1.fits.part"
    draft.write_bytes(b"half")
    run.resume_well()
    assert not draft.exists()
    assert (run.folder / "aside" / draft.name).read_bytes() == b"half"


def test_the_new_place_is_remembered(run_to: RunTo, tmp_path: Path) -> None:
    """Whoever resumes once more need not say again where the frames are."""
    run = run_to(at=kill("commit", 26))
    moved = tmp_path / "archive"
    shutil.move(run.case.frames, moved)
    assert run.warm.do(run.case.job("resume", request={"frames": str(moved)}, at=kill("commit", 4))).killed
    ended = run.resume_well()
    assert ended.answer["folder"] == str(moved / run.id)
    assert len(run.journaled(frame="bias-001")) == 1
    assert not run.case.frames.exists()


def test_links_into_nothing_are_put_aside(run_to: RunTo, tmp_path: Path) -> None:
    """Files that were archived behind links, on a disk that is away now: no frame is doubled when it comes back."""
    run = run_to()
    archive, away = tmp_path / "archive", tmp_path / "away"
    archive.mkdir()
    for path in sorted(run.folder.glob("00000001-*.fits")):
        shutil.move(path, archive)
        path.symlink_to(archive / path.name)
    archive.rename(away)
    (run.folder / "00000009-strange.fits").symlink_to(archive / "nothing")
    run.resume_well()
    away.rename(archive)
    aside = sorted(path.name for path in (run.folder / "aside").iterdir())
    assert "00000009-strange.fits" in aside
    assert not list(run.folder.glob("00000001-*.fits"))
    assert_whole(run.case, run.id, run.frames, run.folder)


def test_frames_that_can_be_no_folder(run_to: RunTo, tmp_path: Path) -> None:
    """A `frames` that is a file is refused before anything moves."""
    run = run_to(at=kill("commit", 26))
    (tmp_path / "file").touch()
    ended = run.resume(frames=str(tmp_path / "file"))
    assert ended.outcome == "RunRefused"
    assert "can't be written" in ended.answer["words"]
    run.resume_well()


# ---- documents that changed


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a document in its place."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return an observatory that may be changed."""
    return small_observatory(tmp_path, name="own")


def test_a_lamp_is_gone(run_to: RunTo, own: Path) -> None:
    """A lamp that today's observatory lacks is named, and nothing is touched. With the lamp back the run goes on."""
    run = run_to(at=kill("commit", 26), observatory=own)
    before = own.read_text(encoding="utf-8")
    edit(own, lambda document: document["lamps"]["units"].pop("Quartz"))
    ended = run.resume()
    assert ended.outcome == "SequenceError"
    assert "Quartz" in ended.answer["words"]
    assert len(rows_of(run.case.journal, tables.segments)) == 1
    own.write_text(before, encoding="utf-8")
    run.resume_well()


def test_a_timing_has_changed(run_to: RunTo, own: Path) -> None:
    """Today's numbers count, and a person is told that they are others than at the beginning."""
    run = run_to(at=kill("commit", 26), observatory=own)
    edit(own, lambda document: document["spectrographs"].update(readout_s=44.0))
    ended = run.resume_well()
    assert "own has changed since the run was made; today's document counts" in warnings_of(ended)
    row = rows_of(run.case.journal, tables.states, run=run.id, state="readout/Quartz-120s-001")[-1]
    assert row["duration_s"] == pytest.approx(44.0, abs=0.1)


def test_the_observatory_is_gone(run_to: RunTo, own: Path) -> None:
    """Where the observatory's document is gone the journal's copy serves, and a person is told."""
    run = run_to(at=kill("commit", 26), observatory=own)
    own.unlink()
    assert "the observatory is taken from the journal" in warnings_of(run.resume_well())


def test_another_observatory(run_to: RunTo, own: Path, small: Path) -> None:
    """A run is not resumed on an observatory of another name."""
    run = run_to(at=kill("commit", 26), observatory=own)
    ended = run.resume(observatory=str(small))
    assert ended.outcome == "RunRefused"
    assert "was made for own, not for small" in ended.answer["words"]


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("biases: {count: 7}\n")])
def test_the_sequence_file_does_not_count(run_to: RunTo, tmp_path: Path, change: Callable[[Path], object]) -> None:
    """A run keeps to the text with which it was begun, whatever has become of the file."""
    path = tmp_path / "three.yaml"
    path.write_text(yaml.safe_dump(THREE), encoding="utf-8")
    run = run_to(str(path), at=kill("after read_out", 1), frames=["bias-001", "bias-002", "bias-003"])
    change(path)
    run.resume_well()


def test_choices_are_kept(run_to: RunTo) -> None:
    """A fibre that was chosen for a run stays its fibre, however often it is resumed."""
    frames = ["Argon+HgNe+Neon+Xenon-10s-001", "Argon+HgNe+Neon+Xenon-50s-001", "Quartz-20s-001", "LDLS-150s-001"]
    for _ in range(3):
        run = run_to("quick-cals", at=kill("after read_out", 1), frames=frames)
        (fibre,) = json.loads(rows_of(run.case.journal, tables.runs)[0]["choices"]).values()
        assert run.warm.do(run.case.job("resume", at=kill("during expose", 1))).killed
        run.resume_well()
        fibres = [header_of(run.first_file(frame)).get("CALIBFIB") for frame in frames[:2]]
        assert fibres == [fibre, fibre]


# ---- strangers in the folder


def copy_with(path: Path, to: Path, **cards: Any) -> Path:
    """Return a copy of a frame with other header cards."""
    with fits.open(path) as hdus:
        hdus[0].header.update(cards)
        hdus.writeto(to)
    return to


def test_strangers_are_put_aside(run_to: RunTo) -> None:
    """Files of other runs, bad frames, copies and junk in the folder are put aside as they are, and never counted."""
    run = run_to(THREE, at=kill("after read_out", 1), frames=["bias-001", "bias-002", "bias-003"])
    (whole,) = run.folder.glob("*.fits")
    strangers = [
        copy_with(whole, run.folder / "other-run.fits", RUNID="another", FRAMEID="bias-002", EXPNO=77),
        copy_with(whole, run.folder / "bad.fits", QUALITY="BAD", FRAMEID="bias-002", EXPNO=78),
        copy_with(whole, run.folder / "no-frame.fits", FRAMEID="bias-099", EXPNO=79),
        copy_with(whole, run.folder / "odd.fits", FRAMEID="bias-002", EXPNO="many", ATTEMPT="x"),
        copy_with(whole, run.folder / "odder.fits", FRAMEID=True, EXPNO=1.5, ATTEMPT=2.5, RUNID=7),
        copy_with(whole, run.folder / "nameless.fits", FRAMEID="", EXPNO=80),
    ]
    contents = {
        "junk.fits": b"junk",
        "empty.fits": b"",
        "junk.fits.gz": b"\x1f\x8b" + b"\0" * 50,
        "half.fits": whole.read_bytes()[:4000],
        "header.fits": b"SIMPLE  =                    T".ljust(2880),
        "text.fits": b"SIMPLE  = \xff\xfe".ljust(5760, b"\x80"),
    }
    for name, content in contents.items():
        (run.folder / name).write_bytes(content)
        strangers.append(run.folder / name)
    (run.folder / "notes.txt").write_text("by hand")
    (run.folder / "folder.fits").mkdir()
    (run.folder / "nowhere.fits").symlink_to("nowhere")
    before = {path.name: path.read_bytes() for path in strangers}
    assert run.resume().outcome == "done"
    (run.folder / "folder.fits").rmdir()
    # A link into nothing as well: what it points to may come back.
    (run.folder / "aside" / "nowhere.fits").unlink()
    assert_whole(run.case, run.id, run.frames)
    aside = {path.name: path.read_bytes() for path in (run.folder / "aside").iterdir()}
    assert aside == before
    assert (run.folder / "notes.txt").read_text() == "by hand"
    assert run.kinds().count("expose") == 3


def test_a_copy_is_no_camera(warm: Warm, make_case: MakeCase, tmp_path: Path) -> None:
    """A frame that lacks a camera's file, with a copy of another one beside, is not taken for whole."""
    case = make_case({"name": "one", "biases": {"count": 1}}, observatory=small_observatory(tmp_path, cameras="brz"))
    assert warm.do(case.job("run", at=kill("after read_out", 1))).killed
    run = Run(warm, case, rows_of(case.journal, tables.runs)[0]["run"], ["bias-001"])
    files = sorted(run.folder.glob("*.fits"))
    files[0].write_bytes(files[1].read_bytes())
    ended = run.resume_well()
    assert run.kinds().count("expose") == 2
    cameras = {header_of(path)["CAMERA"] for path in Path(ended.answer["folder"]).glob("*.fits")}
    assert cameras == {"b1", "r1", "z1"}


# ---- frames in doubt


def test_a_frame_on_the_disk_is_adopted(run_to: RunTo) -> None:
    """A frame that came onto the disk whole, right before the runner died, is kept and not taken again."""
    run = run_to(at=kill("after read_out", 1))
    assert run.journaled() == []
    (path,) = run.folder.glob("*.fits")
    content = path.read_bytes()
    run.resume_well()
    assert path.read_bytes() == content
    assert "found on the disk" in run.journaled(frame="bias-001")[0]["reason"]
    assert run.kinds().count("expose") == 2


def test_a_frame_cut_short_is_not_adopted(run_to: RunTo) -> None:
    """A frame in doubt whose file is cut short, even at a block, is put aside and taken again."""
    for length in (100, 2880, 2880 * 4):
        run = run_to(at=kill("after read_out", 1))
        (path,) = run.folder.glob("*.fits")
        path.write_bytes(path.read_bytes()[:length])
        run.resume_well()
        assert (run.folder / "aside" / path.name).stat().st_size == length
        assert run.kinds().count("expose") == 3


def test_a_dark_that_still_integrates_is_waited_for(run_to: RunTo) -> None:
    """A dark that was integrating when its runner died is waited for and kept: no second exposure of it."""
    run = run_to(DARKS, at=kill("during expose", 1), frames=["dark-900s-001", "dark-900s-002"])
    ended = run.resume_well()
    assert run.kinds().count("adopt") == 1
    assert run.kinds().count("expose") == 2
    row = run.journaled(frame="dark-900s-001")[0]
    assert (row["attempt"], row["exposure_no"]) == (1, 1)
    waited = next(r for r in rows_of(run.case.journal, tables.states, run=run.id) if r["kind"] == "adopt")
    assert waited["duration_s"] > 800
    header = header_of(run.first_file("dark-900s-001"))
    whole = header_of(run.first_file("dark-900s-002"))
    assert set(header) == set(whole)
    assert ended.answer["bad"] == []


def test_a_charge_that_waits_is_read_out(run_to: RunTo) -> None:
    """An exposure that had ended, its lamps read back, is read out by the resume, header and all."""
    adopted = 0
    for n in range(8, 26):
        run = run_to(ARCS, at=kill("commit", n), frames=["Argon-4s-001", "Argon-6s-001"])
        if rows_of(run.case.journal, tables.runs)[0]["outcome"] == "done":
            break
        exposed = run.kinds().count("expose")
        run.resume_well()
        if "adopt" in run.kinds():
            adopted += 1
            assert run.kinds().count("expose") == max(2, exposed)
            cards = header_of(run.first_file("Argon-4s-001"))
            assert (cards["ARGON"], cards["NEON"], cards["ATTEMPT"]) == ("ON", "OFF", 1)
            assert cards["WARGON"] >= 10
    assert adopted >= 1


@pytest.mark.parametrize("moment", ["during expose", "after expose"])
def test_a_flat_in_progress_is_taken_again(run_to: RunTo, moment: str) -> None:
    """An exposure under a lamp whose runner died before the lamp was read back is thrown away and taken again."""
    run = run_to(ARCS, at=kill(moment, 1), frames=["Argon-4s-001", "Argon-6s-001"])
    run.resume_well()
    assert "adopt" not in run.kinds()
    row = run.journaled(frame="Argon-4s-001")[0]
    assert (row["attempt"], row["exposure_no"]) == (2, 2)
    assert header_of(run.first_file("Argon-4s-001"))["ATTEMPT"] == 2


def test_a_dark_under_a_lamp_is_not_adopted(run_to: RunTo) -> None:
    """A lamp that was lit by hand while nobody watched the dark, even if it is off again: the dark is taken again."""
    run = run_to(DARKS, at=kill("during expose", 1), frames=["dark-900s-001", "dark-900s-002"])
    record_manual_switching(run.case.journal, "small", "on", {"Argon": "on"}, "somebody")
    record_manual_switching(run.case.journal, "small", "off", {"Argon": "off"}, "somebody")
    run.resume_well()
    assert "adopt" not in run.kinds()
    assert run.journaled(frame="dark-900s-001")[0]["attempt"] == 2


def test_somebody_elses_exposure_is_not_adopted(run_to: RunTo) -> None:
    """What was exposed by hand after the runner died is no frame of the run, and aborted only if a person says so."""
    run = run_to(DARKS, at=kill("during expose", 1), frames=["dark-900s-001", "dark-900s-002"])
    for name in ("detector.json", "counter.json"):
        path = run.case.home / "simulated" / name
        plain = json.loads(path.read_text())
        plain["exposure_no"] += 1
        for unit in plain.get("units", {}).values():
            unit["exposure_no"] += 1
        path.write_text(json.dumps(plain))
    ended = run.resume()
    assert ended.outcome == "faulted"
    assert "begun by another program" in ended.answer["reason"]
    units = json.loads((run.case.home / "simulated" / "detector.json").read_text())["units"]
    assert {unit["exposure_no"] for unit in units.values()} == {2}
    run.resume_well(take_over=True)
    assert "adopt" not in run.kinds()
    assert run.journaled(frame="dark-900s-001")[0]["attempt"] == 2


def test_pixels_of_an_adopted_dark_are_dark(run_to: RunTo) -> None:
    """What was adopted from the detector is a dark like any other: the same level, within its noise."""
    run = run_to(DARKS, at=kill("during expose", 1), frames=["dark-900s-001", "dark-900s-002"])
    run.resume_well()
    levels = [float(np.median(fits.getdata(run.first_file(frame)))) for frame in run.frames]
    assert levels[0] == pytest.approx(levels[1], abs=3)

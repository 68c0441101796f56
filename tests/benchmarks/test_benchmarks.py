"""The benchmarks measure what they say. Nothing here looks at how long anything takes."""

from pathlib import Path

import pytest

from benchmarks import durable, resuming, starting
from benchmarks.documents import document_of, patient_observatory, plan_of_size
from benchmarks.gort_order import serial_s
from benchmarks.idle import idle_graph, seconds_per_send, seconds_per_state
from benchmarks.page import _section
from benchmarks.rows import Row, Table, in_turns
from safelight.devices import load_observatory
from safelight.engine.planning.request import Request, plan_of
from safelight.engine.records.run_writer import SegmentRecord
from safelight.engine.run.record import NoRecord
from safelight.states import State


def test_the_serial_order_overlaps_the_last_readout_of_a_lamp_and_nothing_else() -> None:
    """Two lamps with two exposures each take what a person adds up by hand."""
    observatory = load_observatory("simulated")
    lamps, spectrographs = observatory.lamps, observatory.spectrographs
    block = {"warmup": 100, "exposure_time": [10, 20]}
    plan = plan_of(Request({"lamps": {"Argon": block, "Neon": block}}, point=False))
    shutter_s = spectrographs.lead_s + spectrographs.tail_s
    warm_s = lamps.on_s + 100
    off_s = lamps.off_s + lamps.status_s
    first = warm_s + (10 + shutter_s) + spectrographs.readout_s + (20 + shutter_s)
    expected = off_s + (off_s + first) + (off_s + first) + spectrographs.readout_s
    assert serial_s(plan.graph.exposures, observatory) == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("frames", [100, 1000])
def test_documents_have_as_many_frames_as_they_say(frames: int) -> None:
    """What is called 1,000 frames is 1,000 frames, proved."""
    plan = plan_of_size(frames, patient_observatory())
    assert document_of(frames)["name"] == f"of-{frames}"
    assert len(plan.expansion.frames) == frames
    assert len(plan.graph.exposures) == frames


def test_idle_states_are_all_walked() -> None:
    """The overhead is measured over every state of the graph."""
    walked: list[str] = []

    class Listening(NoRecord):
        def achieve(self, state: State) -> None:
            walked.append(state.id)

    assert seconds_per_state(idle_graph(20), 20, Listening()) > 0
    assert walked == [f"idle-{number}" for number in range(20)]
    assert seconds_per_send(20) > 0


def test_a_durable_state_is_two_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state alone commits its intent and its outcome. In a row, an outcome goes with the next intent."""
    commits: list[None] = []
    plain = SegmentRecord.commit
    monkeypatch.setattr(SegmentRecord, "commit", lambda self: (commits.append(None), plain(self))[1])
    monkeypatch.setattr(durable, "STATES", 5)
    assert durable.ours() > 0
    assert len(commits) == 2 * 5 + 1
    commits.clear()
    assert durable.ours(apart=False) > 0
    assert len(commits) == 5 + 1


def test_a_made_run_is_really_resumed(tmp_path: Path) -> None:
    """The run with finished frames that is resumed has all but one of them, and is left as it was."""
    resuming.make_run(tmp_path, 10)
    before = (tmp_path / "journal.sqlite").read_bytes()
    assert resuming.seconds_to_first_command(tmp_path) > 0
    assert (tmp_path / "journal.sqlite").read_bytes() == before
    assert len(list((tmp_path / "frames" / "bench").glob("*.fits"))) == 90


def test_the_request_of_an_abort_comes_after_the_command() -> None:
    """The run's own start is a request too, and older."""
    assert starting.seconds_to_the_request() > 0


def test_measures_take_turns() -> None:
    """A disturbance of the machine meets all that is compared."""
    order: list[str] = []
    found = in_turns(2, a=lambda: order.append("a") or 1.0, b=lambda: order.append("b") or 2.0)
    assert order == ["a", "b", "a", "b"]
    assert found == {"a": [1.0, 1.0], "b": [2.0, 2.0]}


def test_a_missed_bar_is_told() -> None:
    """The page says which bar was missed."""
    page = _section(Table("T", (Row("x", "<= 1", "2", "3", "0.7", holds=False), Row("y", "<= 1", "1", holds=True))))
    assert "| x | <= 1 | 2 | 3 | 0.7 | **missed** |" in page
    assert "| held |" in page

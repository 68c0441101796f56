"""One segment of a run that was resumed: its graph, and what came of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from safelight.cli import app
from safelight.engine.errors import DrawingError, RunRefused
from safelight.show.history.recorded_plan import left_at, only_segment, segment_plan
from safelight.show.report import picture_of_history, picture_of_segment, pinned_plan
from safelight.show.report.executed_graph import marks_of


def ask(*words: str) -> Result:
    """Run a command within this process."""
    return CliRunner().invoke(app, list(words))


def test_a_segments_graph_is_the_one_that_it_walked(ran: Any) -> None:
    """Every state that a segment has begun is on its own graph, and its frames are those that were left."""
    told = ran.told
    assert left_at(told, 1) == told.asked
    assert left_at(told, 2) == ("Quartz-100s-001", "Argon-5s-001")
    for row in told.segments:
        graph = segment_plan(told, row["segment"]).graph
        begun = {state["state"] for state in told.states if state["segment"] == row["segment"]}
        assert begun <= graph.by_id.keys()


def test_a_segment_tells_nothing_of_the_others(ran: Any) -> None:
    """In the first segment the flat failed, in the second it is done at the first try, and each has its own ending."""
    first, second = (marks_of(only_segment(ran.told, number)) for number in (1, 2))
    assert first["expose/Quartz-100s-001"].outcome == "failed"
    assert second["expose/Quartz-100s-001"].outcome == "done"
    assert "readout/bias-001" not in second
    assert (first["faulted"].outcome, "done" in first) == ("done", False)
    assert (second["done"].outcome, "faulted" in second) == ("done", False)


def test_the_whole_run_says_which_segment_did_what(ran: Any) -> None:
    """Over the whole sequence each box names its segment, and the first ending stands beside the last."""
    found = marks_of(ran.told)
    assert "in segment 1" in found["readout/bias-001"].words
    assert "in segment 2" in found["expose/Quartz-100s-001"].words
    assert found["faulted"].outcome == "stopped"
    assert found["faulted"].words.startswith("segment 1, ")
    drawn = picture_of_history(ran.told, pinned_plan(ran.told.page)).svg
    assert "segments 1 and 2" in drawn
    assert "segment 1, " in drawn


def test_frames_found_on_the_disk_were_not_left(ran: Any) -> None:
    """What a resume has found whole on the disk, or adopted, is told from what it has taken."""
    told = ran.told
    flat = next(row for row in told.frames if row["frame"] == "Quartz-100s-001" and row["segment"] == 2)
    states = tuple(row for row in told.states if row["segment"] == 1 or row["frame"] != "Quartz-100s-001")
    assert left_at(replace(told, states=states), 2) == ("Argon-5s-001",)
    adopted = tuple(
        {**row, "kind": "adopt"} if row["state"] == f"expose/{flat['frame']}" else row for row in told.states
    )
    graph = segment_plan(replace(told, states=adopted), 2).graph
    assert "adopt/Quartz-100s-001" in graph.by_id
    assert "expose/Quartz-100s-001" not in graph.by_id


def test_a_segment_is_drawn(ran: Any, tmp_path: Path) -> None:
    """`--segment` draws it as a picture and as text. One that there is not, or none to draw of, is refused."""
    run, home, path = ran.first.run, str(ran.home), tmp_path / "a.svg"
    assert ask("graph", "--run", run, "--home", home, "--segment", "2", "-o", str(path)).exit_code == 0
    drawn = path.read_text(encoding="utf-8")
    assert f"{run}, segment 2 of 2" in drawn
    assert "2 frames to take; done, 2 good frames" in drawn
    text = ask("graph", "--run", run, "--home", home, "--segment", "1").stdout
    assert "classDef failedState" in text
    assert isinstance(ask("graph", "--run", run, "--home", home, "--segment", "3").exception, RunRefused)
    assert isinstance(ask("graph", "bias", "--segment", "1").exception, DrawingError)


def test_a_changed_observatory_is_told(ran: Any) -> None:
    """Where a resume went by another document than the run's own, the drawing says so."""
    told = ran.told
    first, second = told.segments
    changed = replace(told, segments=(first, {**second, "observatory_hash": "other"}))
    assert "had changed by then" in picture_of_segment(changed, 2).svg
    assert "had changed by then" not in picture_of_segment(changed, 1).svg


@pytest.mark.parametrize("detail", ["blocks", "states"])
def test_nothing_is_besides_in_a_segment(ran: Any, detail: Any) -> None:
    """A segment's own graph has every state that it walked: nothing has to be named beneath the heading."""
    for number in (1, 2):
        assert "also set up again" not in picture_of_segment(ran.told, number, detail).svg

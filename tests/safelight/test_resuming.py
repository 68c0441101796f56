"""Going on with a run, from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

from safelight.commands.output import complain
from safelight.engine import RunRefused
from safelight.engine.guard.status_files import guards

Inside = Callable[..., Result]

ASKED = ["bias-001", "Quartz-100s-001", "Quartz-100s-002", "Quartz-100s-003"]


def lines_of(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def good_frames(folder: str) -> list[str]:
    """Return the good frames of a run's manifest."""
    found = json.loads((Path(folder) / "manifest.json").read_text())["frames"]
    return [frame["frame"] for frame in found if frame["verdict"] == "good"]


def test_killed_and_resumed(
    inside: Inside, home: Path, lamp_run: Callable[..., Any], until_gone: Callable[[int], bool]
) -> None:
    """A run killed with -9 while a lamp is on shows as killed, its guard's act is told, and `resume` finishes it."""
    run = lamp_run()
    name = run.wait_for("state.started", "expose", "Quartz-100s-002")["run"]
    watching = json.loads(inside("guard", "status", "--json").stdout)["guards"]
    assert [(guard["run"], guard["doing"], list(guard["leases"])) for guard in watching] == [
        (name, "watching", ["Quartz"])
    ] * 2
    assert 0 < watching[0]["leases"]["Quartz"] <= 7200 / 20
    run.kill()
    assert all(until_gone(guard["pid"]) for guard in watching)
    assert list(guards(home)) == []

    (entry,) = json.loads(inside("runs", "--json").stdout)["runs"]
    assert (entry["run"], entry["status"], entry["resumable"], entry["frames_asked"]) == (name, "killed", True, 4)
    assert set(entry["lamps"].values()) == {"off"}
    assert "killed (resume it)" in inside("runs").stdout
    told = " ".join(inside("show", name).stdout.split())
    for words in (
        "lamp on simulated: killed, ",
        "Quartz on",
        "expose Quartz-100s-002 interrupted",
        "killed: the process wrote nothing more after this",
        "by the guard (the runner is gone)",
        f"safelight resume {name}",
    ):
        assert words in told

    plan = json.loads(inside("resume", "--dry-run", "--json").stdout)
    assert plan["retaken"] == [{"frame": "Quartz-100s-002", "reason": "begun, never finished"}]
    assert [*plan["kept"], *plan["adopted"], *plan["left"]] == ASKED
    done = inside("resume", name, "--speed", "max", "--json")
    assert done.exit_code == 0, done.output
    events = lines_of(done.stdout)
    assert all({"event", "time", "run"} <= event.keys() for event in events)
    assert (events[0]["event"], events[0]["frames_asked"]) == ("run.started", 4)
    assert events[0]["frames_kept"] == 4 - len(plan["left"])
    assert f"{events[0]['frames_kept']} of 4 frames on disk already, the rest takes 0:0" in done.stderr
    assert (events[-1]["outcome"], events[-1]["frames"]) == ("done", 4)
    assert sorted(good_frames(events[-1]["folder"])) == sorted(ASKED)
    assert "segment 2" in inside("show").stdout
    assert json.loads(inside("runs", "--json").stdout)["runs"][0]["status"] == "done"


def test_nothing_to_resume_is_two(inside: Inside) -> None:
    """With every run done, or without any, `resume` and its dry run say so and end with 2."""
    for says in ("nothing has been run here yet", "nothing to resume"):
        for words in (("resume",), ("resume", "--dry-run")):
            refused = inside(*words)
            assert refused.exception is not None
            assert says in str(refused.exception)
            assert complain(refused.exception) == 2  # type: ignore[arg-type]
        inside("run", "bias", "--speed", "max")
    name = json.loads(inside("runs", "--json").stdout)["runs"][0]["run"]
    for more in ((), ("--dry-run",)):
        refused = inside("resume", name, *more)
        assert isinstance(refused.exception, RunRefused)
        assert f"run {name} is done, and its frames are in" in str(refused.exception)


def test_a_dry_run_touches_nothing(inside: Inside, tmp_path: Path) -> None:
    """A frame whose file has gone is to be taken again, with the reason, and the disk stays as it is."""
    inside("run", "bias", "--speed", "max", "--frames", tmp_path / "f")
    (folder,) = (tmp_path / "f").iterdir()
    gone = next(folder.glob("*bias-003-b1*"))
    gone.unlink()
    before = sorted(folder.rglob("*"))
    plan = json.loads(inside("resume", folder.name, "--dry-run", "--json").stdout)
    assert plan["retaken"] == [{"frame": "bias-003", "reason": f"{gone.name} is missing"}]
    assert plan["left"] == ["bias-003"]
    assert plan["kept"] == ["bias-001", "bias-002", "bias-004", "bias-005", "bias-006", "bias-007"]
    assert plan["total_s"] > 55
    text = " ".join(inside("resume", folder.name, "--dry-run").stdout.split())
    for words in ("taken again", f"{gone.name} is missing", "nothing has been touched"):
        assert words in text
    assert sorted(folder.rglob("*")) == before
    assert inside("resume", folder.name, "--speed", "max").exit_code == 0
    assert next(folder.glob("*bias-003-b1*")).exists()


def test_the_end_names_the_next_step(inside: Inside, tmp_path: Path, faults: Callable[[str], Path]) -> None:
    """A faulted run names the command that goes on with it, with the home and the journal that it was given."""
    path = faults("- {device: spectrographs, verb: read_out, what: error, times: forever}\n")
    url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    options = ("--speed", "max", "--home", tmp_path / "there", "--journal", url)
    failed = inside("run", "bias", *options, "--faults", path)
    assert failed.exit_code == 3
    name = next((tmp_path / "frames").iterdir()).name
    assert f"`safelight resume {name} --state-dir {tmp_path / 'there'} --journal {url}`" in failed.stderr
    assert json.loads(inside("runs", "--journal", url, "--json").stdout)["runs"][0]["run"] == name
    assert json.loads(inside("runs", "--json").stdout)["runs"] == []
    assert inside("resume", name, *options, "--verify").exit_code == 0
    assert "done, 7 of 7 frames" in inside("show", "--journal", url).stdout

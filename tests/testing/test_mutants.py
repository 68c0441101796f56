"""The suite catches deliberately wrong drivers, each by the demand that is about its mistake."""

from typing import Any

import pytest

from safelight.testing import Contract, check_contract
from tests.testing import mutants
from tests.testing.contracts import (
    ToyFibselContract,
    ToyLampContract,
    ToySelectorContract,
    ToySpectrographContract,
    ToyTelescopeContract,
)

LAMPS = {
    mutants.LiesOffOnError: "status_calls_no_lit_lamp_off[unreachable]",
    mutants.LiesOffOnAnything: "a_cancelled_verb_ends[status]",
    mutants.ForgetsWhatIsMissing: "status_calls_no_lit_lamp_off[cut]",
    mutants.Remembers: "what_others_switch_is_read",
    mutants.RemembersInTrouble: "status_calls_no_lit_lamp_off[silent]",
    mutants.SkipsOff: "off_is_always_sent[off]",
    mutants.AllOffOfWhatItLit: "off_is_always_sent[all_off]",
    mutants.SwallowsCancellation: "a_cancelled_verb_ends[off]",
    mutants.CancelledMeansDone: "a_verb_is_cancelled_at_once[on]",
    mutants.QueuesBehindReads: "off_goes_out_beside_a_read_that_hangs",
    mutants.BlocksTheLoop: "off_goes_out_beside_a_read_that_hangs",
    mutants.LeaksForeignErrors: "trouble_is_reported[on-unreachable]",
    mutants.WaitsForEver: "trouble_is_reported[off-silent]",
    mutants.CallsUnknownFailed: "failed_means_not_done[on-silent]",
    mutants.BelievesAnyAnswer: "trouble_is_reported[on-garbled]",
    mutants.NeverComesBack: "trouble_is_reported[on-unreachable]",
    mutants.ReadsTheAnswerBefore: "a_cancelled_verb_ends[on]",
    mutants.LightsAnyName: "an_unknown_lamp_is_refused",
    mutants.LeavesATask: "a_lamp_goes_on_and_off",
    mutants.ClosesOnce: "it_is_closed_twice",
}
TELESCOPES = {
    mutants.DoesNotWait: "a_slew_arrives",
    mutants.MovesSomeOfThem: "an_unknown_telescope_is_refused",
    mutants.TellsItsTarget: "an_acknowledgement_is_not_believed",
    mutants.TellsItsLastPlace: "status_believes_no_memory[unreachable]",
    mutants.StopsNothing: "stop_stops",
    mutants.SlewsQueue: "stop_goes_out_beside_a_read_that_hangs",
}
FIBSELS = {
    mutants.MaskDoesNotWait: "a_move_arrives",
    mutants.MaskTellsItsTarget: "an_acknowledgement_is_not_believed",
    mutants.MaskIsAtZero: "status_believes_no_memory[silent]",
    mutants.MaskStopsLate: "stop_stops",
    mutants.MaskIgnoresCancellation: "a_cancelled_verb_ends[move]",
}
SELECTORS = {
    mutants.WheelsDoNotWait: "a_move_arrives",
    mutants.WheelsMoveTogether: "one_selector_moves_alone",
    mutants.WheelsTellTheirTarget: "an_acknowledgement_is_not_believed",
    mutants.WheelsAreAtTheFirst: "status_believes_no_memory[silent]",
    mutants.WheelsTakeAnyName: "an_unknown_position_is_refused",
    mutants.WheelsStopNothing: "stop_stops",
}
SPECTROGRAPHS = {
    mutants.CallsUnreadableIdle: "status_calls_no_open_shutter_closed[unreachable]",
    mutants.CountsSeconds: "a_shutter_that_does_not_open",
    mutants.WritesInPlace: "no_file_is_half[unreachable]",
    mutants.LeaksOSError: "a_folder_that_can_not_be_written",
    mutants.DropsTheHeader: "an_exposure_becomes_files",
    mutants.LeavesPartsBehind: "an_exposure_becomes_files",
    mutants.BelievesAbort: "a_shutter_that_does_not_close",
    mutants.OpensForDarks: "the_shutter_stays_closed[dark]",
    mutants.NumbersOfItsOwn: "numbers_rise",
    mutants.AbortQueues: "abort_goes_out_beside_a_read_that_hangs",
    mutants.AbortSwallows: "trouble_is_reported[abort-unreachable]",
}
ALL: list[tuple[type[Contract[Any, Any]], type[Any], str]] = [
    (contract, mutant, caught_by)
    for contract, found in (
        (ToyLampContract, LAMPS),
        (ToyTelescopeContract, TELESCOPES),
        (ToyFibselContract, FIBSELS),
        (ToySelectorContract, SELECTORS),
        (ToySpectrographContract, SPECTROGRAPHS),
    )
    for mutant, caught_by in found.items()
]


@pytest.mark.parametrize(("contract", "mutant", "caught_by"), ALL, ids=lambda each: getattr(each, "__name__", ""))
def test_a_wrong_driver_is_caught(contract: type[Any], mutant: type[Any], caught_by: str) -> None:
    """A wrong driver breaks the demand that is about its mistake."""
    held: type[Any] = type("Held", (contract,), {"driver": mutant})
    verdicts = list(check_contract(held, f"test_{caught_by}"))
    assert any(verdict.result == "broken" for verdict in verdicts), verdicts


def test_every_mutant_is_tried() -> None:
    """No wrong driver is left out."""
    every = {value for value in vars(mutants).values() if getattr(value, "__module__", "") == mutants.__name__}
    assert {value for value in every if isinstance(value, type)} == {mutant for _, mutant, _ in ALL}

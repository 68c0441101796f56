"""What can stand between `<!-- made: NAME -->` and `<!-- end -->` in a page."""

from collections.abc import Callable, Mapping
from functools import partial

from safelight.engine.records import tables
from tables.columns import journal_table
from tables.commands import command_sections, common_options, main_options
from tables.document import document_table
from tables.names import names_of
from tables.observatory import effect_table, observatory_table, optics_table
from tables.savings import savings_table

__all__ = ["PARTS"]

PARTS: Mapping[str, Callable[[], str]] = {
    **{f"document/{part}": partial(document_table, part) for part in ("", "Biases", "Darks", "LampSettings")},
    **{f"document/{part}": partial(document_table, part) for part in ("Block", "Fibsel", "Choice", "Counts", "Steady")},
    **{f"document/{part}": partial(document_table, part) for part in ("StepKeys", "BiasStep", "DarkStep", "LampStep")},
    **{f"document/{part}": partial(document_table, part) for part in ("WaitStep", "SetStep", "IncludeStep")},
    "commands": command_sections,
    "options": common_options,
    "options/main": main_options,
    "names/safelight": partial(names_of, ""),
    **{f"names/{room}": partial(names_of, room) for room in ("engine", "sequences", "devices", "states", "testing")},
    **{f"journal/{name}": partial(journal_table, name) for name in tables.metadata.tables},
    **{
        f"observatory/{part}": partial(observatory_table, part)
        for part in (
            *(
                "Observatory",
                "TelescopesModel",
                "Direction",
                "LampsModel",
                "LampModel",
                "LampMonitorModel",
                "SecondPath",
            ),
            *(
                "SpectrographsModel",
                "SpectrographModel",
                "QualityModel",
                "FibselModel",
                "TemperatureModel",
                "RestModel",
            ),
            *("SelectorsModel", "SelectorModel", "FlavourModel"),
            *(
                "Deadlines",
                "Deadline",
                "Retries",
                "RetryPolicy",
                "GuardPolicy",
                "ConditionModel",
                "AlpacaConditionModel",
                "IndiConditionModel",
                "SiteModel",
                "FramesModel",
                "NotifyTarget",
            ),
        )
    },
    "observatory/optics": optics_table,
    "observatory/effect": effect_table,
    "savings": savings_table,
}

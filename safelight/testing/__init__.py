"""Contract of drivers: a test suite that a driver's author runs against a stand-in for the hardware.

Subclass the contract of your kind of device, name the subclass `Test...`, and write its `stage`. pytest then collects
every demand. `check_contract` does the same without pytest.
"""

from safelight.testing.checking import DemandResult, check_contract
from safelight.testing.contract import Contract, Stage
from safelight.testing.errors import ContractBroken, NotShown
from safelight.testing.fibsel import FibreSelectorContract, FibreSelectorStandIn
from safelight.testing.lamps import LampContract, LampStandIn
from safelight.testing.selectors import SelectorContract, SelectorStandIn
from safelight.testing.spectrographs import SpectrographContract, SpectrographStandIn
from safelight.testing.standins import TROUBLES, StandIn, Trouble
from safelight.testing.telescopes import TelescopeContract, TelescopeStandIn
from safelight.testing.wire import Wire

__all__ = [
    "TROUBLES",
    "Contract",
    "ContractBroken",
    "DemandResult",
    "FibreSelectorContract",
    "FibreSelectorStandIn",
    "LampContract",
    "LampStandIn",
    "NotShown",
    "SelectorContract",
    "SelectorStandIn",
    "SpectrographContract",
    "SpectrographStandIn",
    "Stage",
    "StandIn",
    "TelescopeContract",
    "TelescopeStandIn",
    "Trouble",
    "Wire",
    "check_contract",
]

"""What can happen: one file for each kind of state, and the graph that they form."""

from safelight.states.adopt import Adopt
from safelight.states.errors import BadFrame, StateError
from safelight.states.expose import Expose
from safelight.states.exposure import Exposure, FrameFile, Need, Taken, TakenFrame
from safelight.states.fibsel_step import FibselStep
from safelight.states.graph import ENDINGS, Event, Shape, State, StateGraph, Transition
from safelight.states.instrument import Instrument, Tolerances
from safelight.states.lamp_off import LampOff
from safelight.states.lamp_warmup import LampWarmup
from safelight.states.park import Park
from safelight.states.point import Point
from safelight.states.readout import Readout
from safelight.states.ready import Ready
from safelight.states.work import Work

__all__ = [
    "ENDINGS",
    "Adopt",
    "BadFrame",
    "Event",
    "Expose",
    "Exposure",
    "FibselStep",
    "FrameFile",
    "Instrument",
    "LampOff",
    "LampWarmup",
    "Need",
    "Park",
    "Point",
    "Readout",
    "Ready",
    "Shape",
    "State",
    "StateError",
    "StateGraph",
    "Taken",
    "TakenFrame",
    "Tolerances",
    "Transition",
    "Work",
]

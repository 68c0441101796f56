"""States of a run, one file for each kind, and the graph that they form."""

from safelight.states.adopt import Adopt
from safelight.states.configure import Configure
from safelight.states.errors import BadFrame, Occupied, Spoilt, StateError
from safelight.states.expose import Expose
from safelight.states.exposure import (
    AS_FOUND,
    CountsWanted,
    Exposure,
    FrameFile,
    Look,
    Need,
    Opening,
    SeenLight,
    Shield,
    SteadyLight,
    Taken,
    TakenFrame,
)
from safelight.states.fibsel_step import FibselStep
from safelight.states.graph import ENDINGS, Event, Shape, State, StateGraph, Transition
from safelight.states.instrument import Instrument, Tolerances
from safelight.states.lamp_off import LampOff
from safelight.states.lamp_warmup import LampWarmup, TimedLamp, TimedShutter
from safelight.states.point import Park, Point
from safelight.states.readout import Readout
from safelight.states.ready import Ready, Restore
from safelight.states.wait import Wait, WaitDark
from safelight.states.work import Work

__all__ = [
    "AS_FOUND",
    "ENDINGS",
    "Adopt",
    "BadFrame",
    "Configure",
    "CountsWanted",
    "Event",
    "Expose",
    "Exposure",
    "FibselStep",
    "FrameFile",
    "Instrument",
    "LampOff",
    "LampWarmup",
    "Look",
    "Need",
    "Occupied",
    "Opening",
    "Park",
    "Point",
    "Readout",
    "Ready",
    "Restore",
    "SeenLight",
    "Shape",
    "Shield",
    "Spoilt",
    "State",
    "StateError",
    "StateGraph",
    "SteadyLight",
    "Taken",
    "TakenFrame",
    "TimedLamp",
    "TimedShutter",
    "Tolerances",
    "Transition",
    "Wait",
    "WaitDark",
    "Work",
]

"""Construction of the frames of steps, in the order of the document."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from safelight.sequences.errors import Refusal
from safelight.sequences.frames import AS_FOUND, Frame, Sweep
from safelight.sequences.keywords import Card
from safelight.sequences.making import Making, aim_of, seconds_in_words, time_in_words, until_of, warmup_of
from safelight.sequences.model import Choice
from safelight.sequences.site import LampDefaults
from safelight.sequences.steps import BiasStep, DarkStep, LampStep, SetStep, Step, StepKeys, WaitStep

__all__ = ["StepMaking"]

Turn = Mapping[str, Any]
"""One turn of the loops: name -> value."""

NO_LAMP = "nolamp"
"""Word for frames without a lamp and with the shutter open, in ids and OBJECT."""


class StepMaking(Making):
    """State of one expansion of steps."""

    waits_s = 0.0

    def frames(self) -> Iterator[Frame]:
        """Yield the frames of every step, as often as the list is repeated."""
        self.demand_parking()
        self.demand_position()
        site = self.vocabulary.site
        if self.spec.order == "free" and not site.light_tight and not site.source_shutters:
            without = "no `light_tight_shutter`, and no lamp with `warm_behind_shutter`"
            self.warnings.append(f"order: this observatory has {without}, so the order is as written")
        for _ in range(self.spec.repeat):
            for number, step in enumerate(self.spec.steps):
                self.begin("steps", number)
                yield from self.of_step(step)
        if self.waits_s:
            said = "no frame follows this wait"
            raise Refusal(said, "a step after it, or no wait")
        self.closing = dict(self.pending_set)

    @property
    def pending_set(self) -> Mapping[str, str]:
        """Positions of the last `set` that no frame has needed."""
        return {name: place for name, place in self.set_now.items() if self.left.get(name) != place}

    def of_step(self, step: Step) -> Iterator[Frame]:
        """Yield the frames of one step, the first of them after the waits before it."""
        if isinstance(step, WaitStep):
            self.waits_s += step.wait
        elif isinstance(step, SetStep):
            self.set_now |= dict(step.set)
        elif isinstance(step, LampStep | BiasStep | DarkStep):
            for frame in self.series(step):
                yield replace(frame, wait_s=self.waits_s) if self.waits_s else frame
                self.waits_s = 0.0

    def series(self, step: LampStep | BiasStep | DarkStep) -> Iterator[Frame]:
        """Yield the frames of a step, for every turn of its loops."""
        keys = step.keys
        names = [name for name, _ in keys.loops]
        for _ in range(keys.repeat):
            for values in product(*(values for _, values in keys.loops)):
                turn = dict(zip(names, values, strict=True))
                if isinstance(step, LampStep):
                    yield from self.lit(step, turn)
                else:
                    yield from self.dark(step, keys, turn)

    # ---- with the shutter closed

    def dark(self, step: BiasStep | DarkStep, keys: StepKeys, turn: Turn) -> Iterator[Frame]:
        """Yield biases or darks of one turn."""
        flavour = "bias" if isinstance(step, BiasStep) else "dark"
        count = step.biases.count if isinstance(step, BiasStep) else step.darks.count
        times = (0.0,) if isinstance(step, BiasStep) else step.darks.exposure_time or (turn["exposure_time"],)
        setup = self.setup((), flavour, self.own_setup(keys, turn))
        for exposure_s in times:
            kind = flavour if isinstance(step, BiasStep) else f"dark-{seconds_in_words(exposure_s)}"
            for _ in range(count):
                yield Frame(
                    self.id(self.called(keys, kind)),
                    flavour,
                    exposure_s,
                    position=self.pointing(keys, turn, None),
                    object=flavour,
                    header=self.cards(keys),
                    setup=setup,
                    cameras=self.vocabulary.chosen(keys.spectrographs, keys.cameras),
                )

    # ---- with the shutter open

    def lit(self, step: LampStep, turn: Turn) -> Iterator[Frame]:
        """Yield the frames of one turn of a step with lamps, or with the shutter open and no lamp."""
        names = [self.vocabulary.canonical("lamp", name) for name in step.lamps]
        lamps = [self.vocabulary.lamps[name] for name in sorted(names, key=self.vocabulary.rank.__getitem__)]
        flavour = step.flavour or lamps[0].flavour
        level = turn.get("level", step.level)
        times_s = step.camera_times
        own_s = self.vocabulary.camera_seconds(times_s, step.spectrographs, step.cameras) if times_s else {}
        label = "+".join(lamp.short for lamp in lamps) or NO_LAMP
        times = (turn["exposure_time"],) if "exposure_time" in turn else step.times
        aim = aim_of(step.exposure_time)
        for exposure_s in times:
            kind = self.called(step, f"{label}-{time_in_words(exposure_s, aim)}")
            partly = tuple((lamp, seconds) for lamp, seconds in step.lit_for if seconds != exposure_s)
            shut = self.vocabulary.source_shutters(dict(partly), tuple(names), flavour)
            timed = tuple(each for each in partly if each[0] not in shut)
            setup = self.setup(tuple(names), flavour, self.own_setup(step, turn), shut)
            for fibre, path in self.where(step, turn, exposure_s, kind):
                self.left_at = path.fibres[-1] if path else fibre
                for _ in range(step.count):
                    yield Frame(
                        id=self.id(kind),
                        flavour=flavour,
                        exposure_s=exposure_s,
                        lamps=tuple(lamp.name for lamp in lamps),
                        warmup_s=tuple(self.warmup_s(step, lamp, dict(timed)) for lamp in lamps),
                        position=self.pointing(step, turn, self.position),
                        fibre=fibre,
                        sweep=path,
                        object=label,
                        header=self.cards(step),
                        setup=setup,
                        cameras=self.vocabulary.chosen(step.spectrographs, step.cameras),
                        camera_s=tuple((name, each) for name, each in own_s.items() if each != exposure_s),
                        levels=tuple((lamp.name, level or lamp.level[1]) for lamp in lamps if lamp.level),
                        lit_for=timed,
                        opened_for=self.openings(partly, shut),
                        aim=aim,
                        until=until_of(step.warmup),
                        rest=step.rest,
                    )

    def openings(
        self, partly: tuple[tuple[str, float], ...], shut: Mapping[str, tuple[str, str]]
    ) -> tuple[tuple[str, float, str, str], ...]:
        """Return lamp, seconds, selector and open position for each source shutter that opens for a part."""
        return tuple(
            (lamp, seconds, shut[lamp][0], self.vocabulary.lamps[lamp].requires[shut[lamp][0]])
            for lamp, seconds in partly
            if lamp in shut
        )

    @staticmethod
    def warmup_s(step: LampStep, lamp: LampDefaults, timed: Mapping[str, float]) -> float:
        """Return the warm-up of a lamp, s. A lamp that is switched on for a part of the exposure has none."""
        if lamp.name in timed:
            return 0.0
        return warmup_of(step.warmup, lamp.warmup_s)

    def where(
        self, step: LampStep, turn: Turn, exposure_s: float, kind: str
    ) -> Iterator[tuple[str | None, Sweep | None]]:
        """Yield (fibre, sweep) once for each group of frames with the same exposure time."""
        wanted = turn.get("fibre", step.fibre)
        if step.fibsel is not None:
            yield from self.several(step.fibsel, exposure_s, kind)
        elif isinstance(wanted, Choice):
            yield self.chosen[self.path], None
        elif wanted is not None:
            yield self.vocabulary.canonical("fibre", wanted), None
        elif not step.lamps and self.left_at is not None:
            yield self.left_at, None
        elif isinstance(self.spec.fibre, Choice):
            yield self.chosen["fibre"], None
        elif self.spec.fibre is not None:
            yield self.vocabulary.canonical("fibre", self.spec.fibre), None
        else:
            yield self.undeclared(), None

    # ---- keys that every step has

    @staticmethod
    def called(keys: StepKeys, kind: str) -> str:
        """Return the kind of a frame, with the step's label before it."""
        return f"{keys.label}-{kind}" if keys.label else kind

    def cards(self, keys: StepKeys) -> tuple[Card, ...]:
        """Return the document's cards with the step's own, which take precedence."""
        return tuple((dict(self.spec.header) | dict(keys.header)).items())

    @staticmethod
    def own_setup(keys: StepKeys, turn: Turn) -> dict[str, str]:
        """Return the step's own set-up in this turn."""
        loops = {name for name, _ in keys.loops} - {"fibre", "position", "exposure_time", "level"}
        return dict(keys.setup) | {name: turn[name] for name in loops}

    def pointing(self, keys: StepKeys, turn: Turn, default: str | None) -> str | None:
        """Return where the telescopes point."""
        named = turn.get("position", keys.position)
        if named is None or not self.vocabulary.site.telescopes:
            return default
        return AS_FOUND if self.vocabulary.site.still else self.vocabulary.canonical("position", named)

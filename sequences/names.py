"""Names of the observatory, found in any case, with the nearest name where there is no match."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Literal

from safelight.documents.names import listed, nearest
from safelight.documents.patterns import LONGEST_PATTERN, compiled
from safelight.sequences.errors import Refusal, shown
from safelight.sequences.site import Site

__all__ = ["LONGEST_PATTERN", "Kind", "Vocabulary", "agreed", "listed", "nearest", "resolve"]

Kind = Literal["lamp", "fibre", "position"]


def resolve(kind: str, name: str, known: Mapping[str, str]) -> str:
    """Return the name as the observatory spells it. `known` maps folded names to it.

    Raises:
        Refusal: there is no such name; the message gives the nearest one.
    """
    found = known.get(name.casefold())
    if found is not None:
        return found
    if not known:
        raise Refusal(f"unknown {kind} {shown(name)}: this observatory has none")
    raise Refusal(f"unknown {kind} {shown(name)}", listed(known.values()), nearest(name, known.values()))


def agreed(*wishes: tuple[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the positions that several sources require together.

    Args:
        wishes: the source, in words, and selector -> position.

    Raises:
        Refusal: two of them contradict each other.
    """
    found: dict[str, tuple[str, str]] = {}
    for who, setup in wishes:
        for selector, position in setup.items():
            first, where = found.setdefault(selector, (who, position))
            if where != position:
                raise Refusal(
                    f"{selector} can't be both {where!r} ({first}) and {position!r} ({who})",
                    f"one position of {selector}, or two steps",
                )
    return {selector: where for selector, (_, where) in found.items()}


class Vocabulary:
    """Index of a site's names for a whole document."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.lamps = {lamp.name: lamp for lamp in site.lamps}
        self.rank = {lamp.name: place for place, lamp in enumerate(site.lamps)}
        self._names: dict[Kind, dict[str, str]] = {
            "lamp": {name.casefold(): name for name in self.lamps},
            "fibre": {name.casefold(): name for name in site.fibres},
            "position": {name.casefold(): name for name in site.positions},
        }
        self._matching: dict[str, tuple[str, ...]] = {}
        self._moves_s: dict[tuple[str, ...], float] = {}

    def canonical(self, kind: Kind, name: str) -> str:
        """Return the name as the observatory spells it. Raise Refusal where there is none."""
        return resolve(kind, name, self._names[kind])

    def selector(self, name: str) -> str:
        """Return the selector as the observatory spells it. Raise Refusal if it is unknown."""
        return resolve("selector", name, {each.casefold(): each for each in self.site.selectors})

    def place(self, selector: str, position: str) -> str:
        """Return a selector's position as the observatory spells it. Raise Refusal if it is unknown."""
        known = self.site.selectors[selector].positions
        return resolve(f"position of {selector}", position, {each.casefold(): each for each in known})

    def spectrograph(self, name: str) -> tuple[str, ...]:
        """Return the cameras of a spectrograph. Raise Refusal if it is unknown."""
        known = {each.casefold(): each for each in self.site.cameras}
        cameras = [camera for each in self.site.cameras.values() for camera in (*each, *self.site.camera_kinds)]
        if name.casefold() not in known and name in cameras:
            raise Refusal(f"{name} is a camera, not a spectrograph", f"cameras: [{name}]")
        return self.site.cameras[resolve("spectrograph", name, known)]

    def cameras_called(self, name: str) -> tuple[str, ...]:
        """Return the cameras of a name: one (`b2`), or those of a kind at every spectrograph (`b`)."""
        every = {camera.casefold(): (camera,) for each in self.site.cameras.values() for camera in each}
        kinds = {kind.casefold(): cameras for kind, cameras in self.site.camera_kinds.items()}
        known = kinds | every
        if name.casefold() not in known and name in self.site.cameras:
            raise Refusal(f"{name} is a spectrograph, not a camera", f"spectrographs: [{name}]")
        if name.casefold() not in known:
            names = [*self.site.camera_kinds, *(camera for each in self.site.cameras.values() for camera in each)]
            raise Refusal(f"unknown camera {shown(name)}", listed(dict.fromkeys(names)), nearest(name, names))
        return known[name.casefold()]

    def chosen(self, spectrographs: tuple[str, ...], cameras: tuple[str, ...]) -> tuple[str, ...]:
        """Return the cameras that expose, in the site's order. It is empty if all do.

        Raises:
            Refusal: there is no such camera.
        """
        if not spectrographs and not cameras:
            return ()
        mine = [camera for each in self.site.cameras.values() for camera in each]
        if spectrographs:
            own = {camera for name in spectrographs for camera in self.spectrograph(name)}
            mine = [camera for camera in mine if camera in own]
        if cameras:
            named = {camera for name in cameras for camera in self.cameras_called(name)}
            mine = [camera for camera in mine if camera in named]
        if not mine:
            raise Refusal(f"the spectrographs {', '.join(spectrographs)} have no camera {' or '.join(cameras)}")
        return () if len(mine) == sum(map(len, self.site.cameras.values())) else tuple(mine)

    def demand_counts(self) -> None:
        """Check that frames are taken again here because of their light.

        Raises:
            Refusal: they aren't.
        """
        if not self.site.counts:
            said = "here no frame is taken again because of its light (`spectrographs.quality` of the observatory)"
            raise Refusal(said, "seconds")

    def demand_monitor(self) -> None:
        """Check that something here sees the light of the lamps.

        Raises:
            Refusal: nothing does.
        """
        if not self.site.monitor:
            said = "here nothing sees whether the light is steady (`lamps.monitor` of the observatory)"
            raise Refusal(said, "seconds")

    def demand_choice(self, what: str) -> None:
        """Check that single spectrographs or cameras can be exposed here.

        Raises:
            Refusal: they can't.
        """
        if self.site.alone == "none" or (self.site.alone == "spectrographs" and what == "cameras"):
            said = f"here no single {what} can be exposed (`spectrographs.alone` of the observatory)"
            raise Refusal(said, "leave the key out: all expose together")

    def camera_seconds(
        self, times: tuple[tuple[str, float], ...], spectrographs: tuple[str, ...], cameras: tuple[str, ...]
    ) -> dict[str, float]:
        """Return the seconds of each camera that exposes.

        Raises:
            Refusal: a camera has none, two different ones, or does not expose.
        """
        wanted = self.chosen(spectrographs, cameras) or tuple(c for each in self.site.cameras.values() for c in each)
        found: dict[str, float] = {}
        for name, seconds in times:
            here = [camera for camera in self.cameras_called(name) if camera in wanted]
            if not here:
                raise Refusal(f"{name} does not expose in this step", listed(wanted), at=("exposure_time", name))
            for camera in here:
                if found.setdefault(camera, seconds) != seconds:
                    raise Refusal(f"{camera} has two times", "one time for each camera", at=("exposure_time", name))
        missing = [camera for camera in wanted if camera not in found]
        if missing:
            raise Refusal(
                f"no seconds for {', '.join(missing)}", "seconds of every camera that exposes", at=("exposure_time",)
            )
        return found

    def demand_level(self, lamps: tuple[str, ...], level: float, at: tuple[str | int, ...]) -> None:
        """Check that every lamp can be dimmed to this level, which is given `at` a place in the step.

        Raises:
            Refusal: one can't.
        """
        for lamp in lamps:
            limits = self.lamps[lamp].level
            if limits is None:
                said = f"{lamp} can't be dimmed"
                raise Refusal(said, "no `level` here, or `level: [LEAST, MOST]` in the observatory", at=at)
            if not limits[0] <= level <= limits[1]:
                said = f"{lamp} can't be dimmed to {level:g} percent"
                raise Refusal(said, f"a number from {limits[0]:g} to {limits[1]:g}", at=at)

    def is_shuttered(self, lamp: str) -> bool:
        """Return whether a lamp that is to be seen for a part of an exposure stays on behind its source shutter."""
        return self.lamps[lamp].warmup_s > 0 and bool(self.lamps[lamp].shutters)

    def source_shutters(self, timed: Iterable[str], lamps: tuple[str, ...], flavour: str) -> dict[str, tuple[str, str]]:
        """Return the source shutter of each lamp that is seen for a part of an exposure, and stays on behind it.

        It is the selector that moves fastest among those that nothing else in the frame requires.

        Args:
            timed: lamps that are seen for a part.
            lamps: all lamps of the frame.
            flavour: of the frame.

        Returns:
            Lamp -> selector, and the position of it that blocks the lamp.

        Raises:
            Refusal: two lamps are behind the same selector.
        """
        found: dict[str, tuple[str, str]] = {}
        behind: dict[str, str] = {}
        for lamp in filter(self.is_shuttered, timed):
            others = self.required(tuple(each for each in lamps if each != lamp), flavour)
            taken = {selector for _, setup in others for selector in setup}
            blocking = self.lamps[lamp].shutters
            free = [selector for selector in blocking if selector not in taken] or list(blocking)
            selector = min(free, key=lambda name: self.site.selectors[name].takes_s)
            other = behind.setdefault(selector, lamp)
            if other != lamp:
                said = f"{other} and {lamp} are both behind {selector}, which is opened for one of them at a time"
                raise Refusal(said, "two steps", at=("lit_for", lamp))
            unit = self.site.selectors[selector]
            usual = (place for place in (unit.default, unit.safe) if place in blocking[selector])
            found[lamp] = selector, next(usual, None) or blocking[selector][0]
        return found

    def demand_opened(self, lamp: str, selector: str, seconds: float, exposure_s: float, shortest_s: float) -> None:
        """Check that a source shutter can be open for a part of an exposure.

        Args:
            lamp: the lamp behind it.
            selector: the source shutter.
            seconds: for which it is open.
            exposure_s: that of the exposure.
            shortest_s: time of the camera with the shortest exposure, s.

        Raises:
            Refusal: it can't.
        """
        moves_s = 2 * self.site.selectors[selector].takes_s
        least_s, most_s = self.site.reading_s, shortest_s - moves_s
        if least_s <= seconds <= most_s:
            return
        said = f"{selector} can't let {lamp} through for {seconds:g} s of {shortest_s:g} s: "
        if seconds < least_s:
            said += f"it is read back while it is open, which takes {least_s:g} s"
        else:
            said += f"its two moves with their read-back take {moves_s:g} s"
        part = f"{least_s:g} to {most_s:g}" if most_s >= least_s else "a longer exposure"
        allowed = f"{part}, or {exposure_s:g} for the whole exposure"
        raise Refusal(said, allowed, at=("lit_for", lamp))

    def demand_timed(self, lamp: str, seconds: float, exposure_s: float, shortest_s: float) -> None:
        """Check that a lamp can be on for a part of an exposure, or for the whole of it.

        Args:
            lamp: as the site spells it.
            seconds: its time.
            exposure_s: that of the exposure.
            shortest_s: that of the camera with the shortest time.

        Raises:
            Refusal: it can't.
        """
        if seconds == exposure_s:
            return
        unit, at = self.lamps[lamp], ("lit_for", lamp)
        if unit.warmup_s:
            said = f"{lamp} has a warm-up of {unit.warmup_s:g} s, and a lamp that is lit during an exposure has none"
            allowed = "lamps whose `warmup_s` is 0, or which have `warm_behind_shutter`, in the observatory document"
            raise Refusal(said, allowed, at=at)
        if unit.level is not None:
            raise Refusal(f"{lamp} can be dimmed, and is on for whole exposures only", "another lamp", at=at)
        if seconds < unit.min_on_s:
            said = f"{lamp} has a minimum on-time of {unit.min_on_s:g} s"
            raise Refusal(said, f"at least {unit.min_on_s:g}", at=at)
        most_s = shortest_s - self.site.switching_s
        if seconds > most_s:
            said = (
                f"{lamp} can't be on for {seconds:g} s of {shortest_s:g} s: switching takes {self.site.switching_s:g} s"
            )
            least = f"at most {most_s:g}, or " if most_s > 0 else ""
            raise Refusal(said, f"{least}{exposure_s:g} for the whole exposure", at=at)

    def required(
        self, lamps: tuple[str, ...], flavour: str, shut: Mapping[str, tuple[str, str]] = {}
    ) -> list[tuple[str, Mapping[str, str]]]:
        """Return the positions required by the lamps of a frame, its flavour, and darkness without a shutter.

        Args:
            lamps: of the frame.
            flavour: of the frame.
            shut: lamp -> its source shutter, and where it is closed, for those that are opened during the exposure.
        """
        wishes: list[tuple[str, Mapping[str, str]]] = []
        for lamp in lamps:
            requires = self.lamps[lamp].requires
            if lamp in shut:
                selector, place = shut[lamp]
                requires = {name: at for name, at in requires.items() if name != selector}
                wishes.append((f"closed until `lit_for` opens it for {lamp}", {selector: place}))
            wishes.append((f"{lamp} requires it", requires))
        wishes.append((f"{flavour} frames require it", self.site.flavours.get(flavour, {})))
        if flavour in ("bias", "dark"):
            wishes.append(("darkness requires it", self.site.dark_at))
        return wishes

    def fibres_like(self, pattern: str) -> tuple[str, ...]:
        """Return the fibres that match a pattern from their first letter, in order of motor steps.

        Raises:
            Refusal: the pattern is invalid or matches none.
        """
        if pattern not in self._matching:
            self._matching[pattern] = self._search(pattern)
        return self._matching[pattern]

    def _search(self, pattern: str) -> tuple[str, ...]:
        steps = self.site.fibres
        if not steps:
            raise Refusal("this observatory has no fibre selector")
        match = compiled(pattern).match
        found = sorted((name for name in steps if match(name)), key=lambda name: (steps[name], name))
        if not found:
            raise Refusal(f"{shown(pattern)} matches no fibre", listed(steps), nearest(pattern, steps))
        return tuple(found)

    def moves_s(self, fibres: tuple[str, ...]) -> float:
        """Return the seconds that the mask is moving between these fibres, from the first to the last."""
        if fibres not in self._moves_s:
            self._moves_s[fibres] = sum(self.site.move_s(start, end) for start, end in pairwise(fibres))
        return self._moves_s[fibres]

"""What INDI drivers do with a command, each as a test: the lamps must go on and off at the hardware."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import DeviceFailed, DeviceUnknown, Lamps, ObservatoryError, open_lamps
from safelight.devices.indi.lamps import believed, lamp_in
from safelight.devices.indi.options import IndiLampOptions
from safelight.devices.indi.properties import Vector, switch_values
from safelight.engine.clock import Clock
from tests.devices.indi.conftest import CHANNELS, FLAT, RELAY, SPOX, observatory_at
from tests.devices.indi.indi_server import Driver, IndiServer, Outputs, Power, Spox


@asynccontextmanager
async def lamps_of(
    lamps: Mapping[str, Any], *drivers: Driver, **options: Any
) -> AsyncIterator[tuple[Lamps, IndiServer]]:
    """Open lamps on drivers of a server."""
    server = IndiServer(*drivers)
    await server.start()
    opened, _, close = open_lamps(observatory_at(server.port, lamps, **options), clock=Clock(), home=Path())
    try:
        yield opened, server
    finally:
        await close()
        await server.stop()


def vector(rule: str, values: Mapping[str, str], state: str = "Ok") -> Vector:
    """Return a switch vector."""
    return Vector("D", "V", "the V", "switch", rule, state, values, {name: f"the {name}" for name in values}, {})


# ---- how a vector is written


def test_one_of_many_is_written_as_one_element() -> None:
    """Of a OneOfMany vector one element is sent, whatever else is on."""
    before = vector("OneOfMany", {"DARK": "Off", "FLAT": "On", "SKY": "Off"})
    assert switch_values(before, ["SKY"], ["FLAT"]) == {"SKY": "On"}


def test_at_most_one_is_written_whole() -> None:
    """Of an AtMostOne vector every element is sent, in the order of the definition."""
    before = vector("AtMostOne", {"OFF": "On", "ON": "Off"})
    assert list(switch_values(before, ["ON"]).items()) == [("OFF", "Off"), ("ON", "On")]
    assert list(switch_values(before, ["OFF"], ["ON"]).items()) == [("OFF", "On"), ("ON", "Off")]


def test_any_of_many_is_written_whole() -> None:
    """Of an AnyOfMany vector every element is sent, in order, those that are not meant as just read."""
    before = vector("AnyOfMany", {"1": "On", "2": "Off", "3": "On"})
    assert list(switch_values(before, [], ["3"]).items()) == [("1", "On"), ("2", "Off"), ("3", "Off")]


def test_a_spox_lamp_goes_off_at_the_hardware() -> None:
    """SPOX: the whole vector would light the lamp that is to go off. One element darkens it."""
    driver = Spox()

    async def scene() -> None:
        async with lamps_of({"Argon": FLAT}, driver) as (lamps, _):
            await lamps.on("Argon")
            assert (driver.lit, driver.sent) == ({"FLAT"}, ["FLAT"])
            assert (await lamps.status())["Argon"] == "on"
            await lamps.off("Argon")
            assert (driver.lit, driver.sent) == (set(), ["FLAT", "SKY"])
            assert (await lamps.status())["Argon"] == "off"

    asyncio.run(scene())


def test_a_relay_goes_on_and_off_at_the_hardware() -> None:
    """OutputInterface: a command that named ON alone would reach no relay."""
    driver = Outputs()

    async def scene() -> None:
        async with lamps_of({"Argon": RELAY}, driver) as (lamps, _):
            await lamps.on("Argon")
            assert (driver.lit, driver.sent) == ({"ON"}, ["ON"])
            await lamps.off("Argon")
            assert (driver.lit, driver.sent) == (set(), ["ON", "OFF"])
            assert (await lamps.status())["Argon"] == "off"

    asyncio.run(scene())


def test_a_power_channel_leaves_the_others_alone() -> None:
    """PowerInterface: values are taken by their place, and the other channels stay as they are."""
    driver = Power()
    driver.lit = {"POWER_CHANNEL_4"}

    async def scene() -> None:
        async with lamps_of(CHANNELS, driver) as (lamps, _):
            await lamps.on("Neon")
            assert driver.lit == {"POWER_CHANNEL_2", "POWER_CHANNEL_4"}
            await lamps.on("Argon")
            await lamps.off("Neon")
            assert driver.lit == {"POWER_CHANNEL_1", "POWER_CHANNEL_4"}
            await lamps.all_off()
            assert driver.lit == {"POWER_CHANNEL_4"}

    asyncio.run(scene())


def test_lamps_of_one_vector_at_the_same_time() -> None:
    """Two lamps of one vector that are lit at the same time both are on."""
    driver = Power()

    async def scene() -> None:
        async with lamps_of(CHANNELS, driver) as (lamps, _):
            await asyncio.gather(*(lamps.on(lamp) for lamp in CHANNELS))
            assert len(driver.lit) == 3

    asyncio.run(scene())


class LoggedPower(Power):
    """A power box that writes down what was on after each command."""

    def __init__(self) -> None:
        super().__init__()
        self.ever_lit: list[set[str]] = []

    def command(self, values: dict[str, str]) -> None:
        """Obey, and note what is on."""
        super().command(values)
        self.ever_lit.append(set(self.lit))


def test_lamps_of_one_vector_go_off_at_the_same_time() -> None:
    """Lamps of one vector that go off at the same time all do, and none of them is lit again by the off of another."""
    driver = LoggedPower()

    async def scene() -> None:
        async with lamps_of(CHANNELS, driver) as (lamps, _):
            for lamp in CHANNELS:
                await lamps.on(lamp)
            driver.ever_lit.clear()
            await asyncio.gather(*(lamps.off(lamp) for lamp in CHANNELS))

    asyncio.run(scene())
    assert [len(lit) for lit in driver.ever_lit] == [2, 1, 0]


def test_a_lamp_that_is_lit_while_another_one_goes_off() -> None:
    """A lamp that is lit while another one of its vector goes off does not light that one again."""
    driver = LoggedPower()

    async def scene() -> None:
        async with lamps_of(CHANNELS, driver) as (lamps, _):
            await lamps.on("Argon")
            await asyncio.gather(lamps.off("Argon"), lamps.on("Neon"))
            await asyncio.gather(lamps.on("LDLS"), lamps.off("Neon"))

    asyncio.run(scene())
    assert "POWER_CHANNEL_1" not in driver.lit
    assert "POWER_CHANNEL_2" not in driver.lit


def test_forced_offs_of_one_vector_at_the_same_time() -> None:
    """Offs that are forced by an on, all at the same time: each reaches the hardware, and all lamps are off."""
    driver = Power()
    driver.polls = False
    lamps_there = {lamp: one | {"read_back": "memory", "force_off": "on-then-off"} for lamp, one in CHANNELS.items()}

    async def scene() -> None:
        async with lamps_of(lamps_there, driver) as (lamps, _):
            await asyncio.gather(*(lamps.off(lamp) for lamp in CHANNELS))
            assert set((await lamps.status()).values()) == {"off"}

    asyncio.run(scene())
    assert driver.lit == set()
    assert driver.sent == [
        *("On Off Off Off", "Off Off Off Off"),
        *("Off On Off Off", "Off Off Off Off"),
        *("Off Off On Off", "Off Off Off Off"),
    ]


# ---- commands that are swallowed


def test_an_off_that_the_driver_believes_to_be_done() -> None:
    """SPOX after a restart of its driver: it believes in SKY, the lamp is on, and an off still reaches it."""
    driver = Spox()
    driver.believed["SKY"] = "On"
    driver.lit = {"FLAT"}

    async def scene() -> None:
        async with lamps_of({"Argon": FLAT}, driver) as (lamps, _):
            await lamps.off("Argon")

    asyncio.run(scene())
    assert driver.lit == set()
    assert "reset" in driver.sent


def test_on_then_off() -> None:
    """On an eShel and its kin an off is forced by an on before it."""
    driver = Power()
    driver.polls = False
    lamp = CHANNELS["Argon"] | {"read_back": "memory", "force_off": "on-then-off"}

    async def scene() -> None:
        async with lamps_of({"Argon": lamp}, driver) as (lamps, _):
            await lamps.off("Argon")

    asyncio.run(scene())
    assert driver.sent == ["On Off Off Off", "Off Off Off Off"]


class Unsure(Power):
    """A power box as an eShel is one: its driver repeats its last command, and swallows an equal one."""

    polls = False

    def command(self, values: dict[str, str]) -> None:
        """Obey, unless it believes that it is so already."""
        if values != self.believed:
            super().command(values)
        self.state = "Ok"
        self.believed = values


FORCED = CHANNELS["Argon"] | {"read_back": "memory", "force_off": "on-then-off"}


def test_a_lamp_that_was_seen_to_go_off_is_not_lit_to_be_darkened() -> None:
    """An off is forced by an on unless the driver was heard to say on, and then off, since it was started."""
    driver = Unsure()

    async def scene() -> None:
        async with lamps_of({"Argon": FORCED}, driver) as (guard, server):
            runner, _, close = open_lamps(observatory_at(server.port, {"Argon": FORCED}), clock=Clock(), home=Path())
            await guard.status()
            await runner.on("Argon")
            await runner.off("Argon")
            driver.sent.clear()
            for each in (runner, guard):
                # Whoever comes later finds it off.
                await each.status()
                await each.all_off()
            assert driver.sent == []
            # A driver that has ended, or the hardware's error, takes the proof away.
            await server.say('<delProperty device="Power"/>')
            await guard.all_off()
            assert driver.sent == ["On Off Off Off", "Off Off Off Off"]
            await guard.all_off()
            driver.sent.clear()
            await server.say('<message device="Power" message="[ERROR] no contact"/>')
            await guard.status()
            await guard.all_off()
            assert driver.sent == ["On Off Off Off", "Off Off Off Off"]
            await close()

    asyncio.run(scene())
    assert driver.lit == set()


def test_a_lamp_that_was_never_seen_on_is_forced() -> None:
    """A lamp beside one that was lit and darkened is not proved off: its driver may have been started under it."""
    driver = Unsure()
    lamps_there = {lamp: one | {"read_back": "memory", "force_off": "on-then-off"} for lamp, one in CHANNELS.items()}

    async def scene() -> None:
        async with lamps_of(lamps_there, driver) as (lamps, _):
            await lamps.on("Argon")
            await lamps.off("Argon")
            driver.lit = {"POWER_CHANNEL_2"}
            await lamps.all_off()

    asyncio.run(scene())
    assert driver.lit == set()
    assert driver.sent[-2:] == ["Off On On Off", "Off Off Off Off"]


# ---- what may be believed


@pytest.mark.parametrize(
    ("rule", "values", "state", "lamp", "trouble", "expected"),
    [
        ("OneOfMany", {"FLAT": "On", "SKY": "Off", "DARK": "Off"}, "Ok", FLAT, False, "on"),
        ("OneOfMany", {"FLAT": "Off", "SKY": "Off", "DARK": "On"}, "Ok", FLAT, False, "on"),
        ("OneOfMany", {"FLAT": "Off", "SKY": "On", "DARK": "Off"}, "Ok", FLAT, False, "off"),
        ("OneOfMany", {"FLAT": "Off", "SKY": "On", "DARK": "Off"}, "Idle", FLAT, False, "unknown"),
        ("OneOfMany", {"FLAT": "Off", "SKY": "On", "DARK": "Off"}, "Ok", FLAT, True, "unknown"),
        ("OneOfMany", {"FLAT": "Off", "SKY": "Off", "DARK": "Off"}, "Ok", FLAT, False, "unknown"),
        ("AtMostOne", {"OFF": "On", "ON": "On"}, "Ok", RELAY, False, "unknown"),
        ("AtMostOne", {"OFF": "Off", "ON": "Off"}, "Ok", RELAY, False, "unknown"),
        ("AtMostOne", {"OFF": "On", "ON": "Off"}, "Idle", RELAY, False, "off"),
        ("AtMostOne", {"OFF": "On", "ON": "Off"}, "Alert", RELAY, False, "unknown"),
        ("AtMostOne", {"OFF": "On", "ON": "Off"}, "Busy", RELAY, False, "unknown"),
        ("AnyOfMany", {"POWER_CHANNEL_1": "On"}, "Ok", CHANNELS["Argon"], False, "on"),
        ("AnyOfMany", {"POWER_CHANNEL_1": "Off"}, "Ok", CHANNELS["Argon"], False, "off"),
        ("AnyOfMany", {"POWER_CHANNEL_2": "Off"}, "Ok", CHANNELS["Argon"], False, "unknown"),
    ],
)
def test_belief(
    rule: str,
    values: Mapping[str, str],
    state: str,
    lamp: Mapping[str, Any],
    trouble: bool,  # noqa: FBT001 - a column
    expected: str,
) -> None:
    """A lamp is off only where the driver says so, was commanded or polls, and reports no error."""
    options = IndiLampOptions.model_validate(lamp)
    assert believed(vector(rule, values, state), options, trouble=trouble) == expected


def test_elements_by_label() -> None:
    """Elements whose names are counters are found by what people see. A doubled label leads nowhere."""
    usis = IndiLampOptions(device="D", property="label:light", is_on="label:the 0010", is_off="label:the 000f")
    assert lamp_in(vector("OneOfMany", {"000f": "Off", "0010": "On"}), usis) == "on"
    assert vector("OneOfMany", {"a": "Off"}).element("label:nothing") is None


def test_a_vector_by_label() -> None:
    """A vector whose name is a counter is found by its label."""
    driver = Outputs()
    lamp = RELAY | {"property": "label:the DIGITAL_OUTPUT_1"}

    async def scene() -> None:
        async with lamps_of({"Argon": lamp}, driver) as (lamps, _):
            await lamps.on("Argon")
            assert (await lamps.status())["Argon"] == "on"

    asyncio.run(scene())
    assert driver.lit == {"ON"}


def test_a_disconnected_device_is_not_believed() -> None:
    """A driver that is not connected repeats old memory: its lamps are unknown, and a command connects it first."""
    driver = Outputs()
    driver.connected = False

    async def scene() -> None:
        async with lamps_of({"Argon": RELAY}, driver) as (lamps, _):
            assert (await lamps.status())["Argon"] == "unknown"
            await lamps.on("Argon")
            assert (await lamps.status())["Argon"] == "on"

    asyncio.run(scene())


def test_an_error_of_the_device_makes_its_lamps_unknown() -> None:
    """Hardware that is unplugged behind a living driver is told of by a message alone."""
    driver = Outputs()

    async def scene() -> None:
        async with lamps_of({"Argon": RELAY}, driver) as (lamps, server):
            await lamps.off("Argon")
            assert (await lamps.status())["Argon"] == "off"
            await server.say('<message device="Relay" message="[ERROR] Error reading coils: transport error"/>\n')
            for _ in range(2):
                assert (await lamps.status())["Argon"] == "unknown"
            await lamps.off("Argon")
            assert (await lamps.status())["Argon"] == "off"

    asyncio.run(scene())


def test_a_report_that_comes_with_an_error_is_not_believed() -> None:
    """SPOX unplugged: it reports SKY and Ok after a write that failed. The lamp is unknown until an off succeeds."""
    driver = Spox()

    async def scene() -> None:
        async with lamps_of({"Argon": FLAT}, driver) as (lamps, server):
            # A guard: another client, which sends nothing.
            others, _, close = open_lamps(observatory_at(server.port, {"Argon": FLAT}), clock=Clock(), home=Path())
            await lamps.on("Argon")
            for each in (lamps, others):
                assert (await each.status())["Argon"] == "on"
            driver.unplugged = True
            with pytest.raises(DeviceUnknown, match="Write Error"):
                await lamps.off("Argon")
            assert driver.believed["SKY"] == "On"
            assert driver.lit == {"FLAT"}
            for each in (lamps, others):
                assert (await each.status())["Argon"] == "unknown"
            driver.unplugged = False
            await lamps.off("Argon")
            assert driver.lit == set()
            for each in (lamps, others):
                assert (await each.status())["Argon"] == "off"
            await close()

    asyncio.run(scene())


def test_an_alert_is_no_success() -> None:
    """A command that ends in Alert, or with an error of the device, may have been done."""
    driver = Outputs()
    driver.refuses = True

    async def scene() -> None:
        async with lamps_of({"Argon": RELAY}, driver) as (lamps, _):
            with pytest.raises(DeviceUnknown, match="no"):
                await lamps.on("Argon")

    asyncio.run(scene())


# ---- silence, nonsense


def test_an_unknown_device_is_silence() -> None:
    """INDI says nothing of a device that isn't there: the error asks for it, in time."""

    async def scene() -> None:
        async with lamps_of({"Argon": RELAY}, Power(), deadline_s=0.3) as (lamps, _):
            with pytest.raises(DeviceUnknown, match="is there such a device"):
                await lamps.status()

    asyncio.run(scene())


def test_an_unknown_element_is_not_sent() -> None:
    """An element that isn't there would be taken for all off: it is refused, with those that there are."""
    driver = Spox()

    async def scene() -> None:
        async with lamps_of({"Argon": {**SPOX, "is_on": "FLATT"}}, driver) as (lamps, _):
            with pytest.raises(DeviceFailed, match="DARK, FLAT, CALIBRATION, SKY"):
                await lamps.on("Argon")

    asyncio.run(scene())
    assert driver.sent == []


def test_control_characters_and_nonsense() -> None:
    """Signs that no XML may have are passed over. What is no XML ends the connection, and the next one is opened."""
    driver = Outputs()

    async def scene() -> None:
        async with lamps_of({"Argon": RELAY}, driver) as (lamps, server):
            await lamps.status()
            await server.say("<message device='Relay' message='a b'/>\n\x01")
            assert (await lamps.status())["Argon"] == "off"
            await server.say("<<<nonsense\n")
            with suppress(DeviceUnknown):
                await lamps.status()
            assert (await lamps.status())["Argon"] == "off"

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("lamps", "complaint"),
    [
        ({"Argon": RELAY | {"is_off": "ON"}}, "both on and off"),
        ({"Argon": {"device": "Relay", "is_on": "ON"}}, "property"),
        ({}, "lamps"),
    ],
)
def test_options(lamps: Mapping[str, Any], complaint: str) -> None:
    """Options that don't fit are refused before anything is sent."""
    plain = observatory_at(7624, {"Argon": RELAY}).model_dump(mode="json")
    plain["lamps"]["options"]["lamps"] = lamps
    observatory = type(observatory_at(7624, {"Argon": RELAY})).model_validate(plain)
    with pytest.raises(ObservatoryError, match=complaint):
        open_lamps(observatory, clock=Clock(), home=Path())


def test_elements_named_by_their_labels() -> None:
    """USIS: elements are named by counters, and labels stay. What else lights the lamp has a label too."""
    options = {"device": "D", "property": "label:light source", "is_on": "label:the 000f", "is_off": "label:the 0010"}
    lamp = IndiLampOptions.model_validate(options | {"also_on": ["label:the 0011"]})
    for lit, expected in (("000f", "on"), ("0011", "on"), ("0010", "off"), ("0012", "off")):
        values = {name: "On" if name == lit else "Off" for name in ("000f", "0010", "0011", "0012")}
        assert lamp_in(vector("OneOfMany", values), lamp) == expected

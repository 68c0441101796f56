"""The link against a real broker: three outcomes, one deadline, nothing sent twice, nothing obeyed late."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aio_pika
import pytest

from safelight.devices import DeviceDisconnected, DeviceFailed, DeviceUnknown
from safelight.devices.clu.link import Broker, Link
from safelight.engine.clock import Clock
from safelight.testing import Wire
from tests.devices.clu.broker import RabbitNode

T = TypeVar("T")
Run = Callable[[Any], Any]

CLOCK = Clock()


class Actor:
    """Somebody at the other end who obeys as the test says: `replies` are sent for each command, in order."""

    def __init__(self, replies: list[tuple[str, dict[str, Any]]]) -> None:
        self.replies = replies
        self.heard: list[str] = []

    async def hear(self, message: Any) -> None:
        """Take a command, reply."""
        self.heard.append(json.loads(message.body)["command_string"])
        for code, body in self.replies:
            headers = {**message.headers, "message_code": code, "sender": "actor"}
            answer = aio_pika.Message(json.dumps(body).encode(), headers=headers)
            await self.exchange.publish(answer, routing_key=f"reply.{message.headers['commander_id']}")

    async def listen(self) -> None:
        """Begin to hear."""
        await self.queue.consume(self.hear, no_ack=True)

    exchange: Any
    queue: Any


@asynccontextmanager
async def actor(
    node: RabbitNode, *replies: tuple[str, dict[str, Any]], deaf: bool = False, kind: type[Actor] = Actor
) -> AsyncIterator[Actor]:
    """Yield an actor called `actor`. A deaf one has a queue and takes nothing from it."""
    connection = await aio_pika.connect(host="127.0.0.1", port=node.port)
    try:
        channel = await connection.channel()
        someone = kind(list(replies))
        someone.exchange = await channel.declare_exchange("sdss_exchange", "topic", auto_delete=True)
        someone.queue = await channel.declare_queue("actor_commands", exclusive=True)
        await someone.queue.bind(someone.exchange, "command.actor.#")
        if not deaf:
            await someone.listen()
        yield someone
    finally:
        if node.up and not connection.is_closed:
            await connection.close()
        for _ in range(10):
            await CLOCK.sleep(0)


@asynccontextmanager
async def link(node: RabbitNode, **options: Any) -> AsyncIterator[Link]:
    """Yield a link, closed at the end."""
    found = Link(Broker(host="127.0.0.1", port=node.port, **options), CLOCK)
    try:
        yield found
    finally:
        await found.close()


def test_done(node: RabbitNode, run: Run) -> None:
    """A command that is done returns every keyword of its replies, the last value of each."""

    async def scene() -> None:
        said = (">", {}), ("i", {"a": 1, "b": 1}), ("e", {"error": "not the end"}), (":", {"b": 2})
        async with actor(node, *said) as someone, link(node) as ours:
            answer = await ours.ask("actor", "on", "--", 'Hg Ne\'s "lamp"', device="lamps")
            assert answer == {"a": 1, "b": 2, "error": "not the end"}
            assert someone.heard == ["on -- 'Hg Ne'\"'\"'s \"lamp\"'"]

    run(scene())


@pytest.mark.parametrize("code", ["f", "!"])
def test_failed(node: RabbitNode, run: Run, code: str) -> None:
    """A command that failed raises with the actor's own reason."""

    async def scene() -> None:
        async with actor(node, (code, {"error": {"message": "no such outlet"}})), link(node) as ours:
            with pytest.raises(DeviceFailed, match="no such outlet"):
                await ours.ask("actor", "on", device="lamps")

    run(scene())


def test_nobody_there(node: RabbitNode, run: Run) -> None:
    """An actor that isn't running is a failure at once: nothing was done."""

    async def scene() -> None:
        async with link(node) as ours:
            began = CLOCK.now()
            with pytest.raises(DeviceFailed, match="no actor nobody is running"):
                await ours.ask("nobody", "on", device="lamps", deadline_s=60.0)
            assert CLOCK.now() - began < 30.0

    run(scene())


def test_no_answer(node: RabbitNode, run: Run) -> None:
    """No answer by the deadline is unknown. The command is sent once."""

    async def scene() -> None:
        async with actor(node, (">", {})) as someone, link(node) as ours:
            with pytest.raises(DeviceUnknown, match=r"no answer in 5 s"):
                await ours.ask("actor", "on", device="lamps", deadline_s=5.0)
            assert someone.heard == ["on"]

    run(scene())


def test_stale_on_is_not_obeyed(node: RabbitNode, run: Run) -> None:
    """What an actor did not take before the deadline it never hears. A darkening command it hears all the same."""

    async def scene() -> None:
        async with actor(node, (":", {}), deaf=True) as someone, link(node, deadline_s=0.3) as ours:
            with pytest.raises(DeviceUnknown):
                await ours.ask("actor", "on", device="lamps")
            with pytest.raises(DeviceUnknown):
                await ours.ask("actor", "off", device="lamps", expires=False)
            await someone.listen()
            await CLOCK.sleep(0.3)
            assert someone.heard == ["off"]

    run(scene())


def test_frozen_broker(node: RabbitNode, run: Run) -> None:
    """One deadline holds over publishing and reply, also with a broker that is stopped. Later the link is new."""

    async def scene() -> None:
        async with link(node) as ours:
            with pytest.raises(DeviceFailed):
                await ours.ask("nobody", "on", device="lamps")
            node.freeze()
            began = CLOCK.now()
            try:
                with pytest.raises(DeviceUnknown, match="did not take"):
                    await ours.ask("nobody", "on", device="lamps", deadline_s=0.5)
                assert CLOCK.now() - began < 20.0
            finally:
                node.thaw()
            with pytest.raises(DeviceFailed, match="no actor"):
                await ours.ask("nobody", "on", device="lamps")

    run(scene())


def test_cancelled_while_it_is_sent(node: RabbitNode, run: Run) -> None:
    """A command to nobody that is cancelled before the broker returns it takes the connection from no other one."""

    async def scene() -> None:
        async with actor(node, (":", {})), link(node) as ours:
            assert await ours.ask("actor", "on", device="lamps") == {}
            for turns in range(30):
                asking = asyncio.create_task(ours.ask("nobody", "on", device="lamps"))
                for _ in range(turns):
                    await CLOCK.sleep(0)
                asking.cancel()
                await asyncio.wait([asking])
                assert await ours.ask("actor", "off", device="lamps") == {}

    run(scene())


def test_farewell_of_the_connection_before(node: RabbitNode, run: Run) -> None:
    """A connection that was given up, and ends late, takes no command with it that went out by the next one."""

    async def scene() -> None:
        async with actor(node, (":", {}), deaf=True) as someone, Wire(node.port) as wire:
            broker = Broker(host="127.0.0.1", port=wire.port, deadline_s=10.0)
            ours = Link(broker, CLOCK)
            try:
                with pytest.raises(DeviceUnknown, match="no answer"):
                    await ours.ask("actor", "on", device="lamps", deadline_s=0.5)
                await wire.bring_about("read_hangs")
                with pytest.raises(DeviceUnknown, match="did not take"):
                    await ours.ask("actor", "on", device="lamps", deadline_s=0.5)
                asking = asyncio.create_task(ours.ask("actor", "off", device="lamps"))
                await CLOCK.sleep(2.0)
                await someone.listen()
                assert await asking == {}
            finally:
                await ours.close()

    run(scene())


def test_broker_lost_and_back(node: RabbitNode, run: Run) -> None:
    """A command under way is unknown the moment the broker dies. Without one nothing is sent, at once. Then again."""

    async def scene() -> None:
        async with link(node) as ours:
            async with actor(node, (">", {})) as someone:
                asking = asyncio.create_task(ours.ask("actor", "on", device="lamps", deadline_s=30.0))
                while not someone.heard:
                    await CLOCK.sleep(0.01)
                began = CLOCK.now()
                node.kill()
                with pytest.raises(DeviceDisconnected):
                    await asking
                for _ in range(3):
                    with pytest.raises(DeviceFailed, match="nothing was sent"):
                        await ours.ask("actor", "off", device="lamps", deadline_s=60.0)
                assert CLOCK.now() - began < 30.0
            await asyncio.to_thread(node.start)
            await CLOCK.sleep(0.5)
            async with actor(node, (":", {})):
                assert await ours.ask("actor", "off", device="lamps") == {}

    run(scene())


def test_wrong_password(node: RabbitNode, run: Run) -> None:
    """A broker that refuses us is a failure: nothing was sent."""

    async def scene() -> None:
        async with link(node, password="wrong") as ours:  # noqa: S106
            with pytest.raises(DeviceFailed, match="nothing was sent"):
                await ours.ask("actor", "on", device="lamps")

    run(scene())

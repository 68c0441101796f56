"""Link to actors: commands and replies of the CLU protocol over RabbitMQ.

A command goes to the topic exchange under `command.<actor>`; its replies come back under `reply.<commander>` into a
queue of our own. Each command has three outcomes: done, failed, unknown. It is unknown when the deadline passes after
it was sent, or when the connection is lost. It is then never sent again from here. A command expires in the broker
with its deadline, so that an actor that comes back late does not obey a stale one. Commands that switch lamps off do
not expire: they wait in the queue behind everything that was sent before them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aio_pika
from aio_pika import DeliveryMode, ExchangeType, Message
from aio_pika.exceptions import AMQPError, DeliveryError
from pydantic import Field

from safelight.devices.clu.protocol import DONE, ENDINGS, Reply, UnspeakableError, command_string, complaint
from safelight.devices.errors import DeviceDisconnected, DeviceError, DeviceFailed, DeviceUnknown
from safelight.devices.observatory.driver_options import Login, Port, Wait
from safelight.documents.errors import quoted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage

    from safelight.devices.protocols import Timekeeper

__all__ = ["Broker", "Link", "Pending"]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
"""Time for which commands fail at once after a failed connection, s. It doubles each time, up to the second value."""

_FAREWELL_S = 1.0
"""Time limit for closing a connection, s."""

_FAREWELL_TURNS = 10

# The errors that these libraries log are raised from here, so their own log would repeat them.
for _library in ("aio_pika", "aiormq"):
    logging.getLogger(_library).addHandler(logging.NullHandler())

_CONNECTION_ERRORS = (AMQPError, OSError, RuntimeError, asyncio.InvalidStateError)


class Broker(Login):
    """Address of the broker, and deadlines.

    Attributes:
        deadline_s: deadline of a command that moves nothing, publishing and reply together, s;
            [wire] a slow power switch reports its timeout after 4.9 s.
        heartbeat_s: after two of these without a sign of life, the connection counts as lost, s.
    """

    host: str = "localhost"
    port: Port = 5672
    user: str = "guest"
    virtualhost: str = "/"
    tls: bool = False
    exchange: str = "sdss_exchange"
    heartbeat_s: int = Field(default=5, ge=1)
    deadline_s: Wait = 5.2


class Pending:
    """Command that was sent, with its replies as they come in.

    Attributes:
        ended: its last reply; fails when the connection is lost.
        replies: all of them so far.
        wire: the connection by which it was sent.
    """

    wire: _Wire

    def __init__(self, actor: str, device: str, verb: str) -> None:
        self.actor, self.device, self.verb = actor, device, verb
        self.id = str(uuid.uuid4())
        self.ended: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.replies: list[Reply] = []

    def hear(self, reply: Reply) -> None:
        """Take in one reply."""
        self.replies.append(reply)
        if reply.code in ENDINGS and not self.ended.done():
            self.ended.set_result(reply)

    def lose(self, why: str) -> None:
        """End the command as lost: no reply can come any more."""
        if not self.ended.done():
            self.ended.set_exception(DeviceDisconnected(why, device=self.device, verb=self.verb))
            self.ended.exception()  # marked as retrieved: it is raised to a waiting caller, if there is one

    async def answer(self) -> dict[str, Any]:
        """Return every keyword of the replies, the last value of each, once the command is done.

        Raises:
            DeviceFailed: the actor says that it failed.
            DeviceDisconnected: the connection was lost.
        """
        last = await asyncio.shield(self.ended)
        if last.code != DONE:
            raise DeviceFailed(f"{self.actor}: {complaint(self.replies)}", device=self.device, verb=self.verb)
        return self.keywords

    @property
    def keywords(self) -> dict[str, Any]:
        """Every keyword so far, with its last value."""
        return {key: value for reply in self.replies for key, value in reply.keywords.items()}


class _Connection(aio_pika.Connection):
    """Connection that is closed by us alone. One that was never opened has nothing to close in its finaliser."""

    def __del__(self) -> None:
        """Do nothing, where the library would schedule a close on a loop that may be gone."""


class _Wire:
    """Open connection to the broker."""

    def __init__(self, connection: AbstractConnection, exchange: AbstractExchange) -> None:
        self.connection, self.exchange = connection, exchange
        self.loop = asyncio.get_running_loop()

    @property
    def alive(self) -> bool:
        return not self.connection.is_closed and self.loop is asyncio.get_running_loop()


def _unique_name() -> str:
    return f"safelight-{uuid.uuid4().hex[:12]}"


class Link:
    """Connection to the broker, made at the first command and again after it was lost.

    Args:
        broker: address and login.
        clock: all waiting goes through it.
        overhear: commander -> called with the keywords of every reply to its commands, also between other actors.
        watch: actor -> called with the keywords of every reply of it, to any commander.
    """

    def __init__(
        self,
        broker: Broker,
        clock: Timekeeper,
        overhear: Mapping[str, Callable[[Mapping[str, Any]], None]] | None = None,
        watch: Mapping[str, Callable[[Mapping[str, Any]], None]] | None = None,
    ) -> None:
        self.broker = broker
        self._overhear = {f"reply.{commander}": hear for commander, hear in (overhear or {}).items()}
        self._watch = {f".{actor}": hear for actor, hear in (watch or {}).items()}
        self._clock = clock
        self._name = _unique_name()
        self._wire: _Wire | None = None
        self._turn: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._pending: dict[str, Pending] = {}
        self._pause_s, self._not_before = _FIRST_PAUSE_S, -1.0
        self._why = "no answer yet"
        self._farewells: set[asyncio.Task[None]] = set()
        self._left: set[asyncio.Task[Any]] = set()

    async def ask(
        self,
        actor: str,
        verb: str,
        *arguments: object,
        device: str,
        as_verb: str = "",
        deadline_s: float | None = None,
        expires: bool = True,
    ) -> dict[str, Any]:
        """Send a command that moves nothing, and wait for its end. Return the keywords of its replies.

        Args:
            actor: name of the actor.
            verb: words of its grammar.
            arguments: each is one argument.
            device: its name in errors.
            as_verb: the verb in errors, if it differs from the actor's.
            deadline_s: for publishing and reply together, s; None: the broker's.
            expires: whether the broker drops it after its deadline.

        Raises:
            DeviceFailed: the actor reported it, or nothing was sent.
            DeviceUnknown: it was sent, and no answer came.
        """
        patience_s = deadline_s or self.broker.deadline_s
        name = as_verb or verb
        sent = False
        try:
            async with (
                self._clock.timeout(patience_s),
                self.sent(actor, verb, *arguments, device=device, as_verb=name, expires=expires) as pending,
            ):
                sent = True
                return await pending.answer()
        except TimeoutError:
            if sent:
                reason = f"{actor} gave no answer in {patience_s:g} s; read it back before you repeat the command"
                raise DeviceUnknown(reason, device=device, verb=name) from None
            self._drop(self._wire)
            reason = f"the broker at {self._where} did not take the command in {patience_s:g} s"
            raise DeviceUnknown(reason, device=device, verb=name) from None

    @asynccontextmanager
    async def sent(
        self, actor: str, verb: str, *arguments: object, device: str, as_verb: str = "", expires: bool = False
    ) -> AsyncIterator[Pending]:
        """Send a command that runs while the body runs. It has no deadline of its own.

        Raises:
            DeviceFailed: nothing was sent: no broker, or no such actor.
            DeviceDisconnected: the connection was lost while it was sent.
        """
        pending = Pending(actor, device, as_verb or verb)
        try:
            text = command_string(verb, *arguments)
        except UnspeakableError as error:
            raise DeviceFailed(str(error), device=device, verb=pending.verb) from error
        wire = await self._connected(pending)
        pending.wire = wire
        self._pending[pending.id] = pending
        try:
            await self._publish(wire, pending, text, expires_s=self.broker.deadline_s if expires else None)
            yield pending
        finally:
            self._pending.pop(pending.id, None)

    async def close(self) -> None:
        """Release the connection. Every running command becomes unknown."""
        self._drop(self._wire)
        for publishing in self._left:
            publishing.cancel()
        await asyncio.gather(*self._farewells, *self._left, return_exceptions=True)
        # The library's own tasks end a few cycles of the loop after the connection.
        for _ in range(_FAREWELL_TURNS):
            await self._clock.sleep(0)

    @property
    def _where(self) -> str:
        return f"{self.broker.host}:{self.broker.port}"

    async def _publish(self, wire: _Wire, pending: Pending, text: str, expires_s: float | None) -> None:
        commander = f"{self._name}.{pending.actor}"
        message = Message(
            json.dumps({"command_string": text}).encode(),
            content_type="text/json",
            delivery_mode=DeliveryMode.NOT_PERSISTENT,
            correlation_id=pending.id,
            expiration=expires_s,
            reply_to=commander,
            headers={
                "command_id": pending.id,
                "commander_id": commander,
                "internal": False,
                "write_to_log": True,
            },
        )
        try:
            await self._to_the_end(
                wire.exchange.publish(message, routing_key=f"command.{pending.actor}", mandatory=True)
            )
        except DeliveryError as error:
            raise DeviceFailed(
                f"no actor {pending.actor} is running; nothing was done", device=pending.device, verb=pending.verb
            ) from error
        except _CONNECTION_ERRORS as error:
            self._drop(wire)
            lost = f"the connection to the broker at {self._where} was lost while the command was sent"
            reason = f"{lost}; {quoted('aio-pika', error)}"
            raise DeviceDisconnected(reason, device=pending.device, verb=pending.verb) from error

    async def _to_the_end(self, publishing: Coroutine[Any, Any, object]) -> None:
        """Publish to the end, even if the caller is cancelled meanwhile.

        If the broker returns a message for which no task waits any more, aiormq closes the channel, and every other
        command with it.
        """
        task = asyncio.ensure_future(publishing)
        try:
            await asyncio.shield(task)
        finally:
            if not task.done():
                self._left.add(task)
                task.add_done_callback(self._left.discard)

    async def _connected(self, pending: Pending) -> _Wire:
        loop = asyncio.get_running_loop()
        if self._turn is None or self._turn[0] is not loop:
            self._turn = (loop, asyncio.Lock())
        async with self._turn[1]:
            if self._wire is None or not self._wire.alive:
                self._wire = await self._connect(pending)
            return self._wire

    async def _connect(self, pending: Pending) -> _Wire:
        now = self._clock.now()
        if now < self._not_before:
            raise self._unreachable(pending, f"{self._why} (tried less than {self._pause_s:g} s ago)")
        self._not_before = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        try:
            wire = await self._dial()
        except _CONNECTION_ERRORS as error:
            self._why = quoted("aio-pika", str(error) or type(error).__name__)
            raise self._unreachable(pending, self._why) from error
        self._pause_s, self._not_before = _FIRST_PAUSE_S, -1.0
        return wire

    def _unreachable(self, pending: Pending, why: str) -> DeviceError:
        reason = f"no broker at {self._where}, nothing was sent: {why}"
        return DeviceFailed(reason, device=pending.device, verb=pending.verb)

    async def _dial(self) -> _Wire:
        broker = self.broker
        # The broker may still hold the queue of a connection that it does not know to be lost.
        self._name = _unique_name()
        connection = await aio_pika.connect(
            host=broker.host,
            port=broker.port,
            login=broker.user,
            password=broker.secret("guest"),
            virtualhost=broker.virtualhost,
            ssl=broker.tls,
            heartbeat=broker.heartbeat_s,
            client_properties={"connection_name": self._name},
            connection_class=_Connection,
        )
        try:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            exchange = await channel.declare_exchange(broker.exchange, ExchangeType.TOPIC, auto_delete=True)
            queue = await channel.declare_queue(self._name, exclusive=True, auto_delete=True)
            watched = (f"reply.#{ending}" for ending in self._watch)
            for key in (f"reply.{self._name}.#", *self._overhear, *watched):
                await queue.bind(exchange, routing_key=key)
            await queue.consume(self._hear, no_ack=True)
        except BaseException:
            await self._hang_up(connection)
            raise
        wire = _Wire(connection, exchange)
        connection.close_callbacks.add(lambda *_: self._lose(wire))
        return wire

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        headers = message.headers
        overhear = self._overhear.get(str(message.routing_key))
        pending = self._pending.get(str(headers.get("command_id")))
        try:
            body = json.loads(message.body)
        except ValueError:
            body = {}
        keywords = body if isinstance(body, dict) else {}
        for ending, hear in self._watch.items():
            # CLU names a commander after the client and the actor that it speaks to.
            if str(message.routing_key).endswith(ending):
                hear(keywords)
        if overhear is not None:
            overhear(keywords)
        elif pending is not None:
            pending.hear(Reply(str(headers.get("message_code")), keywords))

    def _lose(self, wire: _Wire) -> None:
        """Mark a connection as lost. Commands that wait for an answer fail at once."""
        if self._wire is wire:
            self._wire = None
        for pending in [pending for pending in self._pending.values() if pending.wire is wire]:
            pending.lose(f"the connection to the broker at {self._where} was lost; the command may have been obeyed")

    def _drop(self, wire: _Wire | None) -> None:
        """Stop using this connection. A broker that does not answer is not waited for."""
        if wire is None or wire is not self._wire:
            return
        self._lose(wire)
        if wire.loop is asyncio.get_running_loop():
            farewell = asyncio.create_task(self._hang_up(wire.connection))
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)

    async def _hang_up(self, connection: AbstractConnection) -> None:
        with suppress(TimeoutError, *_CONNECTION_ERRORS):
            async with self._clock.timeout(_FAREWELL_S):
                await connection.close()

"""The link to actors: commands and replies of the CLU protocol over RabbitMQ.

A command goes to the topic exchange under `command.<actor>`; its replies come back under `reply.<commander>` into a
queue of our own. Each command has three outcomes: done, failed, unknown. It is unknown when the deadline passes after
it was sent, or when the connection is lost; it is then never sent again from here. A command expires in the broker
with its deadline, so that an actor that comes back late does not obey a stale one; commands that darken do not expire:
they wait in the queue behind whatever was sent before them.
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

from safelight.devices.clu.words import DONE, ENDINGS, Reply, UnspeakableError, command_string, complaint
from safelight.devices.errors import DeviceDisconnected, DeviceError, DeviceFailed, DeviceUnknown
from safelight.devices.options import Login, Port, Wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage

    from safelight.devices.protocols import Timekeeper

__all__ = ["Broker", "Link", "Pending"]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
"""After a connection that could not be made, commands fail at once for so long: twice as long each time, s."""

_FAREWELL_S = 1.0
"""How long a broker may take to say goodbye, s."""

_FAREWELL_TURNS = 10

# What these libraries would print is raised from here; without a handler of theirs it would come up twice.
for _library in ("aio_pika", "aiormq"):
    logging.getLogger(_library).addHandler(logging.NullHandler())

_CONNECTION_ERRORS = (AMQPError, OSError, RuntimeError, asyncio.InvalidStateError)


class Broker(Login):
    """Where the broker is, and how patient we are.

    Attributes:
        deadline_s: how long a command that moves nothing may take, publishing and reply together, s;
            [wire] a slow power switch says so after 4.9 s.
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
    """A command that was sent; its replies as they come in.

    Attributes:
        ended: its last reply; fails when the connection is lost.
        replies: all of them so far.
    """

    def __init__(self, actor: str, device: str, verb: str) -> None:
        self.actor, self.device, self.verb = actor, device, verb
        self.id = str(uuid.uuid4())
        self.ended: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.replies: list[Reply] = []

    def hear(self, reply: Reply) -> None:
        """Take a reply in."""
        self.replies.append(reply)
        if reply.code in ENDINGS and not self.ended.done():
            self.ended.set_result(reply)

    def lose(self, why: str) -> None:
        """Nobody will hear of it any more."""
        if not self.ended.done():
            self.ended.set_exception(DeviceDisconnected(why, device=self.device, verb=self.verb))
            self.ended.exception()  # seen: it is raised to whoever waits, and to nobody if nobody does

    async def answer(self) -> dict[str, Any]:
        """Every keyword that it replied, the last value of each, once it is done.

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
        """Every keyword so far, the last value of each."""
        return {key: value for reply in self.replies for key, value in reply.keywords.items()}


class _Connection(aio_pika.Connection):
    """Closed by us alone: one that never came about has nothing to close, least of all when it is swept up."""

    def __del__(self) -> None:
        """Leave the loop in peace."""


class _Wire:
    """One connection that works."""

    def __init__(self, connection: AbstractConnection, exchange: AbstractExchange) -> None:
        self.connection, self.exchange = connection, exchange
        self.loop = asyncio.get_running_loop()

    @property
    def alive(self) -> bool:
        return not self.connection.is_closed and self.loop is asyncio.get_running_loop()


class Link:
    """A connection to the broker, made at the first command and anew after it was lost.

    Args:
        broker: where and who.
        clock: all waiting goes through it.
        overhear: commander -> told the keywords of every reply to its commands: what actors say to one another.
    """

    def __init__(
        self,
        broker: Broker,
        clock: Timekeeper,
        overhear: Mapping[str, Callable[[Mapping[str, Any]], None]] | None = None,
    ) -> None:
        self.broker = broker
        self._overhear = {f"reply.{commander}": hear for commander, hear in (overhear or {}).items()}
        self._clock = clock
        self._name = f"safelight-{uuid.uuid4().hex[:12]}"
        self._wire: _Wire | None = None
        self._turn: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._pending: dict[str, Pending] = {}
        self._pause_s, self._not_before = _FIRST_PAUSE_S, -1.0
        self._farewells: set[asyncio.Task[None]] = set()

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
        """Send a command that moves nothing, and wait for its end; returns the keywords that it replied.

        Args:
            actor: whom to ask.
            verb: words of its grammar.
            arguments: each is one argument.
            device: its name in errors.
            as_verb: the verb in errors, where it is not the actor's.
            deadline_s: over publishing and reply, s; None: the broker's.
            expires: whether the broker drops it after its deadline.

        Raises:
            DeviceFailed: the actor said so, or nothing was sent.
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
                reason = f"{actor} gave no answer in {patience_s:g} s; read it back before you ask again"
                raise DeviceUnknown(reason, device=device, verb=name) from None
            self._drop()
            reason = f"the broker at {self._where} did not take the command in {patience_s:g} s"
            raise DeviceUnknown(reason, device=device, verb=name) from None

    @asynccontextmanager
    async def sent(
        self, actor: str, verb: str, *arguments: object, device: str, as_verb: str = "", expires: bool = False
    ) -> AsyncIterator[Pending]:
        """A command that is on its way while the body runs; has no deadline of its own.

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
        self._pending[pending.id] = pending
        try:
            await self._publish(wire, pending, text, expires_s=self.broker.deadline_s if expires else None)
            yield pending
        finally:
            self._pending.pop(pending.id, None)

    async def close(self) -> None:
        """Release the connection; whatever is under way becomes unknown."""
        self._drop()
        await asyncio.gather(*self._farewells, return_exceptions=True)
        # The library's own tasks end a few turns of the loop after the connection.
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
            await wire.exchange.publish(message, routing_key=f"command.{pending.actor}", mandatory=True)
        except DeliveryError as error:
            raise DeviceFailed(
                f"no actor {pending.actor} is running; nothing was done", device=pending.device, verb=pending.verb
            ) from error
        except _CONNECTION_ERRORS as error:
            self._drop()
            reason = f"the connection to the broker at {self._where} was lost while the command was sent: {error}"
            raise DeviceDisconnected(reason, device=pending.device, verb=pending.verb) from error

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
            raise self._unreachable(pending, f"tried {self._pause_s:g} s ago at the most")
        self._not_before = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        try:
            wire = await self._dial()
        except _CONNECTION_ERRORS as error:
            raise self._unreachable(pending, str(error) or type(error).__name__) from error
        self._pause_s, self._not_before = _FIRST_PAUSE_S, -1.0
        return wire

    def _unreachable(self, pending: Pending, why: str) -> DeviceError:
        reason = f"no broker at {self._where}, nothing was sent: {why}"
        return DeviceFailed(reason, device=pending.device, verb=pending.verb)

    async def _dial(self) -> _Wire:
        broker = self.broker
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
            for key in (f"reply.{self._name}.#", *self._overhear):
                await queue.bind(exchange, routing_key=key)
            await queue.consume(self._hear, no_ack=True)
        except BaseException:
            await self._hang_up(connection)
            raise
        connection.close_callbacks.add(lambda *_: self._lose())
        return _Wire(connection, exchange)

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        headers = message.headers
        overhear = self._overhear.get(str(message.routing_key))
        pending = self._pending.get(str(headers.get("command_id")))
        try:
            body = json.loads(message.body)
        except ValueError:
            body = {}
        keywords = body if isinstance(body, dict) else {}
        if overhear is not None:
            overhear(keywords)
        elif pending is not None:
            pending.hear(Reply(str(headers.get("message_code")), keywords))

    def _lose(self) -> None:
        """The connection is gone: whoever waits is told at once."""
        self._wire = None
        for pending in list(self._pending.values()):
            pending.lose(f"the connection to the broker at {self._where} was lost; the command may have been obeyed")

    def _drop(self) -> None:
        """Use this connection no more; a broker that does not answer is not waited for."""
        wire, self._wire = self._wire, None
        self._lose()
        if wire is not None and wire.loop is asyncio.get_running_loop():
            farewell = asyncio.create_task(self._hang_up(wire.connection))
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)

    async def _hang_up(self, connection: AbstractConnection) -> None:
        with suppress(TimeoutError, *_CONNECTION_ERRORS):
            async with self._clock.timeout(_FAREWELL_S):
                await connection.close()

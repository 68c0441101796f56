"""Run unmodified actors of the LVM observatory in one process: `python run_actors.py CONFIG.json`.

Runs in the actors' own environment. The actors' classes and commands are theirs; this file only gives them what they
can't be given by a file: where PlaneWave's program listens. The fibre selector's actor needs libraries for its motor
that are on no index; in its place stands a real CLU actor with the same words, its 2 s cache included.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import click
from clu.actor import AMQPActor
from clu.parsers.click import CluGroup, ping, version

_CACHE_S = 2.0


@click.group(cls=CluGroup)
def fibsel_parser(*_):
    """The words of lvm.spec.fibsel."""


fibsel_parser.add_command(ping)
fibsel_parser.add_command(version)


class Fibsel(AMQPActor):
    """The stand-in; asks the simulated motor over a line of text."""

    parser = fibsel_parser

    def __init__(self, *args, motor_port, **kwargs):
        super().__init__(*args, additional_properties=True, **kwargs)
        self.motor_port = motor_port
        self._cached, self._cached_at = None, 0.0

    async def motor(self, words):
        """One exchange with the motor: steps, moving."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.motor_port)
        writer.write(f"{words}\n".encode())
        steps, moving = (await reader.readline()).split()
        writer.close()
        return int(steps), moving == b"1"

    async def position(self):
        """Where it was up to two seconds ago."""
        if self._cached is None or time.monotonic() - self._cached_at > _CACHE_S:  # noqa: TID251
            self._cached, self._cached_at = (await self.motor("where"))[0], time.monotonic()  # noqa: TID251
        return self._cached


@fibsel_parser.command("isReachable")
async def is_reachable(command):
    """Whether the motor answers."""
    command.finish(Reachable=True)


@fibsel_parser.command("isMoving")
async def is_moving(command):
    """Whether the motor turns."""
    command.finish(Moving=(await command.actor.motor("where"))[1])


@fibsel_parser.command("status")
async def status(command):
    """Everything at once."""
    moving = (await command.actor.motor("where"))[1]
    command.finish(Reachable=True, Moving=moving, Position=await command.actor.position())


@fibsel_parser.command("moveAbsolute")
@click.argument("STEPS", type=float)
async def move_absolute(command, steps):
    """Move, and answer with the position of before."""
    await command.actor.position()
    moving = (await command.actor.motor(f"move {int(steps)}"))[1]
    while moving:
        await asyncio.sleep(0.02)  # noqa: TID251
        moving = (await command.actor.motor("where"))[1]
    command.finish(Moving=False, Position=await command.actor.position())


@fibsel_parser.command("stop")
async def stop(command):
    """Stop the motor."""
    await command.actor.motor("stop")
    command.finish()


def _make(what, config):
    if what == "lvmnps":
        from lvmnps.actor.actor import NPSActor

        return NPSActor.from_config(config)
    if what == "lvmieb":
        from lvmieb.actor.actor import IEBActor

        return IEBActor.from_config(config)
    if what == "lvmscp":
        from lvmscp.actor import SCPActor

        return SCPActor.from_config(config)
    if what == "lvmpwi":
        from lvmpwi.actor.actor import lvmpwi
        from lvmpwi.pwi import PWI4

        PWI4.__init__.__defaults__ = ("127.0.0.1", config.pop("pwi4_port"))
        return lvmpwi.from_config(config)
    return Fibsel(**config["actor"])


async def main(path):
    """Start them all, say so, and stay."""
    actors = []
    for what, config in json.loads(Path(path).read_text()):
        actor = _make(what, config)
        await actor.start()
        actors.append(actor)
    Path(path).with_suffix(".ready").touch()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

"""Run unmodified actors of the LVM observatory in one process: `python run_actors.py CONFIG.json`.

Runs in the actors' own environment. The actors' classes and commands are theirs; this file only gives them what they
can't be given by a file: where PlaneWave's program listens, how long a detector's configuration is, and for the fibre
selector the libraries below `lvmtan`.
In place of the enclosure's actor stands ours.
"""

import asyncio
import json
import sys
from pathlib import Path


def _make(what, config):
    if what == "lvmnps":
        from lvmnps.actor.actor import NPSActor

        return NPSActor.from_config(config)
    if what == "lvmieb":
        from lvmieb.actor.actor import IEBActor

        return IEBActor.from_config(config)
    if what == "lvmscp":
        from archon.controller import controller
        from lvmscp.actor import SCPActor

        # Ours has a hundred lines. To ask for all 16,384 of a real one takes longer than the 10 s that are built in.
        controller.MAX_CONFIG_LINES = 256
        return SCPActor.from_config(config)
    if what == "enclosure":
        from enclosure import Enclosure

        return Enclosure(**config)
    from lvmpwi.actor.actor import lvmpwi
    from lvmpwi.pwi import PWI4

    PWI4.__init__.__defaults__ = ("127.0.0.1", config.pop("pwi4_port"))
    return lvmpwi.from_config(config)


async def main(path):
    """Start them all, say so, and stay."""
    actors = []
    for what, config in json.loads(Path(path).read_text()):
        if what == "lvmtan":
            import basda

            basda.install(config["motor_port"])
            await asyncio.to_thread(basda.run, **config["worker"])
            continue
        actor = _make(what, config)
        await actor.start()
        actors.append(actor)
    Path(path).with_suffix(".ready").touch()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

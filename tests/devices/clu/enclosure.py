"""Stand-in for LVM's `lvmecp`: its unmodified form needs an older pymodbus than the other actors.

A CLU actor with the one command that is sent to it. Words and keywords are those of sdss-lvmecp 1.3.3.
"""

import asyncio

import click
from clu.actor import AMQPActor
from clu.parsers.click import CluGroup, ping


@click.group(cls=CluGroup)
def parser(*_):
    """The words of lvmecp."""


parser.add_command(ping)


class Enclosure(AMQPActor):
    """The actor. Asks the simulated PLC over a line of text."""

    parser = parser

    def __init__(self, *args, plc_port, **kwargs):
        super().__init__(*args, additional_properties=True, **kwargs)
        self.plc_port = plc_port


@parser.command()
@click.option("--no-registers", is_flag=True)
async def status(command, no_registers):
    """Report the safety labels."""
    reader, writer = await asyncio.open_connection("127.0.0.1", command.actor.plc_port)
    labels = (await reader.readline()).decode().strip()
    writer.close()
    command.debug(safety_status_labels=labels)
    command.finish()

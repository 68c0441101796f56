"""Graph as W3C SCXML (State Chart XML, 2015), for other tools.

Lanes that run at the same time have their own events: the event `next.s7` moves state `s7` on. Readable names are in
the attribute `sl:name`.
"""

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import quoteattr

from safelight.show.drawing.labels import identifiers
from safelight.states import Event, Shape, StateGraph

__all__ = ["to_scxml"]

_ELEMENTS = {Shape.ATOMIC: "state", Shape.COMPOUND: "state", Shape.PARALLEL: "parallel", Shape.FINAL: "final"}


def to_scxml(graph: StateGraph) -> str:
    """Return the graph as an SCXML document."""
    names = identifiers(graph)
    spaces = 'xmlns="http://www.w3.org/2005/07/scxml" xmlns:sl="urn:safelight" version="1.0"'
    name, initial = quoteattr(_clean(graph.name)), quoteattr(names[graph.initial])
    head = f"<scxml {spaces} name={name} initial={initial} sl:hash={quoteattr(graph.hash)}>"
    return (
        "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *_inside(graph, names, None, "  "), "</scxml>"])
        + "\n"
    )


def _inside(graph: StateGraph, names: Mapping[str, str], parent: str | None, indent: str) -> Iterator[str]:
    for state in graph.children.get(parent, ()):
        element = _ELEMENTS[state.shape]
        begins = f" initial={quoteattr(names[state.initial])}" if state.initial else ""
        yield f"{indent}<{element} id={quoteattr(names[state.id])}{begins} sl:name={quoteattr(_clean(state.id))}>"
        for edge in graph.outgoing.get(state.id, ()):
            event = _event(edge.event, names[state.id])
            yield f'{indent}  <transition event="{event}" target="{names[edge.target]}"/>'
        yield from _inside(graph, names, state.id, indent + "  ")
        yield f"{indent}</{element}>"


def _event(event: str, name: str) -> str:
    if event == Event.JOINED:
        return f"done.state.{name}"
    return f"{event}.{name}" if event in (Event.NEXT, Event.RETRY, Event.RETAKE) else event


def _clean(text: str) -> str:
    """Return text that XML 1.0 can hold."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)

"""The tables of the journal. Times are ISO 8601, UTC; what has parts of its own is JSON text.

What a column means stands beside it (`doc`), and from there in docs/reference/journal.md.

A change here needs a migration beside it (engine/migrations/versions) and a new `VERSION`; a test compares the tables
that the migrations make with these.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

__all__ = [
    "VERSION",
    "control",
    "frames",
    "lamp_events",
    "locks",
    "metadata",
    "runs",
    "segments",
    "states",
    "version",
]

VERSION = "0001"
"""The newest migration."""

metadata = MetaData()

version = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True, doc="of the tables"))

runs = Table(
    "runs",
    metadata,
    Column("run", String(120), primary_key=True, doc="the run's id: begin (UTC), sequence, four random hex digits"),
    Column("created", String(40), nullable=False, doc="when it was made"),
    Column("sequence", Text, nullable=False, doc="the sequence's name"),
    Column(
        "sequence_text",
        Text,
        nullable=False,
        doc="the document, letter by letter; a resume uses this, not today's file",
    ),
    Column("sequence_origin", Text, nullable=False, doc="the file that it came from, as it was named"),
    Column("sequence_hash", String(64), nullable=False, doc="sha256 of what the document says, however it is written"),
    Column("observatory", String(120), nullable=False, doc="the observatory's name"),
    Column("observatory_source", Text, nullable=False, doc="the shipped name or the file that it was read from"),
    Column("observatory_text", Text, nullable=False, doc="the observatory document, as JSON"),
    Column("observatory_hash", String(64), nullable=False, doc="sha256 of what it says"),
    Column("options", Text, nullable=False, doc="JSON: `overlap`, `park_after`, `point`"),
    Column("choices", Text, nullable=False, doc="JSON: the fibres chosen for this run, by block, `lamps.0`: `P1-3`"),
    Column("folder", Text, nullable=False, doc="where its frames and its manifest lie"),
    Column("frames_asked", Integer, nullable=False, doc="how many frames the sequence asks for"),
    Column("outcome", String(20), doc="of its last segment; NULL while one goes on, or was killed"),
)

segments = Table(
    "segments",
    metadata,
    Column("run", String(120), ForeignKey("runs.run"), primary_key=True, doc="the run"),
    Column("segment", Integer, primary_key=True, doc="from 1"),
    Column("graph_hash", String(64), nullable=False, doc="sha256 of the graph that was walked"),
    Column("observatory_hash", String(64), nullable=False, doc="sha256 of the observatory document that counted"),
    Column("host", Text, nullable=False, doc="the machine"),
    Column("pid", Integer, nullable=False, doc="the process"),
    Column("version", String(40), nullable=False, doc="of safelight"),
    Column("started", String(40), nullable=False, doc="when"),
    Column("ended", String(40), doc="when; NULL while it goes on, or was killed"),
    Column("outcome", String(20), doc="done, aborted, faulted, paused or unsafe; NULL as above"),
    Column("reason", Text, doc="why it did not end in done"),
    Column("lamps", Text, doc="JSON: each lamp as it was read back last: off, on or unknown"),
)

states = Table(
    "states",
    metadata,
    Column("run", String(120), primary_key=True, doc="the run"),
    Column("segment", Integer, primary_key=True, doc="the segment"),
    Column("number", Integer, primary_key=True, doc="in the order in which states began, from 1"),
    Column("state", Text, nullable=False, doc="the state's id in the graph, `expose/LDLS-90s-001`"),
    Column("kind", String(40), nullable=False, doc="the kind of state, `expose`"),
    Column("frame", Text, doc="the frame that it belongs to, or NULL"),
    Column("attempt", Integer, nullable=False, doc="1 for the first try"),
    Column(
        "intended",
        String(40),
        nullable=False,
        doc="when its action was about to begin: committed before a device is asked",
    ),
    Column("ended", String(40), doc="when; NULL: nobody wrote it down"),
    Column("outcome", String(20), doc="done, failed or stopped; NULL as above"),
    Column("duration_s", Float, doc="how long it took, observatory seconds"),
    Column("error", Text, doc="what it failed with, one sentence"),
    Column("note", Text, doc="JSON, for `expose`: which try of the frame, and what was read back right before"),
)

frames = Table(
    "frames",
    metadata,
    Column("run", String(120), primary_key=True, doc="the run"),
    Column("number", Integer, primary_key=True, doc="in the order in which frames came onto the disk, from 1"),
    Column("segment", Integer, nullable=False, doc="the segment in which it was written down"),
    Column("frame", Text, nullable=False, doc="the frame's id, `LDLS-90s-001`"),
    Column("attempt", Integer, nullable=False, doc="1 for the first try of this frame"),
    Column("exposure_no", Integer, nullable=False, doc="the spectrographs' number"),
    Column(
        "verdict",
        String(20),
        nullable=False,
        doc="good; bad: not as declared, lies in `bad/`; lost: was good, and is not whole on the disk any more",
    ),
    Column("reason", Text, doc="why it is bad or lost; of a good one, how it was found, or what its header gets wrong"),
    Column("kept", String(40), nullable=False, doc="when it was written down"),
    Column(
        "files",
        Text,
        nullable=False,
        doc="JSON: a list of [path, bytes, sha256]; paths are relative to the run's folder where they lie in it",
    ),
)

lamp_events = Table(
    "lamp_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True, doc="in the order in which they were written"),
    Column("run", String(120), nullable=False, doc="the run; empty for what was done by hand while none went on"),
    Column("time", String(40), nullable=False, doc="when"),
    Column("lamp", String(120), nullable=False, doc="the lamp"),
    Column("action", String(20), nullable=False, doc="on or off: what was commanded"),
    Column("seen", String(20), doc="as read back afterwards: off, on or unknown; NULL: written before the command"),
    Column("who", String(20), nullable=False, doc="runner, guard or hand"),
    Column("why", Text, doc="the state that it was for, `safing`, or in words"),
    Index("lamp_events_of_run", "run"),
)

control = Table(
    "control",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True, doc="in the order in which they were asked"),
    Column("run", String(120), nullable=False, doc="the run that is asked"),
    Column("time", String(40), nullable=False, doc="when"),
    Column(
        "word", String(20), nullable=False, doc="pause or abort; start or resume, where a person asked for a segment"
    ),
    Column("who", Text, nullable=False, doc="user, machine and process that asks"),
    Column(
        "obeyed",
        String(40),
        doc="when the run has read it, or began; `too late` where it had ended before; NULL: not yet",
    ),
    Index("control_of_run", "run"),
)

locks = Table(
    "locks",
    metadata,
    Column("observatory", String(120), primary_key=True, doc="the observatory's name: one row for each that is in use"),
    Column("run", String(120), nullable=False, doc="the run that holds it"),
    Column("host", Text, nullable=False, doc="the machine"),
    Column("pid", Integer, nullable=False, doc="the process"),
    Column(
        "process_started",
        String(40),
        nullable=False,
        doc="when that process began, in the system's words: a number may be given again",
    ),
    Column("since", String(40), nullable=False, doc="when the lock was taken"),
    Column("beat", String(40), nullable=False, doc="when its owner last said that it lives, about every 5 s"),
)

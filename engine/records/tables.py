"""Tables of the journal. Times are ISO 8601, UTC. Structured values are JSON text.

The meaning of a column is in its `doc`, from which docs/reference/journal.md is made.

A change here needs a migration (engine/records/migrations/versions) and a new `VERSION`; a test compares the tables
that the migrations make with these.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

__all__ = [
    "VERSION",
    "control",
    "fences",
    "frames",
    "lamp_events",
    "life_signs",
    "locks",
    "metadata",
    "requests",
    "runs",
    "schedules",
    "segments",
    "states",
    "tokens",
    "version",
]

VERSION = "0006"
"""Newest migration."""

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
        doc="the document, verbatim; a resume uses this, not today's file",
    ),
    Column("sequence_origin", Text, nullable=False, doc="the file that it came from, as it was named"),
    Column("sequence_hash", String(64), nullable=False, doc="sha256 of what the document says, however it is written"),
    Column("observatory", String(120), nullable=False, doc="the observatory's name"),
    Column("observatory_source", Text, nullable=False, doc="the shipped name or the file that it was read from"),
    Column("observatory_text", Text, nullable=False, doc="the observatory document, as JSON"),
    Column("observatory_hash", String(64), nullable=False, doc="sha256 of what it says"),
    Column("options", Text, nullable=False, doc="JSON: `overlap`, `park_after`, `point`"),
    Column("choices", Text, nullable=False, doc="JSON: the fibres chosen for this run, by block, `lamps.0`: `P1-3`"),
    Column("folder", Text, nullable=False, doc="folder of its frames and its manifest"),
    Column("frames_asked", Integer, nullable=False, doc="number of frames of the sequence"),
    Column("outcome", String(20), doc="outcome of its last segment; NULL while one is running, or was killed"),
)

segments = Table(
    "segments",
    metadata,
    Column("run", String(120), ForeignKey("runs.run"), primary_key=True, doc="the run"),
    Column("segment", Integer, primary_key=True, doc="from 1"),
    Column("graph_hash", String(64), nullable=False, doc="sha256 of the executed graph"),
    Column("observatory_hash", String(64), nullable=False, doc="sha256 of the observatory document that counted"),
    Column("host", Text, nullable=False, doc="the machine"),
    Column("pid", Integer, nullable=False, doc="the process"),
    Column("version", String(40), nullable=False, doc="of safelight"),
    Column("started", String(40), nullable=False, doc="when"),
    Column("ended", String(40), doc="its end; NULL while it is running, or was killed"),
    Column("outcome", String(20), doc="done, aborted, faulted, paused or unsafe; NULL as above"),
    Column("reason", Text, doc="why it did not end in done"),
    Column("lamps", Text, doc="JSON: each lamp as it was read back last: off, on or unknown"),
    Column("epoch", Integer, doc="the epoch under which it held its observatory; NULL: of an older version"),
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
        doc="when its action was about to begin: committed before a device is commanded",
    ),
    Column("ended", String(40), doc="its end; NULL: not recorded"),
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
        doc="good; bad: not as declared, kept in `bad/`; trial: another exposure time gives the counts, kept in "
        "`trials/`; lost: was good, and is not whole on disk any more",
    ),
    Column("reason", Text, doc="why it is bad or lost; of a good one, how it was found, or what its header gets wrong"),
    Column("kept", String(40), nullable=False, doc="when it was written down"),
    Column(
        "files",
        Text,
        nullable=False,
        doc="JSON: a list of [path, bytes, sha256]; paths are relative to the run's folder if they are in it",
    ),
    Column(
        "light",
        Text,
        doc="JSON: what was seen in its pixels: `quality`, `words`, `findings`, `images` with the numbers of each; "
        "NULL: nothing was judged",
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
    Column("id", Integer, primary_key=True, autoincrement=True, doc="in the order of the requests"),
    Column("run", String(120), nullable=False, doc="the run of the request"),
    Column("time", String(40), nullable=False, doc="when"),
    Column(
        "word", String(20), nullable=False, doc="pause or abort; start or resume, where a person requested a segment"
    ),
    Column("who", Text, nullable=False, doc="user, machine and process of the requester"),
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
    Column(
        "observatory",
        String(120),
        primary_key=True,
        doc="the observatory's name, or `hardware ` and what its lamps are on: one row for each that is in use",
    ),
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
    Column(
        "beat",
        String(40),
        nullable=False,
        doc="when its owner last said that it lives, on the database's clock: every 5 s, on PostgreSQL every second",
    ),
    Column("epoch", Integer, nullable=False, server_default="0", doc="the owner's epoch; 0: of an older version"),
    Column("beats", Integer, nullable=False, server_default="0", doc="how often its owner has said so"),
)

fences = Table(
    "fences",
    metadata,
    Column("observatory", String(120), primary_key=True, doc="the observatory's name; its row is never deleted"),
    Column(
        "epoch",
        Integer,
        nullable=False,
        doc="epoch of the run that has taken it last, a number that a journal gives once: an older one may not write",
    ),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True, doc="its number, in the order of the requests"),
    Column("asked", String(40), nullable=False, doc="when"),
    Column("asked_by", Text, nullable=False, doc="user, machine and process of the requester"),
    Column("observatory", String(120), nullable=False, doc="the observatory's name"),
    Column("sequence", Text, nullable=False, doc="the sequence's name"),
    Column("sequence_text", Text, nullable=False, doc="the document, verbatim"),
    Column("options", Text, nullable=False, doc="JSON: `overlap`, `park_after`, `point`, where they were given"),
    Column("expected_s", Float, nullable=False, doc="planned duration, s"),
    Column("priority", Integer, nullable=False, doc="a higher one begins first"),
    Column("after", Integer, doc="the request that has to be done before, or NULL"),
    Column("not_before", String(40), doc="earliest beginning, or NULL"),
    Column("not_after", String(40), doc="latest end by its plan, or NULL"),
    Column(
        "state",
        String(20),
        nullable=False,
        doc="waiting, running, or how it has ended: an outcome of its run, cancelled, missed or skipped",
    ),
    Column("run", String(120), doc="its run; a new one with each try, until one has begun"),
    Column("host", Text, doc="host of the worker that began it last"),
    Column("tries", Integer, nullable=False, doc="how often a worker began or resumed it"),
    Column("reason", Text, doc="why it has not ended in done, or a condition for which it waits"),
    Column("sequence_hash", String(64), doc="sha256 of what the document says; NULL: of an older version"),
    Column("place", Float, doc="its place among those of the same priority; NULL: that of its number"),
    Column(
        "unless_done_since", String(40), doc="it is skipped if a run of the same sequence is done since then, or NULL"
    ),
    Column("requires", Text, doc="JSON: conditions of the observatory that must be met before it begins, or NULL"),
    Column("schedule", String(120), doc="the schedule that it comes from, or NULL"),
    Column("due", String(40), doc="the time of the schedule for which it was made, or NULL"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", String(120), primary_key=True, doc="its name"),
    Column("made", String(40), nullable=False, doc="when"),
    Column("asked_by", Text, nullable=False, doc="user, machine and process of the requester"),
    Column("observatory", String(120), nullable=False, doc="the observatory's name"),
    Column("sequence", Text, nullable=False, doc="the sequence's name"),
    Column("sequence_text", Text, nullable=False, doc="the document, verbatim"),
    Column("sequence_hash", String(64), nullable=False, doc="sha256 of what the document says"),
    Column("options", Text, nullable=False, doc="JSON: `overlap`, `park_after`, `point`, where they were given"),
    Column("expected_s", Float, nullable=False, doc="planned duration, s"),
    Column("priority", Integer, nullable=False, doc="priority of its requests"),
    Column("rule", Text, nullable=False, doc="five fields of cron, or a time relative to the sun: `sunset - 45 min`"),
    Column("until", Text, doc="latest end by the plan: `sunset + 10 min`, `16:30`; NULL: any"),
    Column("time_zone", Text, nullable=False, doc="time zone of the rule's clock times"),
    Column("latitude_deg", Float, doc="of the site, deg; NULL: not known"),
    Column("longitude_deg", Float, doc="of the site, deg, east is positive; NULL: not known"),
    Column("unless_done_within_s", Float, doc="skipped if a run is done so long before the due time, s, or NULL"),
    Column("requires", Text, doc="JSON: conditions of its requests, or NULL"),
    Column("paused", Integer, nullable=False, doc="1: makes no requests, 0: makes them"),
    Column("seen", String(40), nullable=False, doc="times until this one are dealt with"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", String(60), primary_key=True, doc="the person, or what else has it"),
    Column("hash", String(64), nullable=False, doc="sha256 of the token, which is kept nowhere"),
    Column("may", String(20), nullable=False, doc="watch, darken or run: each includes those before it"),
    Column("made", String(40), nullable=False, doc="when"),
    Column("made_by", Text, nullable=False, doc="user, machine and process of the requester"),
)

life_signs = Table(
    "life_signs",
    metadata,
    Column("host", String(120), primary_key=True, doc="the machine"),
    Column("what", String(20), primary_key=True, doc="worker, or guard: one of other hosts"),
    Column("observatory", String(120), primary_key=True, doc="the observatory's name"),
    Column("pid", Integer, nullable=False, doc="the process"),
    Column("version", String(40), nullable=False, doc="of safelight"),
    Column("seen", String(40), nullable=False, doc="its last sign of life, on the database's clock: every 5 s"),
)

"""Sending of notifications by processes of their own, which outlive a run, and what became of each.

`notify/<key>.json` in the state folder says of each notification whether it is `waiting`, `sent` or `failed`. Its
exclusive creation also makes sure that two guards send one notification, not two.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from safelight.devices.observatory.site_habits import NotifyTarget
from safelight.engine.clock import real_sleep
from safelight.engine.notify.notice import Notice

__all__ = ["Sent", "label_of", "notify", "outcomes_of", "undelivered"]

_FOLDER = "notify"
_LARGEST_BYTES = 100_000
_PATIENCE_S, _LOOK_S = 3.0, 0.05
"""How long the end of a run waits for first tries, and how often it looks, s of wall time."""

Sent = tuple[str, Path]
"""Label of a receiver, and the file that says what became of its notification."""


def label_of(target: NotifyTarget) -> str:
    """Return how a receiver is called in messages: the host of its URL, or its program, without secrets."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - only where a receiver is named

    return str(urlsplit(target.url).hostname) if target.url else Path((target.command or ("",))[0]).name


def notify(home: Path, targets: tuple[NotifyTarget, ...], notice: Notice, key: str) -> list[Sent]:
    """Start sending a notification to every receiver. This blocks only until the senders have started.

    Args:
        home: state folder.
        targets: receivers, from the observatory document.
        notice: what happened.
        key: names the occasion; the same notification is sent once.

    Returns:
        Those that this call has started.
    """
    started = []
    for number, target in enumerate(targets):
        if notice.event not in target.events:
            continue
        path = home / _FOLDER / f"{key}.{notice.event}.{number}.json"
        page = {"state": "waiting", "to": label_of(target), "notice": notice.as_json(), "why": ""}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                json.dump(page, file)
        except FileExistsError:
            continue
        except OSError:
            pass  # A full disk does not prevent notifications.
        order = {"path": str(path), "page": page, "target": target.model_dump(mode="json")}
        if _start(json.dumps(order).encode()):
            started.append((label_of(target), path))
    return started


def _start(order: bytes) -> bool:
    """Start a sender, which forks and continues alone. The order goes by a pipe, because URLs may hold secrets."""
    with suppress(OSError, subprocess.SubprocessError):
        process = subprocess.run(
            [sys.executable, "-P", "-m", "safelight.engine.notify"],
            input=order,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=60,
            check=False,
        )
        return process.returncode == 0
    return False


def state_of(path: Path) -> Mapping[str, Any]:
    """Return what became of a notification: `state`, `to`, `why`, `notice`, or nothing where it can't be read."""
    with suppress(OSError, ValueError, RecursionError):
        if path.stat().st_size <= _LARGEST_BYTES:
            found = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return found
    return {}


async def outcomes_of(sent: Iterable[Sent]) -> list[tuple[str, Literal["sent", "failed", "waiting"], str]]:
    """Wait shortly for first tries: receiver, what became of it, and why it has failed.

    `waiting` means that there is no answer yet. A failed try is repeated, by the sender.
    """
    return list(await asyncio.gather(*(_outcome(receiver, path) for receiver, path in sent)))


async def _outcome(receiver: str, path: Path) -> tuple[str, Literal["sent", "failed", "waiting"], str]:
    for _ in range(round(_PATIENCE_S / _LOOK_S)):
        found = state_of(path)
        if found.get("state") == "sent":
            return receiver, "sent", ""
        if found.get("why"):
            return receiver, "failed", str(found["why"])
        await real_sleep(_LOOK_S)
    return receiver, "waiting", ""


def undelivered(home: Path) -> Iterator[Mapping[str, Any]]:
    """Yield every notification that could not be delivered, oldest first."""
    for path in sorted((home / _FOLDER).glob("*.json")):
        found = state_of(path)
        if found.get("state") in ("failed", "waiting") and found.get("why"):
            yield found

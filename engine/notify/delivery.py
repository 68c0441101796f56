"""Delivery of one notification: tries, waits in between, and the file that says what became of it."""

import asyncio
import json
import os
import subprocess
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import HTTPErrorProcessor, Request, build_opener

from safelight.engine.clock import real_sleep
from safelight.files import write_atomically

__all__ = ["deliver"]

_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 120.0
_GOOD = range(200, 300)


class NotDeliveredError(Exception):
    """A try has failed, and why."""


class _AsAnswered(HTTPErrorProcessor):
    """Returns every answer as it is. A redirection is a failure: a POST that becomes a GET is not delivered."""

    def http_response(self, request: Request, response: Any) -> Any:  # noqa: ARG002
        return response

    https_response = http_response


def deliver(order: dict[str, Any]) -> bool:
    """Try until the receiver has it or all attempts are used up. Return whether it has it.

    Args:
        order: `path` of the page, the `page`, and the `target`.
    """
    target, page, path = order["target"], dict(order["page"]), Path(order["path"])
    wait_s = _FIRST_WAIT_S
    for attempt in range(1, target["attempts"] + 1):
        if attempt > 1:
            asyncio.run(real_sleep(wait_s))
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        try:
            _try(target, page["notice"])
        except NotDeliveredError as error:
            last = attempt == target["attempts"]
            page |= {"state": "failed" if last else "waiting", "why": str(error), "tries": attempt}
            _write(path, page)
        else:
            _write(path, page | {"state": "sent", "why": "", "tries": attempt})
            return True
    return False


def _try(target: dict[str, Any], notice: dict[str, Any]) -> None:
    """Deliver once.

    Raises:
        NotDeliveredError: it was not.
    """
    body = json.dumps(notice).encode()
    if target["url"] is None:
        _run(target["command"], body, notice, target["timeout_s"])
        return
    request = Request(target["url"], body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - checked
    try:
        with build_opener(_AsAnswered).open(request, timeout=target["timeout_s"]) as answer:
            if answer.status not in _GOOD:
                raise NotDeliveredError(f"the receiver answered {answer.status}")
    except (OSError, ValueError, HTTPException) as error:
        raise NotDeliveredError(_in_words(error)) from error


def _run(command: list[str], body: bytes, notice: dict[str, Any], timeout_s: float) -> None:
    more = {"SAFELIGHT_EVENT": notice["event"], "SAFELIGHT_TEXT": notice["text"], "SAFELIGHT_RUN": notice["run"]}
    try:
        ended = subprocess.run(  # noqa: S603 - the observatory document names it
            command, input=body, env={**os.environ, **more}, capture_output=True, timeout=timeout_s, check=False
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise NotDeliveredError(_in_words(error)) from error
    if ended.returncode:
        words = ended.stderr.decode(errors="replace").strip().splitlines()
        raise NotDeliveredError(f"exit code {ended.returncode}" + (f": {words[-1][:200]}" if words else ""))


def _in_words(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no end within {error.timeout:g} s"
    return " ".join(str(error).split())[:300] or type(error).__name__


def _write(path: Path, page: dict[str, Any]) -> None:
    """Replace the page. Where the disk is full, delivery continues."""
    with suppress(OSError):
        write_atomically(path, json.dumps(page).encode())

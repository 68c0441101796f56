"""Who is let in: asked on the wire, as an attacker would."""

import importlib.util
import json
import socket
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from safelight.web.gate import LARGEST_BODY, Door, refusal
from tests.web.hosting import Server

CHANGES = ("start", "check", "pause", "abort", "resume", "cancel", "lamps-off", "token")


@pytest.mark.parametrize("verb", CHANGES)
def test_nothing_is_changed_without_the_token(server: Server, verb: str) -> None:
    """A button's request without the token, or with a wrong one, is refused before anything else is checked."""
    body, typed = {"library": "bias"}, {"Content-Type": "application/json"}
    for token in ("", "Bearer", "Bearer wrong", f"Basic {server.token}", f"Bearer {server.token}x", "Bearer é"):
        status, _, _ = server.ask("POST", f"/api/{verb}", body, {**typed, "Authorization": token})
        assert status == 401
    assert server.ask("POST", f"/api/{verb}?token={server.token}", body, typed)[0] == 401


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://localhost:{port}"],
)
def test_other_origins_are_refused_even_with_the_token(server: Server, origin: str) -> None:
    """A page of another origin can change nothing, should it have got hold of the token."""
    status, answer = server.change("lamps-off", Origin=origin.format(port=urlsplit(server.address).port))
    assert (status, answer) == (403, {"error": "requests from other sites are refused"})


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_can_not_even_look(server: Server, site: str) -> None:
    """What a browser says to come from another site gets no data. Only a link to the page itself is followed."""
    said = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert server.ask("GET", "/api/library", headers=said)[0] == 403
    assert server.ask("GET", "/api/stream", headers=said)[0] == 403
    assert server.ask("GET", "/", headers={**said, "Sec-Fetch-Mode": "navigate"})[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil@127.0.0.1", "127.0.0.1/x", "", "[::1"]
)
def test_a_name_that_was_made_to_point_here_is_refused(server: Server, host: str) -> None:
    """DNS rebinding does not help: the request must be meant for 127.0.0.1 or localhost."""
    assert server.ask("GET", "/", headers={"Host": host})[0] in (400, 421)


def test_the_right_token_from_our_own_page_is_welcome(server: Server) -> None:
    """The same request with everything right does what it should, so that the refusals above mean something."""
    status, answer = server.change("lamps-off", Origin=server.address.rstrip("/"), Sec_Fetch_Site="same-origin")
    assert (status, answer["ok"]) == (200, True)
    assert set(answer["lamps"].values()) == {"off"}


def test_a_change_is_json_of_a_told_and_bounded_length(server: Server) -> None:
    """A form of another site can't be sent as JSON, and nobody fills the server's memory."""
    token = f"Bearer {server.token}"
    assert server.ask("POST", "/api/token", {}, {"Authorization": token, "Content-Type": "text/plain"})[0] == 415
    assert server.change("check", {"document": "x" * LARGEST_BODY})[0] == 413
    headers = {"authorization": token, "content-type": "application/json", "host": "localhost"}
    assert refusal("POST", "/api/token", headers, Door(server.token)) == (411, "send the length of the request")
    assert server.change("token", ["no", "object"])[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../../../../../etc/passwd",
        "/assets/..%2f..%2fgate.py",
        "/assets/%2e%2e/__init__.py",
        "/assets//etc/passwd",
        "/../web-token",
        "/web-token",
        "/assets/web-token",
        "/frames/x.fits",
        "/api/frame/picture?run=../../x&number=1",
        "/api/frame/picture?run=%00&number=1&file=-1",
        "/api/frame/picture?number=99999999999999999999",
    ],
)
def test_no_path_leads_out_of_the_served_folder(server: Server, path: str) -> None:
    """Whatever stands in a URL is a name to be looked up, and never becomes a path."""
    status, _, content = server.ask("GET", path)
    assert status == 404
    assert server.token.encode() not in content
    assert b"root:" not in content


def test_a_request_names_no_file(server: Server, tmp_path: Path) -> None:
    """A run is started from the library or from pasted text: a path in a request is nothing but a bad request."""
    document = tmp_path / "mine.yaml"
    document.write_text("biases: {count: 1}\n", encoding="utf-8")
    for asked in ({"library": str(document)}, {"library": "../demo"}, {"library": "--help"}, {"sequence": "demo"}, {}):
        assert server.change("start", asked)[0] == 400
    for run in ("--help", "../x", "", None, 7):
        assert server.change("resume", {"run": run})[0] in (400, 409)


def test_every_answer_carries_the_safety_headers(server: Server) -> None:
    """No script from elsewhere, no frame around the page, nothing from a cache: on good answers and refusals alike."""
    for path, headers in (("/", {}), ("/api/library", {}), ("/nowhere", {}), ("/", {"Host": "evil.example"})):
        _, said, _ = server.ask("GET", path, headers=headers)
        policy = said["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert (said["x-frame-options"], said["cache-control"]) == ("DENY", "no-store")
        assert "access-control-allow-origin" not in said


def test_it_listens_on_this_machine_only(server: Server) -> None:
    """Neither another address of this machine nor another `--host` reaches the page."""
    port = urlsplit(server.address).port
    for family, address in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as other:
            other.settimeout(2)
            assert other.connect_ex((address, port)) != 0
    command = [sys.executable, "-m", "safelight", "serve", "--host", "0.0.0.0", "--home", str(server.home)]  # noqa: S104
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert refused.returncode == 2
    assert "ssh -L" in refused.stderr


def test_the_token_is_kept_for_its_owner_only(server: Server) -> None:
    """The file has mode 600, holds the token that was printed, and a second server on the port leaves it alone."""
    path = server.home / "web-token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="ascii") == server.token + "\n"
    port = str(urlsplit(server.address).port)
    command = [sys.executable, "-m", "safelight", "serve", "--port", port, "--home", str(server.home)]
    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (second.returncode, "another --port" in second.stderr) == (2, True)
    assert path.read_text(encoding="ascii") == server.token + "\n"


def test_a_document_with_mistakes_is_not_started(server: Server) -> None:
    """All that is wrong with a pasted document comes back, with lines, and nothing is run."""
    before = server.home / "pasted"
    status, answer = server.change("start", {"document": "biases: {count: 1}\nlamps: {Argonn: {exposure_time: 1}}\n"})
    assert (status, answer["ok"], "pid" in answer) == (200, False, False)
    assert any("Argon" in problem for problem in answer["problems"])
    assert not before.exists()
    assert json.dumps(answer)


def test_the_page_takes_nothing_from_the_network() -> None:
    """No asset of the page names another host, and no script or style stands in the page itself."""
    spec = importlib.util.find_spec("safelight.web")
    assert spec is not None
    assert spec.origin is not None
    for file in (Path(spec.origin).parent / "page").iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text, file.name
        assert "https:" not in text, file.name
        assert "innerHTML" not in text, file.name
        assert "style=" not in text, file.name

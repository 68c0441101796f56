"""The page behind a real nginx with TLS, set up as the how-to says."""

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from safelight.engine.fleet.people import add_person, remove_person
from safelight.engine.records.database import Journal, default_url
from tests.engine.records.servers import missing
from tests.ports import free_port
from tests.web.hosting import Server, serving, wait_for

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "the-page-for-others.md"
NAME = "calib.example"


@dataclass
class Proxy:
    """A proxy that runs before a server."""

    server: Server
    address: str
    trust: ssl.SSLContext

    def client(self) -> httpx.Client:
        """A browser's requests: cookies are kept, and the certificate is checked against the name."""
        return httpx.Client(base_url=self.address, verify=self.trust, headers={"Host": NAME}, timeout=60)

    def ask(self, client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
        """One request."""
        return client.request(method, path, extensions={"sni_hostname": NAME}, **more)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Iterator[Proxy]:
    """The server, and nginx before it with the configuration of the how-to."""
    nginx, openssl = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin"), shutil.which("openssl")
    if nginx is None:
        missing("nginx (nginx-light)")
    if openssl is None:
        missing("openssl")
    folder = tmp_path_factory.mktemp("nginx")
    key, certificate, port = folder / "key.pem", folder / "certificate.pem", free_port()
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    words += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *words], check=True, capture_output=True)
    with serving(folder / "home", small, "--public-url", f"https://{NAME}") as server:
        found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        assert found is not None
        site = found[1].replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        site = site.replace("127.0.0.1:8321", urlsplit(server.address).netloc)
        site = re.sub(r"/etc/letsencrypt\S*fullchain.pem", str(certificate), site)
        site = re.sub(r"/etc/letsencrypt\S*privkey.pem", str(key), site)
        assert "letsencrypt" not in site
        paths = "".join(
            f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if not os.geteuid() else ""
        text = (
            f"{user}daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        )
        (folder / "nginx.conf").write_text(f"{text}http {{\naccess_log off;\n{paths}{site}}}\n", encoding="utf-8")
        log = (folder / "output").open("wb")
        process = subprocess.Popen([nginx, "-p", folder, "-c", folder / "nginx.conf"], stdout=log, stderr=log)
        try:
            wait_for(lambda: listening(port), 60)
            yield Proxy(server, f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=str(certificate)))
        finally:
            process.terminate()
            process.wait(60)
            log.close()


def listening(port: int) -> bool:
    """Whether somebody listens at a port."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_a_person_watches_and_darkens_over_tls(proxy: Proxy) -> None:
    """Without a token nothing is read. With it, events come at once, lamps go off, and the journal has the name."""
    with closing(Journal(default_url(proxy.server.home))) as journal:
        token = add_person(journal, "Ana", "darken", "a test")
    bearer = {"Authorization": f"Bearer {token}"}
    with proxy.client() as client:
        assert proxy.ask(client, "GET", "/").headers["strict-transport-security"].startswith("max-age=")
        assert proxy.ask(client, "GET", "/api/library").status_code == 401
        wait_for(lambda: proxy.ask(client, "POST", "/api/token", json={}, headers=bearer).status_code == 200)
        # From here on the cookie is enough for reading.
        assert proxy.ask(client, "GET", "/api/library").status_code == 200
        assert proxy.ask(client, "POST", "/api/lamps-off", json={}).status_code == 401
        with client.stream("GET", "/api/stream", extensions={"sni_hostname": NAME}) as events:
            heard = [line for line, _ in zip(events.iter_lines(), range(20), strict=False)]
            assert heard.count("event: tick") > 1
        found = proxy.ask(client, "POST", "/api/lamps-off", json={}, headers=bearer)
        assert (found.status_code, found.json()["ok"]) == (200, True)
        assert proxy.ask(client, "POST", "/api/start", json={"library": "bias"}, headers=bearer).status_code == 403
        ours = {**bearer, "Origin": f"https://{NAME}"}
        assert proxy.ask(client, "POST", "/api/token", json={}, headers=ours).json() == {"name": "Ana", "may": "darken"}
        theirs = {**bearer, "Origin": "https://evil.example"}
        assert proxy.ask(client, "POST", "/api/token", json={}, headers=theirs).status_code == 403
        with closing(Journal(default_url(proxy.server.home))) as journal:
            remove_person(journal, "Ana")
        wait_for(lambda: proxy.ask(client, "GET", "/api/library").status_code == 401)


def test_the_name_that_a_browser_sends_is_not_passed_on(proxy: Proxy) -> None:
    """Who asks the proxy for `localhost` is not taken for somebody on this machine."""
    with proxy.client() as client:
        for name in ("localhost", "127.0.0.1", urlsplit(proxy.server.address).netloc, "evil.example"):
            assert proxy.ask(client, "GET", "/api/library", headers={"Host": name}).status_code == 401
    assert proxy.server.ask("GET", "/api/library")[0] == 200

"""A private PostgreSQL server in a temporary folder, for as long as the tests last.

Debian keeps its programs in /usr/lib/postgresql/<version>/bin. PostgreSQL refuses to run as root: then an unprivileged
user runs it. `tests/install-servers` installs it; where it is missing the tests are skipped, and fail with CI=true.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

__all__ = ["Postgres", "missing", "pgbouncer", "postgres_server"]

USERS = ("postgres", "nobody")
TRIES = 200


@dataclass(frozen=True)
class Postgres:
    """A running server. It listens on a socket in its own folder, and on addresses where it is told to.

    Attributes:
        socket: the folder.
        user: the owner of the cluster.
        pid: of its main process.
        port: at its addresses.
    """

    socket: Path
    user: str
    pid: int
    port: int = 5432

    def url(self, database: str) -> str:
        """Return the URL of a database, as `--journal` takes it."""
        return f"postgresql://{self.user}@/{database}?host={self.socket}"


def missing(what: str) -> NoReturn:
    """Skip, saying why. On the continuous integration that is a failure."""
    words = f"{what} is not here; tests/install-servers installs it where it can"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


def _programs() -> Path | None:
    """Return the newest version's folder of programs."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = sorted(debian, key=lambda path: float(path.parts[-3]) if path.parts[-3].isdigit() else 0.0)
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).parent if elsewhere else None


def _owner() -> pwd.struct_passwd:
    """Return who runs the server: we, or an unprivileged user where we are root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid())
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    missing("an unprivileged user that could run PostgreSQL")


@contextmanager
def postgres_server(addresses: Sequence[str] = ()) -> Iterator[Postgres]:
    """Make a cluster, start it, and stop it by its own process number.

    Args:
        addresses: where it listens besides its socket, for whoever can reach them.
    """
    programs = _programs()
    if programs is None:
        missing("PostgreSQL")
    owner = _owner()
    # A socket's path is 107 characters at the most, and pytest's folders are closed to others.
    folder = Path(tempfile.mkdtemp(prefix="safelight-pg-"))
    try:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        with _running(programs, folder, owner, addresses) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(programs: Path, folder: Path, owner: pwd.struct_passwd, addresses: Sequence[str]) -> Iterator[Postgres]:
    as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    cluster = folder / "cluster"
    initdb = [programs / "initdb", "-D", cluster, "-U", "safelight", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **as_owner)  # type: ignore[call-overload]
    with (cluster / "pg_hba.conf").open("a") as rules:
        rules.writelines(f"host all all {address}/30 trust\n" for address in addresses)
    command = [
        programs / "postgres",
        "-D",
        cluster,
        "-k",
        folder,
        "-c",
        f"listen_addresses={','.join(addresses)}",
        "-c",
        "max_connections=40",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_owner)  # type: ignore[call-overload]
    try:
        server = Postgres(folder, "safelight", process.pid)
        _wait_for(server, process, folder / "log")
        yield server
    finally:
        # "Immediate": nothing in it is wanted any more.
        process.send_signal(signal.SIGQUIT)
        process.wait(60)


def _wait_for(server: Postgres, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(TRIES):
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            break
        else:
            return
    raise AssertionError(f"PostgreSQL did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


@contextmanager
def pgbouncer(server: Postgres) -> Iterator[Postgres]:
    """A pgbouncer in transaction mode before the server, on a socket of its own."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        missing("pgbouncer")
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="safelight-pgb-"))
    as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    (folder / "users").write_text(f'"{server.user}" ""\n', encoding="utf-8")
    (folder / "ini").write_text(
        f"[databases]\n* = host={server.socket}\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {folder}\n"
        f"listen_port = 5432\npool_mode = transaction\nauth_type = trust\nauth_file = {folder / 'users'}\n",
        encoding="utf-8",
    )
    try:
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, folder / "ini"], stdout=log, stderr=log, cwd=folder, **as_owner)  # type: ignore[call-overload]
        try:
            before = Postgres(folder, server.user, process.pid)
            _wait_for(before, process, folder / "log")
            yield before
        finally:
            # It holds nothing; what other signals mean differs between its versions.
            process.kill()
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

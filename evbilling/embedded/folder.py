"""Where the embedded services live on disk, and as whom they run."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SYSTEM_USER = "evbilling"
LONGEST_SOCKET_PATH = 107  # sockaddr_un.sun_path is 108 bytes, the last one a NUL


class EmbeddedError(RuntimeError):
    """An embedded service cannot run; the text says why and what to do."""


def run_dir() -> Path:
    """The folder of everything that a run leaves behind: `EVBILLING_RUN_DIR`, or `.run` in the project."""
    return Path(os.environ.get("EVBILLING_RUN_DIR") or PROJECT / ".run").absolute()


@dataclass(frozen=True)
class Owner:
    """The operating system user that a service runs as and that owns its files."""

    uid: int
    gid: int
    name: str


def owner_of(home: Path) -> Owner:
    """Who runs the service whose folder is `home`: we ourselves, or for root an unprivileged user.

    PostgreSQL refuses to run as root. An existing folder keeps its owner, so that root and the person who
    made the folder can take turns.
    """
    if os.geteuid() != 0:
        return _owner(os.geteuid())
    if home.exists() and (uid := home.stat().st_uid) != 0:
        return _owner(uid)
    return _system_user()


def _owner(uid: int) -> Owner:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedError(
            f"User id {uid} has no name in /etc/passwd, which PostgreSQL needs. Add one "
            f"(`useradd -u {uid} NAME`), or set DATABASE_URL to a PostgreSQL that runs elsewhere."
        ) from None
    return Owner(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _system_user() -> Owner:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        # 9: the name is taken, by someone who was quicker than we
        if made.returncode not in (0, 9):
            raise EmbeddedError(
                f"PostgreSQL refuses to run as root, and making the user {SYSTEM_USER} failed: "
                f"{made.stderr.strip()}. Type `{' '.join(command)}`, or run evbilling as a normal user."
            ) from None
    return _owner(pwd.getpwnam(SYSTEM_USER).pw_uid)


def prepare_home(home: Path) -> Owner:
    """Make the service's folder, closed to everyone but its owner, and return that owner."""
    owner = owner_of(home)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        make_private(home, owner)
    except PermissionError as error:
        raise EmbeddedError(
            f"{error.filename} cannot be written by {owner.name}; an earlier run belongs to another user. "
            f"Type `sudo chown -R {owner.name} {run_dir()}`, or set EVBILLING_RUN_DIR to another folder."
        ) from None
    if os.geteuid() == 0:
        open_the_way(home, owner)
    return owner


def make_private(folder: Path, owner: Owner) -> None:
    """A folder that only `owner` enters; refuses one that somebody else put there (or a symbolic link)."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise EmbeddedError(f"{folder} is not a folder. Remove it and start again.")
    if found.st_uid != owner.uid:
        if os.geteuid() != 0 or found.st_uid != 0:
            raise PermissionError(13, "belongs to another user", str(folder))
        os.chown(folder, owner.uid, owner.gid)
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def open_the_way(path: Path, owner: Owner) -> None:
    """Let `owner` pass through the folders above `path`; search permission only, nothing to list."""
    for folder in path.parents:
        found = folder.stat()
        if found.st_uid != owner.uid and not found.st_mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
            print(f"evbilling: chmod o+x {folder}, so that {owner.name} reaches {path}", file=sys.stderr)


def open_for_reading(tree: Path, probe: Path) -> None:
    """Under a strict umask, what root's pip installed is closed to others: open the service's programs."""
    wanted = stat.S_IROTH | stat.S_IXOTH
    if os.geteuid() != 0 or probe.stat().st_mode & wanted == wanted:
        return
    for path in (tree, *tree.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def socket_dir(home: Path, socket_name: str) -> Path:
    """The folder for a Unix socket: `home`, or a short one under /tmp where the path would not fit."""
    if len(os.fsencode(home / socket_name)) <= LONGEST_SOCKET_PATH:
        return home
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path("/tmp") / f"evbilling-{digest}"  # noqa: S108 - make_private() checks the owner; TMPDIR may be long


def rotate(log: Path) -> Path:
    """Move an earlier run's log to NAME.log.1 and return the path for the new one."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        shutil.move(log, log.with_suffix(".log.1"))
    return log

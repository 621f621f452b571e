"""Keep cargo's lock without naming the registry: `Cargo.lock.pinned` is what the project tracks.

Cargo writes into every package of Cargo.lock where it came from, and no tracked file may name a
download host. Cargo knows its registry itself, so the tracked lock leaves that line out:

    lock.py restore   Cargo.lock.pinned -> Cargo.lock, before any build (`make` does it)
    lock.py freeze    Cargo.lock -> Cargo.lock.pinned, after `cargo update` or a new dependency

CRATE is another crate, by its path from here: `benches/peer`.

Names, versions and checksums are all in the tracked file; with `--locked` cargo verifies each
download against them. Standard library only: this runs before there is an environment.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

CRATE = Path(__file__).resolve().parent.joinpath(*sys.argv[2:3])
LOCK = CRATE / "Cargo.lock"
PINNED = CRATE / "Cargo.lock.pinned"

_SOURCE_LINE = re.compile(r'^source = "(?P<source>.*)"\n', re.MULTILINE)
_CHECKSUM_LINE = re.compile(r"^(?=checksum = )", re.MULTILINE)


def restore() -> str:
    """Write Cargo.lock from the tracked lock; return what was done in words."""
    source_line = f'source = "{registry()}"\n'
    # Exactly the packages that were downloaded have a checksum; ours has none.
    lock = _CHECKSUM_LINE.sub(lambda _: source_line, PINNED.read_text(encoding="utf-8"))
    if LOCK.exists() and LOCK.read_text(encoding="utf-8") == lock:
        return f"{LOCK.name} already is what {PINNED.name} says"
    LOCK.write_text(lock, encoding="utf-8")
    return f"{LOCK.name} written from {PINNED.name}"


def freeze() -> str:
    """Write the tracked lock from Cargo.lock; return what was done in words."""
    lock = LOCK.read_text(encoding="utf-8")
    foreign = set(_SOURCE_LINE.findall(lock)) - {registry()}
    if foreign:
        raise SystemExit(f"{LOCK.name}: expected packages of one registry, found {sorted(foreign)}")
    PINNED.write_text(_SOURCE_LINE.sub("", lock), encoding="utf-8")
    return f"{PINNED.name} written from {LOCK.name}"


def registry() -> str:
    """Return cargo's own name for the registry our dependencies come from; needs no network."""
    try:
        answer = subprocess.run(
            ["cargo", "metadata", "--no-deps", "--format-version", "1"],
            cwd=CRATE,
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        raise SystemExit("cargo: expected on the PATH, was not found; install Rust") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"cargo metadata failed: {error.stderr.strip()}") from None
    (package,) = json.loads(answer.stdout)["packages"]
    # A dependency by its path, the engine of its bench, has no source.
    (source,) = {dependency["source"] for dependency in package["dependencies"]} - {None}
    return str(source)


VERBS = {"restore": restore, "freeze": freeze}

if __name__ == "__main__":
    if sys.argv[1:2] not in [[verb] for verb in VERBS] or not CRATE.joinpath("Cargo.toml").exists():
        raise SystemExit(f"usage: lock.py {' | '.join(VERBS)} [CRATE]")
    print(VERBS[sys.argv[1]]())

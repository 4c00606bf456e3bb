"""Reads a configuration file of the user's: YAML in UTF-8, or one clear line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from contracts.errors import UserError


def read_yaml(path: Path) -> Any:
    """The content of a file.

    Raises:
        UserError: it is missing, cannot be read, or is not YAML in UTF-8; names the file and what to do.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; `tocsin init` writes one") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML in UTF-8: {' '.join(str(error).split())}") from error

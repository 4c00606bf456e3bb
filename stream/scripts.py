"""Lua scripts, one file each, run by their digest; a Redis that restarted and forgot them gets them again."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError, ResponseError

from contracts.errors import Fenced


class Script:
    """One atomic script.

    Args:
        package: where the file lies, `alerts.lua`.
        name: file name without `.lua`.
    """

    def __init__(self, package: str, name: str) -> None:
        self.source = (
            resources.files(package.partition(".")[0])
            .joinpath(*package.split(".")[1:], f"{name}.lua")
            .read_text(encoding="utf-8")
        )
        self.digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    def run(self, redis: Redis, *args: bytes | str | int) -> Any:
        """Run it with `args` as ARGV.

        Raises:
            contracts.errors.Fenced: the script found a newer fencing epoch than the one it was given.
            redis.exceptions.ResponseError: what else the script refused.
        """
        try:
            try:
                return redis.evalsha(self.digest, 0, *args)
            except NoScriptError:
                return redis.eval(self.source, 0, *args)
        except ResponseError as error:
            if str(error).startswith("FENCED"):
                raise Fenced(str(error)) from error
            raise

    async def arun(self, redis: AsyncRedis, *args: bytes | str | int) -> Any:
        """The same on an event loop."""
        try:
            return await redis.evalsha(self.digest, 0, *args)
        except NoScriptError:
            return await redis.eval(self.source, 0, *args)

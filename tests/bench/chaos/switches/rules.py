"""Rules of the protocol that a chaos run may switch off: where in the product's scripts each is kept, and what takes its place.

Nothing in the product can switch a rule off. These patches are applied to the scripts' text as a process of a chaos run
loads them (`sitecustomize`); one that no longer fits the script ends the process, so that no run passes by patching nothing.
"""

from __future__ import annotations

# rule -> (package, script, what is there, what takes its place)
PATCHES: dict[str, list[tuple[str, str, str, str]]] = {
    # A batch may begin beyond what Redis has.
    "gate": [("alerts.lua", "count", "if position < gate[2] then", "if false then")],
    # An origin beyond mark + 1 is counted as if nothing were missing.
    "gap_check": [("alerts.lua", "count", "if offset > mark + 1 then", "if false then")],
    # A dirty mark is cleared whatever has been counted meanwhile or is not visible yet.
    "versioned_dirty": [
        (
            "alerts.lua",
            "commit",
            "if #left == 0 and redis.call('HGET', 'dirty', trim[1]) == trim[4] then",
            "if true then",
        )
    ],
    # A leader that was replaced leads on, and what it brings is written wherever Redis is.
    "fencing": [
        ("alerts.lua", "commit", "if (redis.call('GET', 'epoch:evaluator') or '') ~= tostring(commit.epoch) then", "if false then"),
        ("alerts.lua", "commit", "if (redis.call('GET', 'evaluated') or '') ~= commit.from then", "if false then"),
        ("alerts.lua", "commit", "if string.sub(redis.call('GET', 't:' .. trim[1]) or '', 1, #trim[2]) ~= trim[2] then", "if false then"),
        ("alerts.lua", "mark_sent", "if (redis.call('GET', 'epoch:evaluator') or '') ~= ARGV[1] then", "if false then"),
        ("stream.lua", "renew_lease", "if redis.call('GET', 'epoch:' .. name) ~= epoch then", "if false then"),
        ("stream.lua", "renew_lease", "if holder and holder ~= owner then", "if false then"),
    ],
    # An aggregator starts at the committed offset; kept in Python, see `sitecustomize`.
    "rewind": [],
}  # fmt: skip


def patched(rule: str, package: str, name: str, source: str) -> str:
    """A script's text without the rule.

    Raises:
        ValueError: the rule is not where it was; the patch must follow the script.
    """
    for of, script, before, after in PATCHES[rule]:
        if (of, script) != (package, name):
            continue
        if source.count(before) != 1:
            raise ValueError(f"{package}/{name}.lua: {before!r} stands there {source.count(before)} times, not once")
        source = source.replace(before, after)
    return source

"""Search the protocol's model deeper than the tests do, or watch it fail without a rule.

python tests/model [--depth 14] [--seconds 600]     all casts with every rule on, then everybody at once to a depth
python tests/model --off gate                       the shortest history that goes wrong without a rule
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from casts import NEEDED, TOGETHER, WHOLE
from protocol_search import search
from protocol_state import RULES


def say(text: str) -> None:
    """One thing found, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Exit code 1 when something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, help="steps of the search of everybody together")
    parser.add_argument("--seconds", type=float, default=600, help="of processor time for it")
    parser.add_argument("--off", choices=sorted(RULES), help="a rule to switch off")
    arguments = parser.parse_args()
    if arguments.off:
        rule, place = RULES[arguments.off]
        say(f"without `{arguments.off}`: {rule} ({place})")
        found = search(replace(NEEDED[arguments.off], off=frozenset([arguments.off])))
        say(str(found))
        return int(bool(found.violation))
    wrong = False
    for name, model in WHOLE.items():
        found = search(model)
        say(f"{name}: {found}")
        wrong = wrong or bool(found.violation)
    found = search(TOGETHER, arguments.depth, arguments.seconds)
    say(f"all together: {found}")
    return int(wrong or bool(found.violation))


if __name__ == "__main__":
    sys.exit(main())

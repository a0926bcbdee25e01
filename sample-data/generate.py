#!/usr/bin/env python3
"""Writes the JSON Lines files of this directory; the same ones every time.

./generate.py           writes them
./generate.py --check   says whether the files here are what it would write; exit status 1 when not
"""

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from generator import accounts, activity, orders, rides, users
from generator.world import DAY, World, at

HERE = Path(__file__).resolve().parent
BEGIN, END = at(1, "00:00"), at(31, "00:00") + DAY


def story():
    """The lines of each file, after a look at whether the story holds together."""
    world = World()
    for domain in (users, orders, rides, accounts, activity):
        domain.tell(world)
    files = world.files()
    hold_together(files)
    return {name: "".join(event.line() + "\n" for event in events) for name, events in files.items()}


def hold_together(files):
    """What every reader may rely on."""
    # Merged by time; equal times only ever stand in one file, so that there is one way to do it.
    events = sorted((event for lines in files.values() for event in lines), key=lambda event: event.time)
    seen, moments = set(), {}
    for event in events:
        where = f"{event.stream} version {event.version} ({event.type})"
        assert event.id not in seen, f"{where}: the id is taken"
        assert moments.setdefault(event.time, event.file) == event.file, (
            f"{where}: another file has an event at the same time"
        )
        assert event.cause is None or event.cause.id in seen, f"{where}: recorded before its cause"
        assert BEGIN <= event.time < END, f"{where}: not in March"
        seen.add(event.id)
    size = sum(len(event.line().encode()) + 1 for event in events)
    assert size < 1_100_000, f"{size} bytes are too many"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="write nothing, compare")
    check = arguments.parse_args().check
    stale = []
    for name, text in story().items():
        path = HERE / name
        if check:
            if not path.exists() or path.read_bytes() != text.encode():
                stale.append(name)
        else:
            path.write_bytes(text.encode())
            print(f"{name}: {text.count(chr(10))} events, {len(text.encode())} bytes")
    if stale:
        print(f"not what generate.py writes: {', '.join(stale)}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

"""The world the stories are told in: a clock, a list of recorded events, and the one way to write them down.

Everything is a function of the text of these modules: no clock, no environment, and of `random` only `random()`,
whose sequence for a given seed is the same in every Python. Ids hang on stream and place, so that changing one story
leaves the ids of the others alone.
"""

import calendar
import hashlib
import json
import random
import re
from datetime import datetime, timedelta
from decimal import Decimal

FILES = {
    "user": "users.jsonl",
    "order": "orders.jsonl",
    "ride": "rides.jsonl",
    "payment": "rides.jsonl",
    "account": "accounts.jsonl",
    "activity": "activity.jsonl",
}

EPOCH = datetime(1970, 1, 1)
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def at(day, clock):
    """A moment of March 2025 in milliseconds since 1970: `at(4, "14:03:22.518")`, or `at(4, "14:03")`."""
    hours, minutes, seconds = (clock.split(":") + ["0"])[:3]
    return (
        calendar.timegm((2025, 3, day, 0, 0, 0)) * SECOND
        + int(hours) * HOUR
        + int(minutes) * MINUTE
        + round(float(seconds) * SECOND)
    )


def daytime(time, first, last):
    """The same moment when its hour lies between the two (both included); otherwise one of the next day's that does."""
    hour = time // HOUR % 24
    if first <= hour <= last:
        return time
    return time + ((first - hour) % 24 + hour * 7 % (last - first + 1)) * HOUR


def iso(time):
    """Milliseconds since 1970 as the files write them."""
    return (EPOCH + timedelta(milliseconds=time)).isoformat(timespec="milliseconds") + "Z"


def number(cents):
    """An amount as a JSON number of euros: 1250 is `12.50`."""
    return Decimal(cents).scaleb(-2)


def text(cents):
    """An amount as a decimal in a string: 1250 is `"12.50"`."""
    return str(number(cents))


def uuid4(*parts):
    """A random-looking UUID that depends on `parts` alone."""
    digits = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(digits[16], 16) % 4]}{digits[17:20]}-{digits[20:32]}"
    )


def uuid7(time, *parts):
    """A UUID that sorts by time and otherwise depends on `parts` alone."""
    stamp = f"{time:012x}"
    rest = uuid4(*parts)
    return f"{stamp[:8]}-{stamp[8:]}-7{rest[15:]}"


class Dice:
    """Chance that is always the same for the same name."""

    def __init__(self, name):
        self._random = random.Random(f"stepback sample data, {name}")

    def below(self, n):
        """0 to n - 1."""
        return int(self._random.random() * n)

    def between(self, low, high):
        """low to high, both included."""
        return low + self.below(high - low + 1)

    def one_of(self, things):
        """One of them."""
        return things[self.below(len(things))]

    def chance(self, percent):
        """True so often."""
        return self._random.random() * 100 < percent

    def some_of(self, things, count):
        """`count` different ones, in the order drawn."""
        rest = list(things)
        return [rest.pop(self.below(len(rest))) for _ in range(count)]


class Event:
    """One recorded fact."""

    def __init__(self, stream, type_, time, data, metadata, cause):
        self.stream, self.type, self.time, self.data, self.metadata, self.cause = (
            stream,
            type_,
            time,
            data,
            metadata,
            cause,
        )
        self.version = None
        self.id = None

    @property
    def file(self):
        return FILES[self.stream.split("-", 1)[0]]

    def line(self):
        return encode(
            {
                "id": self.id,
                "stream": self.stream,
                "version": self.version,
                "type": self.type,
                "time": iso(self.time),
                "data": self.data,
                "metadata": self.metadata,
            }
        )


class World:
    """Everything that was recorded."""

    def __init__(self):
        self.events = []
        self._counts = {}

    def record(self, stream, type_, time, data, *, cause=None, user=None, schema=1, correlation=None, **more):
        """Records an event. Without a cause it begins a business transaction of its own."""
        count = self._counts[stream] = self._counts.get(stream, 0) + 1
        correlation = correlation or (cause.metadata["correlationId"] if cause else uuid4("transaction", stream, count))
        event = Event(
            stream,
            type_,
            time,
            data,
            {
                "correlationId": correlation,
                "causationId": cause.id if cause else None,
                "user": user,
                "schemaVersion": schema,
                **more,
            },
            cause,
        )
        event.id = uuid7(time, stream, count)
        self.events.append(event)
        return event

    def files(self):
        """The events of each file, in the order of their lines, versions given."""
        files = {name: [] for name in FILES.values()}
        versions = {}
        for event in sorted(self.events, key=lambda event: event.time):  # stable: what was told first comes first
            event.version = versions[event.stream] = versions.get(event.stream, 0) + 1
            files[event.file].append(event)
        return files


# Characters that act instead of showing themselves are written as escapes, so that the files are safe to print.
_ACTING = re.compile("[\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def encode(value):
    """JSON text without blanks. A `Decimal` is a number with exactly its digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode(key)}:{encode(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(encode, value)) + "]"
    return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))

"""What a customer did and was told, one stream a person."""

from .cast import BY_NUMBER, GOODS, PEOPLE
from .world import DAY, HOUR, MINUTE, SECOND, Dice, at

# "Ten times spring": points count tenfold.
CAMPAIGN = (at(21, "00:00"), at(24, "00:00"))

THEO = 104


def notify(world, person, time, cause, template, about):
    """Tells a person something, when they use the app."""
    if person.activity and time < person.gone:
        world.record(
            person.activity,
            "NotificationSent",
            time,
            {"template": template, "about": about, "channel": "push"},
            cause=cause,
            user="svc-notify",
        )


def earn(world, person, time, cause, cents, order):
    """One point a euro."""
    if not person.activity or time > person.gone:
        return
    base = cents // 100
    campaign = CAMPAIGN[0] <= time < CAMPAIGN[1]
    multiplier = 10 if campaign else 1
    if order == "order-1031":  # The planted bug: somebody typed two zeros too many, and nobody looked.
        multiplier = 1_000
    world.record(
        person.activity,
        "PointsEarned",
        time,
        {
            "points": base * multiplier,
            "for": order,
            "rule": {"base": base, "multiplier": multiplier, "campaign": "Ten times spring" if campaign else None},
        },
        cause=cause,
        user="svc-loyalty",
    )


def tell(world):
    for person in PEOPLE:
        if person.activity and person.number != THEO:
            visits(world, person, Dice(f"visits of {person.user}"), pace=4 * DAY, longest=4)
    theo(world)


WORDS = [
    "sencha",
    "teapot",
    "fountain pen",
    "quince",
    "お茶",
    "чай",
    "seeds",
    "gift for mum",
    "soap -olive",
    "100% linen",
    'map "coast"',
    "\\o/",
]


def visit(world, person, time, dice, longest):
    """One session; gives its end."""
    first = world.record(
        person.activity,
        "SessionStarted",
        time,
        {
            "device": {"kind": dice.one_of(["phone", "phone", "laptop"]), "app": dice.one_of(["4.9.2", "5.0.0", None])},
            "ip": f"2001:db8::{dice.below(65_535):x}",
        },
        user=person.user,
    )
    correlation = first.metadata["correlationId"]
    for _ in range(dice.between(1, longest)):
        time += dice.between(4, 140) * SECOND + dice.below(1000)
        roll = dice.below(100)
        if roll < 40:
            type_, data = "ItemViewed", {"sku": dice.one_of(GOODS)[0], "seconds": dice.between(2, 95)}
        elif roll < 62:
            type_, data = (
                "PageViewed",
                {
                    "path": dice.one_of(
                        ["/", "/tea", "/paper", "/rides", "/account", "/help/returns", "/sale?sort=price&page=2"]
                    )
                },
            )
        elif roll < 78:
            type_, data = "SearchMade", {"words": dice.one_of(WORDS), "hits": dice.one_of([0, 1, 3, 12, 40])}
        elif roll < 90:
            type_, data = "NotificationsRead", {"upTo": None}
        elif roll < 95:
            type_, data = "WishAdded", {"sku": dice.one_of(GOODS)[0], "note": dice.one_of([None, None, "for May 🎈"])}
        else:
            type_, data = (
                "ReviewWritten",
                {
                    "sku": dice.one_of(GOODS)[0],
                    "stars": dice.between(2, 5),
                    "text": dice.one_of(["good", "Sehr schön!", "とても良い", "a bit small,\nbut pretty", ""]),
                },
            )
        world.record(person.activity, type_, time, data, user=person.user, correlation=correlation)
    time += dice.between(3, 300) * SECOND + dice.below(1000)
    world.record(person.activity, "SessionEnded", time, None, user=person.user, correlation=correlation)
    return time


def visits(world, person, dice, pace, longest):
    time = person.joined + dice.between(5, 90) * MINUTE + dice.below(60_000)
    limit = min(person.gone, at(31, "21:00"))
    while time < limit:
        if 6 <= time // HOUR % 24 <= 22:
            time = visit(world, person, time, dice, longest)
        time += pace // 2 + dice.below(pace)


def theo(world):
    """The long stream: a month of browsing, with five days by the sea in between."""
    person, dice = BY_NUMBER[THEO], Dice("visits of Theo")
    time = person.joined + 11 * MINUTE + 402
    while time < at(31, "21:00"):
        if at(11, "23:00") < time < at(16, "17:00"):
            time = at(16, "18:12:09.771")
        if 6 <= time // HOUR % 24 <= 22:
            time = visit(world, person, time, dice, 12)
        time += 9 * HOUR + dice.below(13 * HOUR)
    for day, clock, points, words in [
        (19, "12:20:31.554", 40, "Free coffee ☕"),
        (29, "18:05:44.091", 500, "Bike bell 🔔"),
    ]:
        world.record(person.activity, "PointsSpent", at(day, clock), {"points": points, "for": words}, user=person.user)
    jump = next(event for event in world.events if event.type == "PointsEarned" and event.data["for"] == "order-1031")
    badge = world.record(
        person.activity,
        "BadgeAwarded",
        at(24, "07:00"),
        {"badge": "gold", "threshold": 10_000},
        cause=jump,
        user="svc-loyalty",
    )
    notify(world, person, badge.time + 530, badge, "badge", {"badge": "gold"})

"""Users: they sign up, change their names, and sometimes leave."""

from .cast import BY_NUMBER, PEOPLE
from .world import DAY, HOUR, MINUTE, SECOND, Dice, at, iso


def tell(world):
    for person in PEOPLE:
        if person.number not in (102, 113, 125, 130):
            ordinary(world, person)
    mira(world)
    mallory(world)
    chidi(world)
    bo(world)


def created(world, person, **more):
    """Until 10 March a name is one text; since then (schema 2) it has parts."""
    if person.joined < at(10, "00:00"):
        data = {"name": person.name, "email": person.mail, "locale": person.locale}
        schema = 1
    else:
        data = {
            "name": {"given": person.given, "family": person.family or None, "display": person.name},
            "contact": {"email": person.mail, "phone": None},
            "locale": person.locale,
        }
        schema = 2
    return world.record(person.user, "UserCreated", person.joined, data, user=person.user, schema=schema, **more)


def ordinary(world, person):
    dice = Dice(f"life of {person.user}")
    first = created(world, person)
    now = person.joined + dice.between(40, 900) * SECOND + dice.below(1000)
    world.record(person.user, "EmailVerified", now, {"email": person.mail}, cause=first, user=person.user)
    now += dice.between(2, 50) * MINUTE + dice.below(1000)
    street = dice.one_of(
        ["Harbour Street", "Mill Lane", "Linden Square", "Lighthouse Road", "Rua das Flores", "Kastanienallee"]
    )
    world.record(
        person.user,
        "AddressAdded",
        now,
        {
            "address": {
                "label": "home",
                "street": f"{street} {dice.between(1, 120)}",
                "floor": dice.one_of([None, None, 1, 2, 4]),
                "city": "Wrenhaven",
                "postcode": f"24{dice.between(100, 159)}",
                "location": {
                    "lat": round(54.31 + dice.below(6000) / 100_000, 5),
                    "lon": round(10.11 + dice.below(6000) / 100_000, 5),
                },
            }
        },
        user=person.user,
    )
    if dice.chance(60):
        now += dice.between(1, 70) * HOUR + dice.below(3_600_000)
        world.record(
            person.user,
            "PreferencesChanged",
            now,
            {
                "preferences": {
                    "newsletter": dice.one_of([True, False, None]),
                    "theme": dice.one_of(["light", "dark"]),
                    "notifications": {
                        "orders": True,
                        "rides": dice.chance(70),
                        "quietHours": dice.one_of([None, ["22:00", "07:00"]]),
                    },
                }
            },
            user=person.user,
        )
    if dice.chance(45) and now < at(27, "00:00"):
        now += dice.between(20, 90) * HOUR + dice.below(3_600_000)
        synced(world, person, now, person.name, dice)
    if dice.chance(30) and now < at(27, "00:00"):
        now += dice.between(10, 60) * HOUR + dice.below(3_600_000)
        changed = world.record(
            person.user,
            "EmailChanged",
            now,
            {"from": person.mail, "to": person.mail.replace("@", "+wren@")},
            user=person.user,
        )
        world.record(
            person.user,
            "EmailVerified",
            now + dice.between(30, 400) * SECOND,
            {"email": person.mail.replace("@", "+wren@")},
            cause=changed,
            user=person.user,
        )
    if person.number in (107, 120, 128):
        now += dice.between(30, 60) * HOUR
        new = {107: "Нина Орлова", 120: "İpek Yıldız-Braun", 128: "Darcy O'Neill"}[person.number]
        world.record(person.user, "UserRenamed", now, {"from": person.name, "to": new}, user=person.user)


def synced(world, person, time, name, dice, **more):
    """A phone sends the whole profile as it knows it."""
    return world.record(
        person.user,
        "ProfileSynced",
        time,
        {
            "profile": {
                "name": name,
                "email": person.mail,
                "locale": person.locale,
                "avatar": {"kind": "initials", "colour": dice.one_of(["#2a9d8f", "#e76f51", "#264653", "#e9c46a"])},
            },
            "device": {
                "model": dice.one_of(["Pixel 8", "iPhone 15", "Fairphone 5"]),
                "app": dice.one_of(["4.9.2", "5.0.0"]),
            },
        },
        user=person.user,
        schema=2,
        **more,
    )


def mira(world):
    """The user who comes back: her phone was offline when she was renamed and when she left."""
    person, dice = BY_NUMBER[102], Dice("mira")
    first = created(world, person)
    world.record(
        person.user, "EmailVerified", at(1, "08:44:10.902"), {"email": person.mail}, cause=first, user=person.user
    )
    world.record(
        person.user,
        "AddressAdded",
        at(1, "08:51:37.415"),
        {
            "address": {
                "label": "home",
                "street": "Linden Square 9",
                "floor": 3,
                "city": "Wrenhaven",
                "postcode": "24103",
                "location": {"lat": 54.32201, "lon": 10.12719},
            }
        },
        user=person.user,
    )
    synced(world, person, at(3, "18:20:44.087"), person.name, dice)
    world.record(
        person.user,
        "UserRenamed",
        at(8, "16:31:05.270"),
        {"from": "Mira Novák", "to": "Mira Lindqvist", "reason": "wedding 💍"},
        user=person.user,
    )
    world.record(
        person.user,
        "EmailChanged",
        at(8, "16:33:48.661"),
        {"from": person.mail, "to": "mira@lindqvist.example"},
        user=person.user,
    )
    asked = world.record(
        person.user,
        "DeletionRequested",
        at(19, "20:12:30.518"),
        {"confirmedBy": "email", "graceHours": 12},
        user=person.user,
    )
    world.record(
        person.user,
        "UserDeleted",
        at(20, "09:00:00.003"),
        {"reason": "requested by the user", "erased": ["addresses", "preferences"]},
        cause=asked,
        user="svc-privacy",
    )
    # The planted bug: queued on an old phone before the renaming, delivered after the deletion.
    synced(
        world,
        person,
        at(20, "13:47:09.336"),
        person.name,
        dice,
        source="offline-outbox",
        queuedAt=iso(at(7, "22:58:41.120")),
    )
    world.record(
        person.user, "NewsletterSent", at(21, "06:00:00.000"), {"to": person.mail, "issue": 12}, user="svc-newsletter"
    )


def mallory(world):
    """A name that would like to be a command."""
    person = BY_NUMBER[113]
    first = created(world, person)
    world.record(
        person.user, "EmailVerified", at(2, "09:30:41.000"), {"email": person.mail}, cause=first, user=person.user
    )
    world.record(
        person.user,
        "UserRenamed",
        at(5, "23:59:59.999"),
        {"from": "Mallory Finch", "to": "\x1b[2J\x1b]0;owned\x07\x1b[31mMallory\u202egnp.hcniF\u202c"},
        user=person.user,
    )
    world.record(
        person.user,
        "UserFlagged",
        at(6, "08:00:12.645"),
        {"by": "svc-trust", "why": "control characters in the name"},
        cause=world.events[-1],
        user="svc-trust",
    )
    world.record(
        person.user,
        "UserRenamed",
        at(6, "08:05:30.111"),
        {"from": "\x1b[2J\x1b]0;owned\x07\x1b[31mMallory\u202egnp.hcniF\u202c", "to": "Mallory F."},
        cause=world.events[-1],
        user="admin-2",
    )


def chidi(world):
    """A user who leaves, and stays away."""
    person = BY_NUMBER[125]
    first = created(world, person)
    world.record(
        person.user, "EmailVerified", person.joined + 95 * SECOND, {"email": person.mail}, cause=first, user=person.user
    )
    asked = world.record(
        person.user,
        "DeletionRequested",
        person.gone - DAY // 2,
        {"confirmedBy": "email", "graceHours": 12},
        user=person.user,
    )
    world.record(
        person.user,
        "UserDeleted",
        person.gone,
        {"reason": "requested by the user", "erased": ["preferences"]},
        cause=asked,
        user="svc-privacy",
    )


def bo(world):
    """The smallest stream there is."""
    created(world, BY_NUMBER[130])

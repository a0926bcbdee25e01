"""Bank accounts. Orders and rides are paid from them; salaries and rents come and go."""

from .cast import BY_NUMBER, PEOPLE
from .world import HOUR, MINUTE, Dice, at, number, text

# Since then amounts are decimals in strings with their currency, and a movement has a value date.
SCHEMA_2 = at(15, "00:00")
KWAME = 108

GROCERS = [
    "Corner Grocery",
    "Bakery Ährenfeld",
    "Saturday market",
    "Pharmacy at the Gate",
    "Bookshop Minerva",
    "Café Zwölf",
]


def money(time, cents):
    return (
        ({"amount": {"value": text(cents), "currency": "EUR"}}, 2)
        if time >= SCHEMA_2
        else ({"amount": number(cents)}, 1)
    )


def movement(world, account, type_, time, cents, words, *, cause=None, user="svc-bank", **more):
    data, schema = money(time, cents)
    return world.record(account, type_, time, {**data, "text": words, **more}, cause=cause, user=user, schema=schema)


def pay(world, person, time, cents, words, cause):
    """Takes what an order or a ride cost, when the person has an account (others pay by card elsewhere)."""
    if person.account and person.number != KWAME:
        movement(
            world,
            person.account,
            "MoneyWithdrawn",
            time,
            cents,
            words,
            cause=cause,
            user="svc-payments",
            method="wren-pay",
        )


def give_back(world, person, time, cents, words, cause):
    """Gives back what an order cost."""
    if person.account and person.number != KWAME:
        movement(
            world,
            person.account,
            "MoneyDeposited",
            time,
            cents,
            words,
            cause=cause,
            user="svc-payments",
            method="wren-pay",
        )


def tell(world):
    holders = [person for person in PEOPLE if person.account]
    for person in holders:
        if person.number != KWAME:
            ordinary(world, person)
    kwame(world)
    lent(world)
    frozen(world)


def opened(world, person, time, cents):
    if time < at(10, "00:00"):
        data, schema = {"owner": person.name, "userId": person.user, "currency": "EUR"}, 1
    else:
        data, schema = (
            {
                "owner": {"name": person.name, "userId": person.user},
                "currency": "EUR",
                "product": {"name": "everyday", "fee": None},
            },
            2,
        )
    first = world.record(person.account, "AccountOpened", time, data, user=person.user, schema=schema)
    movement(world, person.account, "MoneyDeposited", time, cents, "Opening deposit", cause=first, user=person.user)
    return first


def ordinary(world, person):
    dice = Dice(f"money of {person.user}")
    now = person.joined + dice.between(20, 200) * MINUTE + dice.below(60_000)
    opened(world, person, now, dice.between(60, 140) * 1000)
    wage = dice.between(1180, 2890) * 100 + dice.below(100)
    rent = dice.between(420, 780) * 100
    for day in (14, 28):
        if at(day, "00:00") > now:
            movement(
                world,
                person.account,
                "MoneyDeposited",
                at(day, "04:30") + dice.below(3_600_000),
                wage // 2,
                dice.one_of(["Salary", "Salary Wren Ltd", "Gehalt März", "Salário", "給与"]),
            )
    if now < at(18, "00:00"):
        movement(
            world,
            person.account,
            "MoneyWithdrawn",
            at(18, "06:00") + dice.below(600_000),
            rent,
            "Rent April",
            standingOrder=True,
        )
    time = now
    while True:
        time += dice.between(26, 110) * HOUR + dice.below(3_600_000)
        if time > at(31, "20:00"):
            break
        hour = time // HOUR % 24
        if hour < 7 or hour > 21:
            continue
        movement(
            world,
            person.account,
            "MoneyWithdrawn",
            time,
            dice.between(180, 4200),
            dice.one_of(GROCERS),
            user=person.user,
        )


def kwame(world):
    """The overdrawn account: the rent is taken 412 ms before the salary that was there the day before."""
    person, account = BY_NUMBER[KWAME], BY_NUMBER[KWAME].account
    opened(world, person, at(3, "10:05:12.380"), 24_000)
    for day, clock, cents, words in [
        (4, "12:31:50.114", 1_260, "Café Zwölf"),
        (5, "17:44:03.902", 2_315, "Corner Grocery"),
        (7, "08:12:29.655", 640, "Bakery Ährenfeld"),
        (8, "10:40:18.027", 3_180, "Saturday market"),
        (11, "18:03:55.491", 1_905, "Corner Grocery"),
        (13, "13:20:07.730", 850, "Pharmacy at the Gate"),
    ]:
        movement(world, account, "MoneyWithdrawn", at(day, clock), cents, words, user=person.user)
    movement(
        world, account, "MoneyDeposited", at(15, "16:08:33.218"), 6_000, "From Ama, for the concert 🎷", user="svc-bank"
    )
    movement(world, account, "MoneyWithdrawn", at(16, "19:55:41.006"), 3_400, "Jazz cellar", user=person.user)
    # Balance 164.50.
    rent = movement(
        world,
        account,
        "MoneyWithdrawn",
        at(19, "06:00:00.000"),
        25_000,
        "Rent, standing order",
        valueDate="2025-03-19",
        standingOrder=True,
    )
    movement(
        world,
        account,
        "MoneyDeposited",
        at(19, "06:00:00.412"),
        148_000,
        "Salary March",
        valueDate="2025-03-18",
        receivedAt="2025-03-18T15:21:07Z",
    )
    movement(world, account, "FeeCharged", at(19, "06:00:01.050"), 750, "Overdraft fee", cause=rent)
    for day, clock, cents, words in [
        (21, "12:04:26.733", 1_380, "Café Zwölf"),
        (24, "18:16:02.118", 4_120, "Corner Grocery"),
        (29, "09:37:45.860", 2_760, "Saturday market"),
    ]:
        movement(world, account, "MoneyWithdrawn", at(day, clock), cents, words, user=person.user)


def lent(world):
    """Money between friends: one transfer is two events in two streams."""
    for day, clock, giver, taker, cents, words in [
        (6, "20:14:09.303", 101, 104, 4_500, "Tickets 🎫"),
        (12, "11:52:37.918", 107, 110, 2_000, "с днём рождения! 🎂"),
        (17, "09:08:51.446", 111, 101, 12_550, "Half of the sofa"),
        (23, "21:33:15.007", 104, 116, 3_075, "Pizza, danke"),
        (26, "15:40:22.590", 110, 107, 2_000, "quà 🎁"),
    ]:
        giver, taker, time = BY_NUMBER[giver], BY_NUMBER[taker], at(day, clock)
        sent = movement(world, giver.account, "TransferSent", time, cents, words, user=giver.user, to=taker.account)
        movement(
            world,
            taker.account,
            "TransferReceived",
            time + 38,
            cents,
            words,
            cause=sent,
            user=giver.user,
            **{"from": giver.account},
        )


def frozen(world):
    """A card goes missing, limits change, one account is closed, interest is paid, statements are written."""
    lost = BY_NUMBER[115]
    stop = world.record(
        lost.account,
        "AccountFrozen",
        at(20, "22:41:18.274"),
        {"reason": "card reported lost", "until": None},
        user=lost.user,
    )
    world.record(lost.account, "AccountUnfrozen", at(22, "10:02:47.139"), {"note": None}, cause=stop, user="support-4")
    for number_, day, limit in [(101, 9, 50_000), (111, 13, 20_000), (111, 25, None), (103, 21, 30_000)]:
        world.record(
            BY_NUMBER[number_].account,
            "OverdraftLimitChanged",
            at(day, "11:30") + number_ * 1_013,
            {"limit": None if limit is None else number(limit)},
            user=BY_NUMBER[number_].user,
        )
    # The bank's ledger is older than this shop: its sequence numbers pass 2^53 tonight.
    sequence = 9_007_199_254_740_982
    for place, person in enumerate(person for person in PEOPLE if person.account):
        interest = movement(
            world,
            person.account,
            "InterestPaid",
            at(31, "21:00") + place * 977,
            3 + place * 2,
            "Interest March",
            rate="0.0125",
            days=31,
        )
        world.record(
            person.account,
            "StatementIssued",
            at(31, "22:00") + place * 1_409,
            {
                "period": "2025-03",
                "ledgerSequence": sequence + place,
                "pages": 1 + place % 3,
                "sentTo": None if place % 4 == 0 else person.mail,
            },
            cause=interest,
            user="svc-ledger",
            schema=2,
        )

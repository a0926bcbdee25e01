"""Rides and their payments: two streams a ride, written by two services, interleaved."""

from . import accounts, activity
from .cast import BY_NUMBER, DRIVERS, PLACES, customers
from .world import HOUR, MINUTE, SECOND, Dice, at, daytime, number, text

# Since then a fare is parts in cents (schema 2).
FARE_SCHEMA_2 = at(16, "00:00")
# Since then (version 5 of the app) a tip is in cents.
TIP_SCHEMA_2 = at(26, "00:00")

METER_WRAPPED = 18_446_744_073_709_551_615


class Ride:
    """Tells one ride and its payment."""

    def __init__(self, world, number_, person, time, dice):
        self.world, self.person, self.now, self.dice = world, person, time, dice
        self.ride, self.payment = f"ride-{number_}", f"payment-{number_ + 9000}"
        self.pickup, self.dropoff = dice.some_of(PLACES, 2)
        self.root = None
        self.root = self.say(
            "RideRequested",
            {
                "rider": person.user,
                "pickup": place(self.pickup),
                "dropoff": place(self.dropoff),
                "passengers": dice.one_of([1, 1, 1, 2, 3]),
                "wishes": dice.one_of([None, None, ["quiet"], ["child seat"], ["dog 🐕", "boot space"]]),
            },
        )
        metres = 900 + int(
            111_000 * (abs(self.pickup[1] - self.dropoff[1]) + 0.58 * abs(self.pickup[2] - self.dropoff[2])) * 1.3
        )
        self.metres, self.seconds = metres, metres // 8 + dice.between(60, 400)
        # Base, distance and time, in cents.
        self.parts = [("base", 350), ("distance", metres * 14 // 100), ("time", self.seconds * 35 // 60)]
        self.fare = sum(cents for _, cents in self.parts)
        self.limit = self.fare + 500 - self.fare % 100

    def say(self, type_, data, *, cause=None, after=0, user=None, schema=1):
        self.now += after
        return self.world.record(
            self.ride,
            type_,
            self.now,
            data,
            cause=cause,
            user=user or self.person.user,
            schema=schema,
            correlation=self.root and self.root.metadata["correlationId"],
        )

    def book(self, type_, data, *, cause, after=0, schema=1):
        """An event of the payment. It does not move the ride's clock."""
        return self.world.record(
            self.payment,
            type_,
            self.now + after,
            data,
            cause=cause,
            user="svc-payments",
            schema=schema,
            correlation=self.root.metadata["correlationId"],
        )

    def reserve(self):
        asked = self.book(
            "PaymentRequested",
            {"ride": self.ride, "payer": self.person.user, "limit": number(self.limit)},
            cause=self.root,
            after=0,
        )
        return self.book(
            "PaymentAuthorised",
            {
                "amount": number(self.limit),
                "method": {
                    "kind": "wren-pay" if self.person.account else "card",
                    "last4": None if self.person.account else f"{self.dice.below(10_000):04}",
                },
            },
            cause=asked,
            after=690 + self.dice.below(900),
        )

    def drive(self, *, driver=None, metres=None):
        """From the driver's yes to the fare; gives the event that ended the ride."""
        dice, driver = self.dice, driver or self.dice.one_of(DRIVERS)
        chosen = self.say(
            "DriverAssigned",
            {"driver": driver, "etaSeconds": dice.between(90, 600)},
            cause=self.root,
            after=dice.between(6, 50) * SECOND + dice.below(1000),
            user="svc-dispatch",
        )
        if dice.chance(18):
            left = self.say(
                "DriverWithdrew",
                {"driver": driver["id"], "reason": dice.one_of(["flat tyre", None, "traffic"])},
                cause=chosen,
                after=dice.between(30, 90) * SECOND + dice.below(1000),
                user=driver["id"],
            )
            driver = dice.one_of([other for other in DRIVERS if other["id"] != driver["id"]])
            self.say(
                "DriverAssigned",
                {"driver": driver, "etaSeconds": dice.between(90, 400)},
                cause=left,
                after=dice.between(4, 30) * SECOND + dice.below(1000),
                user="svc-dispatch",
            )
        self.say(
            "DriverArrived",
            {"waitingAt": self.pickup[0]},
            after=dice.between(2, 9) * MINUTE + dice.below(1000),
            user=driver["id"],
        )
        self.say(
            "RideStarted",
            {"odometer": dice.between(11_000, 98_000)},
            after=dice.between(20, 200) * SECOND + dice.below(1000),
            user=driver["id"],
        )
        if dice.chance(20):
            self.say(
                "RouteChanged",
                {
                    "reason": dice.one_of(["road works", "rider asked", "accident ahead ⚠️"]),
                    "addedMetres": dice.between(150, 1800),
                    "via": [place(dice.one_of(PLACES))],
                },
                after=self.seconds * 400,
                user=driver["id"],
            )
        ended = self.say(
            "RideCompleted",
            {"distanceMetres": metres or self.metres, "durationSeconds": self.seconds, "at": place(self.dropoff)},
            after=self.seconds * SECOND + dice.below(1000),
            user=driver["id"],
        )
        if self.now < FARE_SCHEMA_2:
            data, schema = (
                {
                    "currency": "EUR",
                    **{kind: number(cents) for kind, cents in self.parts},
                    "surge": number(100),
                    "total": number(self.fare),
                },
                1,
            )
        else:
            data, schema = (
                {
                    "fare": {
                        "currency": "EUR",
                        "cents": self.fare,
                        "parts": [{"kind": kind, "cents": cents} for kind, cents in self.parts],
                    },
                    "surge": "1.00",
                },
                2,
            )
        self.say("FareCalculated", data, cause=ended, after=12, user="svc-pricing", schema=schema)
        return ended

    def settle(self, ended):
        captured = self.book(
            "PaymentCaptured",
            {"amount": number(self.fare), "capture": f"cap_{self.dice.below(10**8):08}"},
            cause=ended,
            after=903,
        )
        accounts.pay(self.world, self.person, captured.time + 84, self.fare, f"Wren Ride, {self.ride}", captured)
        receipt = self.book(
            "ReceiptIssued",
            {"number": f"R-2025-{self.ride[5:]}", "total": number(self.fare), "vat": text(self.fare * 7 // 107)},
            cause=captured,
            after=1_377,
        )
        activity.notify(
            self.world,
            self.person,
            receipt.time + 240,
            receipt,
            "receipt",
            {"ride": self.ride, "total": text(self.fare)},
        )
        return captured

    def rate(self, stars, words=None):
        return self.say(
            "RideRated",
            {"stars": stars, "comment": words},
            after=self.dice.between(1, 20) * MINUTE + self.dice.below(1000),
        )

    def tip(self, cents, *, captured=True):
        after = self.dice.between(8, 40) * SECOND + self.dice.below(1000)
        if self.now + after >= TIP_SCHEMA_2:
            given = self.say("TipAdded", {"amount": cents, "unit": "cent", "currency": "EUR"}, after=after, schema=2)
        else:
            given = self.say("TipAdded", {"amount": number(cents), "currency": "EUR"}, after=after)
        if captured:
            taken = self.book("TipCaptured", {"amount": number(cents)}, cause=given, after=811)
            accounts.pay(self.world, self.person, taken.time + 77, cents, f"Tip, {self.ride}", taken)
        return given


def place(known):
    return {"label": known[0], "lat": known[1], "lon": known[2]}


COMMENTS = [
    "Lovely, thank you!",
    "すごく親切でした 🙏",
    "Musik etwas laut",
    None,
    None,
    None,
    "Très bien",
    "дуже дякую",
    "5/7 perfect score",
]


def tell(world):
    time = at(2, "06:30")
    for number_ in range(301, 346):
        dice = Dice(f"ride {number_}")
        time += dice.between(6 * 60, 23 * 60) * MINUTE + dice.below(3_600_000)
        time = daytime(time, 5, 23)
        special = {318: twice, 327: wrapped, 338: tipped}.get(number_)
        if special:
            time = special(world, number_, dice)
        else:
            ordinary(world, number_, time, dice)


def ordinary(world, number_, time, dice):
    person = dice.one_of(customers(time, without=(102, 108, 113, 125, 130)))
    ride = Ride(world, number_, person, time, dice)
    ride.reserve()
    if number_ in (306, 321, 335):  # nobody came, or nobody wanted to come any more
        ride.say(
            "RideCancelled",
            {"by": "rider", "reason": dice.one_of([None, "found the bus"]), "fee": None},
            after=dice.between(30, 200) * SECOND,
        )
        ride.book("PaymentVoided", {"reason": "ride cancelled"}, cause=world.events[-1], after=455)
        return
    if number_ in (312, 340):  # the rider did not show up
        ride.say(
            "DriverAssigned",
            {"driver": dice.one_of(DRIVERS), "etaSeconds": 240},
            cause=ride.root,
            after=9_112,
            user="svc-dispatch",
        )
        ride.say("DriverArrived", {"waitingAt": ride.pickup[0]}, after=4 * MINUTE + 10_271, user="svc-dispatch")
        gone = ride.say(
            "RideCancelled",
            {"by": "driver", "reason": "no-show", "fee": number(500)},
            after=6 * MINUTE,
            user="svc-dispatch",
        )
        fee = ride.book(
            "PaymentCaptured", {"amount": number(500), "capture": f"cap_{dice.below(10**8):08}"}, cause=gone, after=921
        )
        accounts.pay(world, person, fee.time + 84, 500, f"No-show fee, {ride.ride}", fee)
        return
    ride.settle(ride.drive())
    if dice.chance(55):
        ride.rate(dice.one_of([5, 5, 5, 4, 4, 3]), dice.one_of(COMMENTS))
    if number_ in (341, 344) or dice.chance(40) and ride.now < TIP_SCHEMA_2 - HOUR:
        ride.tip(dice.one_of([100, 150, 200, 250]))


def twice(world, number_, dice):
    """The fare captured twice: the service that takes tips takes the fare again."""
    time = at(14, "17:26:40.115")
    ride = Ride(world, number_, BY_NUMBER[107], time, dice)
    ride.reserve()
    ride.settle(ride.drive(driver=DRIVERS[2]))
    ride.rate(5, "Ама — супер! 🚕")
    tip = ride.tip(200, captured=False)
    # The planted bug.
    again = ride.book(
        "PaymentCaptured", {"amount": number(ride.fare), "capture": f"cap_{dice.below(10**8):08}"}, cause=tip, after=811
    )
    accounts.pay(world, ride.person, again.time + 84, ride.fare, f"Wren Ride, {ride.ride}", again)
    return time


def wrapped(world, number_, dice):
    """The ride whose meter ran backwards past zero: the reducer refuses the event and says why."""
    time = at(20, "22:47:31.902")
    ride = Ride(world, number_, BY_NUMBER[119], time, dice)
    ride.reserve()
    ride.settle(ride.drive(driver=DRIVERS[3], metres=METER_WRAPPED))
    ride.rate(3, "Le compteur clignotait 🤔")
    return time


def tipped(world, number_, dice):
    """A tip in cents, read as euros by the reducer."""
    time = at(26, "13:11:54.480")
    ride = Ride(world, number_, BY_NUMBER[101], time, dice)
    ride.reserve()
    ride.settle(ride.drive(driver=DRIVERS[0]))
    ride.rate(5, "Ingrid is the best")
    ride.tip(350)
    return time

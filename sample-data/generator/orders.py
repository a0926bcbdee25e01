"""Orders: a shop fills a basket, takes the money and sends a parcel."""

from . import accounts, activity
from .cast import BY_NUMBER, GOOD, GOODS, customers
from .world import DAY, HOUR, MINUTE, SECOND, Dice, at, daytime, number

# Since then prices are cents with a currency (schema 2).
SCHEMA_2 = at(17, "00:00")

COUPONS = [("HELLO10", "amount", 1_000), ("TEATIME", "percent", 15), ("SPRING5", "amount", 500)]
# When people of flesh and blood are needed: the hours, UTC, first and last.
OPEN = {
    "OrderReleased": (6, 19),
    "OrderShipped": (8, 17),
    "OrderDelivered": (8, 18),
    "ItemReturned": (9, 18),
    "RefundIssued": (8, 16),
}

CARRIERS = [("Nordpost", "NP"), ("Veloce", "VE"), ("Harbour Bikes 🚲", "HB")]


class Order:
    """Tells one order, and keeps its sum."""

    def __init__(self, world, number_, person, time):
        self.world, self.stream, self.person, self.now = world, f"order-{number_}", person, time
        self.items, self.coupons, self.shipping, self.root = {}, [], 0, None
        self.root = self.last = self.say(
            "OrderOpened", {"customer": person.user, "channel": ["web", "app"][number_ % 2]}
        )

    def say(self, type_, data, *, cause=None, after=0, schema=1, user=None, correlation=None):
        self.now = daytime(self.now + after, *OPEN.get(type_, (0, 23)))
        root = correlation or (self.root and self.root.metadata["correlationId"])
        self.last = self.world.record(
            self.stream,
            type_,
            self.now,
            data,
            cause=cause,
            user=user or self.person.user,
            schema=schema,
            correlation=root,
        )
        return self.last

    def price(self, cents):
        return ({"cents": cents, "currency": "EUR"}, 2) if self.now >= SCHEMA_2 else (number(cents), 1)

    def add(self, sku, quantity=1, after=0, note=None):
        self.now += after
        sku, name, cents = GOOD[sku]
        price, schema = self.price(cents)
        self.items[sku] = [quantity + self.items.get(sku, [0])[0], cents]
        if schema == 1:
            data = {"sku": sku, "name": name, "quantity": quantity, "unitPrice": price}
        else:
            data = {
                "item": {"sku": sku, "name": name, "options": note and {"note": note}},
                "quantity": quantity,
                "unitPrice": price,
            }
        return self.say("ItemAdded", data, schema=schema)

    def change(self, sku, quantity, after=0):
        self.items[sku][0] = quantity
        return self.say("QuantityChanged", {"sku": sku, "quantity": quantity}, after=after)

    def remove(self, sku, after=0):
        del self.items[sku]
        return self.say("ItemRemoved", {"sku": sku}, after=after)

    def coupon(self, code, kind, value, after=0):
        self.coupons.append((code, kind, value))
        amount = {"percent": value} if kind == "percent" else {"amount": number(value)}
        return self.say("CouponApplied", {"code": code, **amount}, after=after)

    def ship_by(self, method, cents, after=0):
        self.now += after
        self.shipping = cents
        price, schema = self.price(cents)
        street = f"{Dice(self.person.user).one_of(['Harbour Street', 'Mill Lane', 'Linden Square', 'Lighthouse Road'])} {self.person.number - 95}"
        address = {"name": self.person.name, "lines": [street, "24103 Wrenhaven"], "country": None}
        return self.say("ShippingChosen", {"method": method, "price": price, "address": address}, schema=schema)

    def total(self):
        subtotal = sum(quantity * cents for quantity, cents in self.items.values())
        off = sum(value if kind == "amount" else (subtotal * value + 50) // 100 for _, kind, value in self.coupons)
        return subtotal - off + self.shipping

    def place(self, after=0):
        self.now += after
        total, schema = self.price(self.total())
        return self.say("OrderPlaced", {"total": total, "lines": len(self.items), "gift": None}, schema=schema)

    def paid(self, after=0):
        """Authorised and captured; the customer's account follows."""
        total = self.total()
        authorised = self.say(
            "PaymentAuthorised",
            {"amount": number(total), "method": "wren-pay" if self.person.account else "card"},
            cause=self.last,
            after=after,
            user="svc-payments",
        )
        self.say("PaymentCaptured", {"amount": number(total)}, cause=authorised, after=840, user="svc-payments")
        captured = self.last
        accounts.pay(self.world, self.person, self.now + 65, total, f"Wren Shop, {self.stream}", captured)
        return captured

    def sent(self, cause, after=0):
        dice = Dice(f"parcel of {self.stream}")
        released = self.say(
            "OrderReleased",
            {"warehouse": "north", "picker": dice.one_of(["Emil", "Dunja", "Tariq"])},
            cause=cause,
            after=after,
            user="svc-warehouse",
        )
        carrier, prefix = dice.one_of(CARRIERS)
        shipped = self.say(
            "OrderShipped",
            {
                "carrier": carrier,
                "tracking": f"{prefix}{dice.between(10_000_000, 99_999_999)}",
                "parcels": [{"weightGrams": dice.between(180, 2400)}],
            },
            cause=released,
            after=dice.between(2, 9) * HOUR + dice.below(3_600_000),
            user="svc-warehouse",
        )
        activity.notify(self.world, self.person, self.now + 412, shipped, "order-shipped", {"order": self.stream})
        return shipped

    def delivered(self, cause, after=0):
        done = self.say(
            "OrderDelivered", {"signedBy": None, "place": "letterbox"}, cause=cause, after=after, user="svc-carrier"
        )
        activity.notify(self.world, self.person, self.now + 377, done, "order-delivered", {"order": self.stream})
        activity.earn(self.world, self.person, self.now + 1_208, done, self.total(), self.stream)
        return done


def tell(world):
    order_1002(world)
    order_1014_and_1041(world)
    order_1031(world)
    for first, last, begin, end in [
        (1001, 1001, at(2, "08:00"), at(3, "20:00")),
        (1003, 1013, at(4, "15:00"), at(9, "09:00")),
        (1015, 1030, at(9, "12:00"), at(20, "16:00")),
        (1032, 1040, at(20, "19:00"), at(25, "16:00")),
        (1042, 1048, at(25, "19:00"), at(30, "21:00")),
    ]:
        numbers, dice = range(first, last + 1), Dice(f"orders from {first}")
        starts = sorted(min(end, daytime(begin + dice.below(end - begin), 6, 22)) for _ in numbers)
        for number_, start in zip(numbers, starts):
            ordinary(world, number_, start)


def ordinary(world, number_, start):
    dice = Dice(f"order {number_}")
    person = dice.one_of(customers(start, without=(108, 113, 130)))
    if number_ in (1006, 1019, 1027, 1032, 1044):
        person = BY_NUMBER[104]  # Theo, who collects points
    order = Order(world, number_, person, start)
    for sku, _, _ in dice.some_of(GOODS, dice.between(1, 4)):
        together = dice.chance(15)  # "buy again" adds several at once: equal times
        order.add(
            sku,
            dice.one_of([1, 1, 1, 2, 3]),
            after=0 if together else dice.between(9, 160) * SECOND + dice.below(1000),
            note=dice.one_of([None, None, "gift wrap 🎁"]),
        )
    if dice.chance(25):
        order.change(
            dice.one_of(list(order.items)), dice.between(1, 4), after=dice.between(5, 60) * SECOND + dice.below(1000)
        )
    if len(order.items) > 2 and dice.chance(30):
        order.remove(dice.one_of(list(order.items)), after=dice.between(5, 60) * SECOND + dice.below(1000))
    if number_ in (1009, 1023, 1047):  # left in the basket
        return
    if dice.chance(30) and order.total() > 1_500:
        order.coupon(*dice.one_of(COUPONS), after=dice.between(10, 90) * SECOND + dice.below(1000))
    method, cents = dice.one_of([("standard", 390), ("standard", 390), ("express", 890), ("bike", 250)])
    order.ship_by(method, cents, after=dice.between(10, 90) * SECOND + dice.below(1000))
    order.place(after=dice.between(20, 120) * SECOND + dice.below(1000))
    if dice.chance(7):
        order.say(
            "OrderCancelled",
            {"reason": dice.one_of(["ordered twice", None, "too slow"]), "by": "customer"},
            after=dice.between(1, 30) * MINUTE + dice.below(1000),
        )
        return
    if dice.chance(12):
        order.say(
            "PaymentDeclined",
            {"amount": number(order.total()), "reason": "insufficient funds", "code": "51"},
            cause=order.last,
            after=2_300,
            user="svc-payments",
        )
        order.now += dice.between(3, 40) * MINUTE
    captured = order.paid(after=1_200 + dice.below(900))
    shipped = order.sent(captured, after=dice.between(30, 300) * MINUTE + dice.below(60_000))
    if order.now > at(29, "18:00"):  # still on its way at the end of the month
        return
    order.delivered(shipped, after=DAY + dice.between(1, 20) * HOUR + dice.below(3_600_000))
    if dice.chance(14) and order.now < at(28, "00:00"):
        sku = dice.one_of(list(order.items))
        quantity, cents = order.items[sku]
        back = order.say(
            "ItemReturned",
            {"sku": sku, "quantity": quantity, "reason": dice.one_of(["broken", "changed my mind", None])},
            after=dice.between(20, 60) * HOUR + dice.below(1000),
        )
        refund = order.say(
            "RefundIssued",
            {"amount": number(quantity * cents)},
            cause=back,
            after=dice.between(3, 20) * HOUR + dice.below(1000),
            user="support-4",
        )
        accounts.give_back(world, person, order.now + 71, quantity * cents, f"Refund, {order.stream}", refund)


def order_1002(world):
    """The negative total: two coupons stack, and nobody forbids it."""
    person = BY_NUMBER[103]
    order = Order(world, 1002, person, at(4, "13:41:07.226"))
    order.add("POT-ENAMEL", after=48_310)
    order.add("TEA-SENCHA", after=31_944)
    order.change("TEA-SENCHA", 2, after=12_087)
    order.add("TOWEL-LINEN", after=95_620)
    order.add("WHISK-MATCHA", after=140_371)
    order.remove("WHISK-MATCHA", after=66_902)
    order.coupon("HELLO10", "amount", 1_000, after=204_118)
    order.ship_by("standard", 0, after=51_733)
    order.say("GiftNoteWritten", {"to": "Mam", "text": "Lá breithe sona duit! 🎂☕", "card": None}, after=388_405)
    order.say(
        "InvoiceAddressGiven",
        {"name": person.name, "lines": ["c/o Café Zwölf", "Mill Lane 3", "24105 Wrenhaven"], "vatId": None},
        after=121_770,
    )
    order.coupon("SPRING50", "amount", 5_000, after=at(4, "14:03:22.518") - order.now)
    placed = order.place(after=41_209)
    asked = order.say("PaymentRequested", {"amount": number(order.total())}, cause=placed, after=3, user="svc-payments")
    order.say(
        "PaymentDeclined",
        {"amount": number(order.total()), "reason": "amount must be positive", "code": "13"},
        cause=asked,
        after=2_582,
        user="svc-payments",
    )
    again = order.say(
        "OrderReopened",
        {"by": "support-4", "ticket": "WREN-4411"},
        after=3 * DAY + 4 * HOUR + 127_455,
        user="support-4",
    )
    order.coupons.pop()
    order.say(
        "CouponRevoked", {"code": "SPRING50", "why": "not combinable"}, cause=again, after=38_216, user="support-4"
    )
    order.place(after=212_340)
    captured = order.paid(after=1_733)
    order.delivered(order.sent(captured, after=2 * HOUR + 5_204), after=26 * HOUR + 48_116)


def order_1014_and_1041(world):
    """The parcel nobody paid: two digits change places on their way to the warehouse."""
    unpaid = Order(world, 1014, BY_NUMBER[118], at(9, "11:02:33.871"))
    unpaid.add("CUP-RAKU", 2, after=64_222)
    unpaid.add("WHISK-MATCHA", after=29_618)
    unpaid.ship_by("express", 890, after=70_934)
    placed = unpaid.place(after=33_150)
    asked = unpaid.say(
        "PaymentRequested", {"amount": number(unpaid.total())}, cause=placed, after=4, user="svc-payments"
    )
    unpaid.say(
        "PaymentDeclined",
        {"amount": number(unpaid.total()), "reason": "card expired", "code": "54"},
        cause=asked,
        after=1_977,
        user="svc-payments",
    )
    unpaid.say(
        "ReminderSent",
        {"channel": "email", "template": "payment-open"},
        cause=unpaid.last,
        after=2 * DAY,
        user="svc-notify",
    )

    paid = Order(world, 1041, BY_NUMBER[120], at(25, "18:21:46.305"))
    paid.add("BOOK-A5", 3, after=41_080)
    paid.add("INK-BLUE", after=22_513)
    paid.ship_by("standard", 390, after=57_266)
    paid.place(after=48_902)
    captured = paid.paid(after=1_416)

    # The planted bug: released by the payment of order-1041.
    unpaid.now = captured.time + 47 * MINUTE + 12_338
    unpaid.sent(captured)


def order_1031(world):
    """Theo's order, whose points go wrong (see activity)."""
    order = Order(world, 1031, BY_NUMBER[104], at(20, "17:52:10.664"))
    order.add("PEN-FOUNTAIN", after=83_907)
    order.add("INK-BLUE", after=36_445)
    order.ship_by("standard", 390, after=44_318)
    order.place(after=52_776)
    captured = order.paid(after=1_365)
    order.delivered(order.sent(captured, after=95 * MINUTE), after=27 * HOUR + 512_090)

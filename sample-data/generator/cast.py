"""Who lives in Wrenhaven, and what the shop there sells."""

from .world import at


class Person:
    """A customer of Wren: user-101 has account-5001 (when they have one) and activity-101."""

    def __init__(self, number, given, family, mail, locale, joined, *, family_first=False, account=False, active=False):
        self.number, self.given, self.family, self.mail, self.locale, self.joined = (
            number,
            given,
            family,
            mail,
            locale,
            joined,
        )
        self.name = f"{family} {given}" if family_first else f"{given} {family}".strip()
        self.user = f"user-{number}"
        self.account = f"account-{number - 101 + 5001}" if account else None
        self.activity = f"activity-{number}" if active else None
        self.gone = at(31, "23:59:59.999")


A = {"account": True}
V = {"active": True}

PEOPLE = [
    Person(101, "Lou", "Okafor", "lou@okafor.example", "en-GB", at(1, "08:02:11.040"), **A, **V),
    Person(102, "Mira", "Novák", "mira.novak@post.example", "cs-CZ", at(1, "08:40:52.311"), **V),
    Person(103, "Siobhán", "Ní Bhriain", "siobhan@nibhriain.example", "ga-IE", at(1, "09:15:30.007"), **A),
    Person(104, "Theo", "Brandt", "theo.brandt@post.example", "de-DE", at(1, "09:48:05.660"), **A, **V),
    Person(105, "花子", "山田", "hanako@yamada.example", "ja-JP", at(1, "10:21:47.915"), family_first=True, **A, **V),
    Person(106, "José Ángel", "Muñoz", "ja.munoz@correo.example", "es-ES", at(1, "11:03:19.128"), **A),
    Person(107, "Нина", "Соколова", "nina@sokolova.example", "ru-RU", at(1, "12:37:44.502"), **A, **V),
    Person(108, "Kwame", "Mensah", "kwame@mensah.example", "en-GH", at(1, "14:09:26.733"), **A),
    Person(109, "Γιώργος", "Παππάς", "giorgos@pappas.example", "el-GR", at(1, "15:55:02.418"), **A),
    Person(
        110, "Thị Mai", "Nguyễn", "mai.nguyen@thu.example", "vi-VN", at(1, "17:20:38.250"), family_first=True, **A, **V
    ),
    Person(111, "Åsa", "Öberg", "asa@oberg.example", "sv-SE", at(1, "19:41:13.876"), **A, **V),
    Person(112, "서연", "김", "seoyeon@kim.example", "ko-KR", at(2, "07:58:21.094"), family_first=True),
    Person(113, "Mallory", "Finch", "mallory@finch.example", "en-US", at(2, "09:30:00.000"), **V),
    Person(114, "שירה", "לוי", "shira@levy.example", "he-IL", at(2, "10:44:56.381"), **A),
    Person(115, "Łukasz", "Wójcik", "lukasz@wojcik.example", "pl-PL", at(2, "13:12:09.547"), **A),
    Person(116, "प्रिया", "शर्मा", "priya@sharma.example", "hi-IN", at(2, "16:27:33.712"), **A, **V),
    Person(117, "Aroha", "Ngata", "aroha@ngata.example", "mi-NZ", at(3, "06:05:41.209"), **A),
    Person(118, "خالد", "الحسن", "khaled@alhasan.example", "ar-SY", at(3, "09:51:17.664")),
    Person(119, "Jean-Luc 🥖", "Moreau", "jl@moreau.example", "fr-FR", at(4, "07:33:28.130"), **A, **V),
    Person(120, "İpek", "Yıldız", "ipek@yildiz.example", "tr-TR", at(5, "11:46:50.925"), **A),
    Person(121, "伟", "陈", "wei@chen.example", "zh-CN", at(6, "13:29:04.373"), family_first=True, **A),
    Person(122, "สมชาย", "ใจดี", "somchai@jaidee.example", "th-TH", at(8, "08:17:39.481")),
    Person(123, "Олена", "Коваленко", "olena@kovalenko.example", "uk-UA", at(10, "10:08:55.806"), **A),
    Person(124, "Björk", "Þórsdóttir", "bjork@thorsdottir.example", "is-IS", at(11, "18:50:12.237")),
    Person(125, "Chidi", "Eze", "chidi@eze.example", "ig-NG", at(13, "12:02:46.550")),
    Person(126, "Clara", "von Hohenfels", "clara@hohenfels.example", "de-AT", at(15, "09:39:20.198"), **A),
    Person(127, "Rosa 🌻", "Amaral", "rosa@amaral.example", "pt-PT", at(16, "15:14:31.843"), **V),
    Person(128, "D'Arcy", "O'Neill", "darcy@oneill.example", "en-AU", at(19, "20:25:58.604")),
    Person(129, 'Tāne "TJ"', "Parata", "tj@parata.example", "mi-NZ", at(22, "07:11:07.359")),
    Person(130, "Bo", "", "bo@bo.example", "da-DK", at(26, "16:48:44.721")),
]

BY_NUMBER = {person.number: person for person in PEOPLE}
BY_NUMBER[102].gone = at(20, "09:00")
BY_NUMBER[125].gone = at(28, "10:00")

# sku, name, price in cents
GOODS = [
    ("TEA-SENCHA", "Sencha, 100 g", 850),
    ("TEA-EARLGREY", "Earl Grey, 50 bags", 620),
    ("POT-ENAMEL", "Enamel teapot", 2400),
    ("TOWEL-LINEN", "Linen tea towel", 650),
    ("WHISK-MATCHA", "Matcha whisk 茶筅", 1490),
    ("CUP-RAKU", "Raku cup 楽焼", 2780),
    ("HONEY-LIME", "Lime-tree honey, 500 g", 790),
    ("JAM-QUINCE", "Quince jam", 530),
    ("CHOC-85", "Chocolate 85 %", 380),
    ("BOOK-A5", "Notebook A5, dotted", 990),
    ("PEN-FOUNTAIN", "Fountain pen, medium", 3450),
    ("INK-BLUE", "Ink, night blue, 30 ml", 725),
    ("SEED-SUNFLOWER", "Sunflower seeds 🌻", 320),
    ("SOAP-OLIVE", "Olive soap, 3 pieces", 740),
    ("CANDLE-BEE", "Beeswax candle", 560),
    ("MAP-CYCLE", "Cycling map of the coast", 1295),
]
GOOD = {sku: (sku, name, cents) for sku, name, cents in GOODS}

PLACES = [
    ("Harbour Street 12", 54.32418, 10.13705),
    ("Mill Lane 3", 54.33102, 10.12217),
    ("Central Station", 54.31497, 10.13166),
    ("Old Fish Market", 54.32651, 10.14310),
    ("Linden Square", 54.32190, 10.12744),
    ("Botanical Garden", 54.34622, 10.11580),
    ("University Library", 54.33871, 10.12203),
    ("St. Brigid's Hospital", 54.32977, 10.14498),
    ("Airport, Terminal 1", 54.37944, 10.14521),
    ("Ferry Terminal", 54.31880, 10.14037),
    ("Café Zwölf", 54.32746, 10.13012),
    ("Lighthouse Road 88", 54.36205, 10.16933),
]

DRIVERS = [
    {"id": "driver-7", "name": "Ingrid Solheim", "vehicle": {"model": "ID.4", "plate": "WR-E 207", "electric": True}},
    {"id": "driver-12", "name": "Paulo Reis", "vehicle": {"model": "Model 3", "plate": "WR-E 112", "electric": True}},
    {"id": "driver-15", "name": "Ama Boateng", "vehicle": {"model": "Ioniq 5", "plate": "WR-E 315", "electric": True}},
    {"id": "driver-21", "name": "Marek Dvořák", "vehicle": {"model": "Octavia", "plate": "WR 421", "electric": False}},
    {"id": "driver-23", "name": "Yuki Tanabe", "vehicle": {"model": "Leaf", "plate": "WR-E 523", "electric": True}},
    {"id": "driver-30", "name": "Fátima Zahra", "vehicle": {"model": "EQV", "plate": "WR-E 630", "electric": True}},
]


def customers(time, *, without=()):
    """Who could have done something then."""
    return [p for p in PEOPLE if p.joined + 3_600_000 < time < p.gone and p.number not in without]

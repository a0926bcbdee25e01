//! Long names in little room: cut so that the names of one list can still be told apart.
//!
//! Names that stand together share most of what they are made of: a namespace before them, an assembly behind them, the
//! category of a stream. What tells one from another may be at any place. So the beginning stays as far as there is room,
//! and with it the part in which the name differs from the others of its list; what is left out is a `…`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;

use super::text;

/// Where a beginning is enough to tell names apart, so much of the end stays beside it.
const END: usize = 3;

/// A shorter beginning says nothing: what differs gets its room.
const BEGINNING: usize = 3;

/// So many names are compared with each other; of a longer list each with those that are most alike.
const COMPARED: usize = 128;

/// The name, safe, and at most `cells` wide, so that it differs from `others` where the whole names do. Its own name
/// among them does not count.
pub fn cut<'a>(name: &str, others: impl IntoIterator<Item = &'a str>, cells: usize) -> String {
    let whole = text::safe(name);
    if text::width(&whole) <= cells {
        return whole.into_owned();
    }
    let parts: Vec<&str> = whole.graphemes(true).collect();
    // Who has no room for an end has only a beginning.
    let Some(room) = cells.checked_sub(1 + END).filter(|room| *room >= BEGINNING) else {
        return text::fit(name, cells);
    };
    // The end of a number tells as much as all of it; the end of a word is none.
    let last = parts.iter().rposition(|part| divides(part)).map_or(0, |place| place + 1);
    let ends_in_a_word = !parts[last..].iter().any(|part| part.chars().any(|c| c.is_ascii_digit()));
    let mut differs: Option<(usize, usize)> = None;
    for other in others {
        if other == name {
            continue;
        }
        let other = text::safe(other);
        let (front, back) = shared(&parts, &other);
        if front >= room && (back >= END || ends_in_a_word) {
            let end = (parts.len() - back).max(front + 1).min(parts.len());
            differs = Some(differs.map_or((front, end), |(from, to)| (from.min(front), to.max(end))));
        }
    }
    match differs {
        Some((from, to)) => around(&parts, from.min(parts.len() - 1), to, cells),
        None => joined(&parts, room, (parts.len() - END, parts.len()), cells),
    }
}

/// Every name of a list as [`cut`] gives it, told apart from all others of the list.
pub fn all<'a>(names: &[&'a str], cells: usize) -> Vec<String> {
    if names.iter().all(|name| text::width(&text::safe(name)) <= cells) {
        return names.iter().map(|name| text::safe(name).into_owned()).collect();
    }
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    let sorted: Vec<&str> = distinct.into_iter().collect();
    if sorted.len() <= COMPARED {
        let cuts = names.iter().map(|name| cut(name, sorted.iter().copied(), cells)).collect();
        return apart(names, cuts, cells);
    }
    // Names that begin alike are neighbours in the one order, names that end alike in the other.
    let mut ends: Vec<(String, &str)> = sorted.iter().map(|name| (name.chars().rev().collect(), *name)).collect();
    ends.sort_unstable();
    let near = |place: usize| place.saturating_sub(COMPARED / 8)..(place + COMPARED / 8).min(sorted.len());
    let cut_one = |name: &&'a str| {
        let reversed: String = name.chars().rev().collect();
        let front = sorted.binary_search(name).unwrap_or_else(|place| place);
        let back = ends.binary_search_by(|(end, _)| end.as_str().cmp(&reversed)).unwrap_or_else(|place| place);
        let others = sorted[near(front)].iter().copied().chain(ends[near(back)].iter().map(|(_, name)| *name));
        cut(name, others, cells)
    };
    apart(names, names.iter().map(cut_one).collect(), cells)
}

/// The same cuts, but where different names came to look alike: a name differs from one name here and from another there, and
/// both parts do not always have room. Those that look alike are told from each other alone, if that makes them look like no
/// other either.
fn apart(names: &[&str], mut cuts: Vec<String>, cells: usize) -> Vec<String> {
    let mut alike: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, cut) in names.iter().zip(&cuts) {
        alike.entry(cut.clone()).or_default().insert(name);
    }
    let mut taken: BTreeSet<String> = alike.keys().cloned().collect();
    let mut better: BTreeMap<&str, String> = BTreeMap::new();
    for group in alike.values().filter(|group| (2..=COMPARED).contains(&group.len())) {
        for name in group {
            let tries = [cut(name, group.iter().copied(), cells), cut(name, [], cells), text::fit(name, cells)];
            if let Some(other) = tries.into_iter().find(|other| !taken.contains(other)) {
                taken.insert(other.clone());
                better.insert(name, other);
            }
        }
    }
    for (name, cut) in names.iter().zip(&mut cuts) {
        if let Some(better) = better.get(name) {
            cut.clone_from(better);
        }
    }
    cuts
}

/// The types of a list: where not all have room, what they all share before and after them goes first, and a `…` is put in
/// its place.
pub fn kinds(names: &[&str], cells: usize) -> Vec<String> {
    let mut common = Common::default();
    names.iter().for_each(|name| common.see(name));
    if names.iter().all(|name| text::width(&text::safe(name)) <= cells) || common.spared() == 0 {
        return all(names, cells);
    }
    let (front, back) = common.ends();
    let [before, behind] = [front, back].map(|cut| if cut > 0 { "…" } else { "" });
    let parts: Vec<&str> = names.iter().map(|name| &name[front..name.len() - back]).collect();
    let signs = text::width(before) + text::width(behind);
    let Some(room) = cells.checked_sub(signs).filter(|room| *room > BEGINNING) else {
        return parts.iter().map(|part| text::fit(&format!("{before}{part}"), cells)).collect();
    };
    // Where its own end is cut one sign says both.
    all(&parts, room).into_iter().map(|part| format!("{before}{part}{behind}").replace("……", "…")).collect()
}

/// What the names of a list share before and after what differs: whole words, as a namespace and an assembly are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Common {
    /// One of the names.
    like: Option<Arc<str>>,
    /// Whether there is another one.
    several: bool,
    /// How many bytes of it all have at their beginnings and at their ends.
    front: usize,
    back: usize,
    /// The bytes of the shortest.
    shortest: usize,
}

impl Common {
    /// Takes another name in.
    pub fn see(&mut self, name: &str) {
        let Some(like) = &self.like else {
            let len = name.len();
            *self = Self { like: Some(name.into()), several: false, front: len, back: len, shortest: len };
            return;
        };
        if **like == *name {
            return;
        }
        let same = |(a, b): &(char, char)| a == b;
        let bytes = |pairs: usize, c: char| pairs + c.len_utf8();
        let front = like.chars().zip(name.chars()).take_while(same).map(|(c, _)| c).fold(0, bytes);
        let back = like.chars().rev().zip(name.chars().rev()).take_while(same).map(|(c, _)| c).fold(0, bytes);
        self.several = true;
        (self.front, self.back) = (self.front.min(front), self.back.min(back));
        self.shortest = self.shortest.min(name.len());
    }

    /// What two lists share.
    pub fn and(mut self, other: &Self) -> Self {
        let Some(like) = &other.like else { return self };
        self.see(like);
        self.several |= other.several;
        let shares = |mine: usize, theirs: usize| if other.several { mine.min(theirs) } else { mine };
        (self.front, self.back) = (shares(self.front, other.front), shares(self.back, other.back));
        self.shortest = self.shortest.min(other.shortest);
        self
    }

    /// How many cells of each name need not be shown, the signs for them included.
    pub fn spared(&self) -> usize {
        let Some(like) = &self.like else { return 0 };
        let (front, back) = self.ends();
        let cells = |part: &str| text::width(&text::safe(part)).saturating_sub(1);
        cells(&like[..front]) + cells(&like[like.len() - back..])
    }

    /// How many bytes go, between words: something is left of every name.
    fn ends(&self) -> (usize, usize) {
        let Some(like) = &self.like else { return (0, 0) };
        if !self.several {
            return of_one(like);
        }
        let is_divider = |c: char| c.is_ascii() && !c.is_alphanumeric();
        let mut front = like[..self.front].rfind(is_divider).map_or(0, |at| at + 1);
        while front > 0 && front >= self.shortest {
            front = like[..front - 1].rfind(is_divider).map_or(0, |at| at + 1);
        }
        let start = like.len() - self.back;
        let back = like[start..].find(is_divider).map_or(0, |at| self.back - at);
        (front, if front + back < self.shortest { back } else { 0 })
    }
}

/// What goes of a name that stands alone: the namespace before it, the assembly behind it.
fn of_one(name: &str) -> (usize, usize) {
    let end = name.find(", ").unwrap_or(name.len());
    let front = name[..end].rfind(['.', '\\', '/', '+', ':']).map_or(0, |at| at + 1);
    if front < end { (front, name.len() - end) } else { (0, 0) }
}

/// How many characters two names share at their beginnings and at their ends.
fn shared(parts: &[&str], other: &str) -> (usize, usize) {
    let front = parts.iter().zip(other.graphemes(true)).take_while(|(a, b)| **a == *b).count();
    let back = parts.iter().rev().zip(other.graphemes(true).rev()).take_while(|(a, b)| **a == *b).count();
    (front, back)
}

/// A name cut around the part in which it differs: that part whole with the words it is in, where they have room.
fn around(parts: &[&str], from: usize, to: usize, cells: usize) -> String {
    let start = parts[..from].iter().rposition(|part| divides(part)).map_or(0, |place| place + 1);
    let end = parts[to..].iter().position(|part| divides(part)).map_or(parts.len(), |place| to + place);
    let behind = |end: usize| usize::from(end < parts.len());
    let fits = |from: usize, to: usize| 1 + width(&parts[from..to]) + behind(to) <= cells;
    let (from, to) = [(start, end), (from, end), (start, to), (from, to)]
        .into_iter()
        .find(|(from, to)| fits(*from, *to))
        .unwrap_or_else(|| (from, (from..to).rev().find(|to| fits(from, *to)).unwrap_or(from)));
    let left = cells.saturating_sub(1 + width(&parts[from..to]) + behind(to));
    joined(parts, left, (from, to), cells)
}

/// A beginning of at most so many cells, and a later part; the later part alone, with what of its word stands before it, where the
/// beginning would be too short to say anything.
fn joined(parts: &[&str], left: usize, (mut from, to): (usize, usize), cells: usize) -> String {
    let mut beginning = 0;
    while beginning < from && width(&parts[..=beginning]) <= left {
        beginning += 1;
    }
    if beginning < BEGINNING {
        beginning = 0;
        let behind = usize::from(to < parts.len());
        let in_a_word = |from: usize| from > 0 && !divides(parts[from - 1]);
        while in_a_word(from) && 1 + width(&parts[from - 1..to]) + behind <= cells {
            from -= 1;
        }
    }
    let mut out = parts[..beginning].concat();
    if beginning < from {
        out.push('…');
    }
    out.push_str(&parts[from..to].concat());
    if to < parts.len() {
        out.push('…');
    }
    out
}

/// Whether a character stands between words.
fn divides(part: &str) -> bool {
    !part.chars().any(char::is_alphanumeric)
}

fn width(parts: &[&str]) -> usize {
    parts.iter().map(|part| text::width(part)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [&str; 4] = [
        "Acme.Commerce.Ordering.Domain.Events.OrderPlaced, Acme.Commerce.Ordering.Domain",
        "Acme.Commerce.Ordering.Domain.Events.OrderCancelled, Acme.Commerce.Ordering.Domain",
        "Acme.Commerce.Ordering.Domain.Events.PaymentReceived, Acme.Commerce.Ordering.Domain",
        "Acme.Commerce.Ordering.Domain.Events.PaymentRefused, Acme.Commerce.Ordering.Domain",
    ];

    #[test]
    fn what_differs_stays_wherever_it_is() {
        assert_eq!(
            all(&TYPES, 26),
            [
                "Acme.Commerce…OrderPlaced…",
                "Acme.Comme…OrderCancelled…",
                "Acme.Comm…PaymentReceived…",
                "Acme.Comme…PaymentRefused…"
            ]
        );
        assert_eq!(all(&TYPES, 17), ["Acme…OrderPlaced…", "…OrderCancelled…", "…PaymentReceived…", "…PaymentRefused…"]);
        let hosts = ["Acme.Network.Inventory.HostRegistered", "Acme.Network.Inventory.HostRemoved"];
        assert_eq!(all(&hosts, 15), ["…HostRegistered", "Acm…HostRemoved"]);
        let streams = ["account:command-6f1c7d2a-91b2-42af", "account:command-6f1c7d2a-17d4-43b0"];
        assert_eq!(all(&streams, 20), ["account:command-…2af", "account:command-…3b0"]);
    }

    #[test]
    fn what_all_types_share_goes_first() {
        let short = ["…OrderPlaced…", "…OrderCancelled…", "…PaymentReceived…", "…PaymentRefused…"];
        for cells in [17, 26, 60] {
            assert_eq!(kinds(&TYPES, cells), short, "{cells}");
        }
        assert_eq!(kinds(&TYPES, 90), TYPES);
        assert_eq!(kinds(&TYPES[..1], 26), ["…OrderPlaced…"], "one alone has a namespace too");
        let hosts = ["Acme.Network.Inventory.HostRegistered", "Acme.Network.Inventory.HostRemoved"];
        assert_eq!(kinds(&hosts, 15), ["…HostRegistered", "…HostRemoved"]);
        assert_eq!(kinds(&["a.", "a.b", "a.b.c"], 2).len(), 3, "something is left of every name");
        assert_eq!(kinds(&["OrderPlaced", "OrderShipped"], 20), ["OrderPlaced", "OrderShipped"]);
        let mut common = Common::default();
        TYPES.iter().for_each(|name| common.see(name));
        let mut other = Common::default();
        other.see("Acme.Network.HostRemoved, Acme.Network");
        assert_eq!(common.ends().0, "Acme.Commerce.Ordering.Domain.Events.".len());
        assert_eq!(common.and(&other).ends(), ("Acme.".len(), 0));
    }

    #[test]
    fn names_that_differ_here_from_one_and_there_from_another_stay_apart() {
        let physical = [
            "Acme.PhysicalMachineRegistered, Acme",
            "Acme.PhysicalMaterialAdded, Acme",
            "Acme.PhysicalMachineRemoved, Acme",
            "Acme.PhysicalMaterialAdjusted, Acme",
        ];
        for cells in 10..30 {
            for cut in [all(&physical, cells), kinds(&physical, cells)] {
                let told: BTreeSet<&String> = cut.iter().collect();
                assert_eq!(told.len(), physical.len(), "{cut:?} in {cells}");
                assert!(cut.iter().all(|cut| text::width(cut) <= cells), "{cut:?} in {cells}");
            }
        }
    }

    #[test]
    fn names_that_have_room_are_whole() {
        assert_eq!(all(&["order-1", "payment-77"], 10), ["order-1", "payment-77"]);
        assert_eq!(cut("order-1", [], 3), "or…");
        assert_eq!(cut("order-1001-long", ["order-1001-long"], 9), "order…ong");
        assert_eq!(cut("a\x1b[2J", [], 10), "a␛[2J");
        assert_eq!(cut("", ["x"], 0), "");
    }

    #[test]
    fn nothing_is_wider_than_its_room_and_names_stay_apart() {
        let mut names: Vec<String> = Vec::new();
        for n in 0..80 {
            names.push(format!("tenant-{n:04}/aggregate.of.some.kind/0000000000000000"));
            names.push(format!("Some.Very.Long.Namespace.山田{n}Happened, Some.Assembly, Version=1.0.0.0"));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(names.len() > COMPARED, "not all are compared with all");
        // Every width would take long where nothing is optimised.
        for cells in (0..12).chain((12..60).step_by(8)) {
            for cut in all(&names, cells).into_iter().chain(kinds(&names, cells)) {
                assert!(text::width(&cut) <= cells, "{cut} in {cells}");
            }
        }
        let cut: BTreeSet<String> = all(&names, 22).into_iter().collect();
        assert_eq!(cut.len(), names.len(), "{cut:?}");
    }
}

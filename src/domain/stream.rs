//! The name of a stream, the parts it is made of, and the category they tell.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

/// The name of a stream: the ordered events of one aggregate. Two names are the same when their texts are.
#[derive(Clone)]
pub struct StreamName {
    text: Arc<str>,
    /// Where the category stands in the text, of a store that says so; both 0 where the text alone tells it.
    category: (u32, u32),
}

impl StreamName {
    /// The name as the store writes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the stream is one of. Of a name that is made of parts it is the part the store calls its type, see
    /// [`StreamKey`]; of any other what [`Self::category_of`] finds.
    pub fn category(&self) -> &str {
        match self.category {
            (0, 0) => Self::category_of(&self.text),
            (start, end) => self.text.get(start as usize..end as usize).unwrap_or(&self.text),
        }
    }

    /// The category of a stream, told from its name alone: the part before the first `-`, `|` or `$` (`order` in
    /// `order-1002`, `Order` in `Order$7`), before a UUID (`Order` in `Order_2f61396f-5670-44f4-99d0-0f3cf997a501`), or,
    /// without any of them, before the last `/` (`Order` in `Order/7`). The whole name where there is no such part: a
    /// UUID alone tells nothing of its kind, and half of one less.
    pub fn category_of(name: &str) -> &str {
        let bytes = name.as_bytes();
        // What a name begins with belongs to it: `$ce-order`, `$$order-1`.
        let lead = bytes.iter().take_while(|&&byte| byte == b'$').count();
        let Some(end) = memchr::memchr3(b'-', b'|', b'$', &bytes[lead..]).map(|at| lead + at) else {
            return match name.rfind('/') {
                None | Some(0) => name,
                Some(end) => &name[..end],
            };
        };
        match uuid_around(bytes, end) {
            // What joins the two is of neither.
            Some(start) => match name[..start].trim_end_matches(|c: char| !c.is_alphanumeric()) {
                "" => name,
                before => before,
            },
            None if end == 0 => name,
            None => &name[..end],
        }
    }
}

/// Where a UUID begins whose first `-` is at this place.
fn uuid_around(name: &[u8], dash: usize) -> Option<usize> {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let start = dash.checked_sub(LENGTHS[0])?;
    let text = name.get(start..start.checked_add(36)?)?;
    let mut parts = text.split(|&byte| byte == b'-');
    let all = LENGTHS
        .iter()
        .all(|&length| parts.next().is_some_and(|part| part.len() == length && part.iter().all(u8::is_ascii_hexdigit)));
    (all && parts.next().is_none()).then_some(start)
}

impl From<&str> for StreamName {
    fn from(name: &str) -> Self {
        Self { text: name.into(), category: (0, 0) }
    }
}

impl From<Arc<str>> for StreamName {
    fn from(text: Arc<str>) -> Self {
        Self { text, category: (0, 0) }
    }
}

impl Borrow<str> for StreamName {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl PartialEq for StreamName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for StreamName {}

impl PartialOrd for StreamName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StreamName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for StreamName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As the text does, for `Borrow` promises that.
        self.text.hash(state);
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamName({:?})", self.text)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the streams of a store are told apart by, where that is several parts: the type and the number of an aggregate, a
/// tenant and an id. The parts of a name are joined with `/`; a `/` in one of them is written `%2F`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StreamKey {
    /// What the parts are called in the store, in the order they have in a name.
    pub parts: Vec<String>,
    /// Which of them says what a stream is one of.
    pub category: Option<usize>,
}

impl StreamKey {
    /// The name these parts make.
    pub fn join(parts: &[&str]) -> String {
        let mut name = String::new();
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                name.push('/');
            }
            Self::escape(&mut name, part);
        }
        name
    }

    /// Adds a part to a name, without what joins it to others. `%2F` itself is written so that it comes back.
    pub fn escape(name: &mut String, part: &str) {
        Self::escape_from(name, part, None);
    }

    /// The same where something else begins behind the part: that, too, is written so that no other two parts make the
    /// same name (`a-b` and `c` with `-` between them is `a%2Db-c`).
    pub fn escape_from(name: &mut String, part: &str, next: Option<char>) {
        let next = next.filter(|&c| c != '/' && c != '%');
        let coded = next.map(percent).unwrap_or_default();
        for (at, c) in part.char_indices() {
            let is_code = |code: &str| part[at..].starts_with(code);
            match c {
                '/' => name.push_str("%2F"),
                '%' if is_code("%2F") || is_code("%25") || next.is_some() && is_code(&coded) => name.push_str("%25"),
                c if Some(c) == next => name.push_str(&coded),
                c => name.push(c),
            }
        }
    }

    /// The parts of a name.
    pub fn split(name: &str) -> Vec<String> {
        name.split('/').map(|part| part.replace("%2F", "/").replace("%25", "%")).collect()
    }

    /// The parts of a name that is made of those this key has.
    pub fn parts_of(&self, name: &str) -> Option<Vec<String>> {
        let parts = Self::split(name);
        (parts.len() == self.parts.len()).then_some(parts)
    }

    /// The name with where its category stands.
    pub fn name(&self, text: &str) -> StreamName {
        let category = self.category_in(text);
        let place = |at: usize| u32::try_from(at).unwrap_or(0);
        StreamName { text: text.into(), category: (place(category.start), place(category.end)) }
    }

    /// Where the category stands in a name: the part that is a type; else the category the last part has by itself
    /// (`order` of `acme/order-7`); else all before it, or the whole name where there is nothing before.
    pub fn category_in(&self, name: &str) -> Range<usize> {
        let mut start = 0;
        let parts: Vec<Range<usize>> = name
            .split('/')
            .map(|part| {
                let range = start..start + part.len();
                start = range.end + 1;
                range
            })
            .collect();
        let typed = self.category.filter(|_| parts.len() == self.parts.len()).and_then(|at| parts.get(at));
        if let Some(typed) = typed.filter(|typed| !typed.is_empty()) {
            return typed.clone();
        }
        let last = parts.last().cloned().unwrap_or_default();
        let own = StreamName::category_of(&name[last.clone()]).len();
        match last.start {
            _ if own < last.len() => last.start..last.start + own,
            0 | 1 => 0..name.len(),
            start => 0..start - 1,
        }
    }
}

/// A character as its bytes, percent-encoded.
fn percent(c: char) -> String {
    c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A key that is possible and was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtherKey {
    /// The field it has more, or less.
    pub field: String,
    /// What takes it: `stream={tenantId}/{streamId}`; none where a map cannot say it.
    pub map: Option<String>,
    /// Than the key that was taken.
    pub than: Than,
    /// In how many streams, of how many that were looked at, that field differs; where that was counted.
    pub within: Option<(usize, usize)>,
}

/// How a key that was not taken differs from the one that was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Than {
    /// It has a field more: nothing that was looked at needs it, but what comes later may.
    Wider,
    /// It has a field more, and the events of some streams look as if they were of two: versions repeat, or only some of
    /// them have the field. No proof, but a doubt.
    Doubtful,
    /// It has a field more, and that field differs between events of one stream that cannot be of one: they have one
    /// version, or it names their tenants.
    Parting,
    /// It has a field less: nothing but the versions speaks for that field, and events written twice look the same.
    Narrower,
}

impl OtherKey {
    /// What is to be said of it, where events were seen that it would tell apart, or may.
    pub fn caveat(&self) -> String {
        let Self { field, map, .. } = self;
        let map = map.as_ref().map(|map| format!("`--map {map}`"));
        let within = match self.within {
            Some((differ, looked_at)) => format!(" ({differ} of the {looked_at} streams that were looked at)"),
            None => String::new(),
        };
        match (self.than, map) {
            (Than::Parting, Some(map)) => {
                format!("several streams are shown as one: {field} differs within them{within}, {map} tells them apart")
            }
            (Than::Parting, None) => format!("several streams are shown as one: {field} differs within them{within}"),
            (Than::Wider | Than::Doubtful, map) => {
                let says = map.unwrap_or_else(|| "a map".into());
                format!("two streams may be shown as one{within}: where {field} tells streams apart, {says} says so")
            }
            (Than::Narrower, map) => {
                let leaves = map.unwrap_or_else(|| "a map".into());
                format!("events written twice would look the same: {leaves} leaves {field} out and shows them")
            }
        }
    }

    /// What puts in doubt that each stream is one: the surest first. A key that is merely possible does not.
    pub fn doubt(keys: &[Self]) -> Option<&Self> {
        [Than::Parting, Than::Doubtful, Than::Narrower].into_iter().find_map(|than| Self::first(keys, than))
    }

    /// The first of these that differs so.
    pub fn first(keys: &[Self], than: Than) -> Option<&Self> {
        keys.iter().find(|key| key.than == than)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_ends_at_the_first_separator() {
        for (name, category) in [
            ("order-1002", "order"),
            ("account:command-9-1", "account:command"),
            ("Order$7", "Order"),
            ("Order|7-b", "Order"),
            ("lonely", "lonely"),
            ("-x", "-x"),
            ("", ""),
            ("$ce-order", "$ce"),
            ("$$order-1", "$$order"),
            ("$settings", "$settings"),
            ("$by_type_Paid", "$by_type_Paid"),
            ("Order/7", "Order"),
            ("acme/Order/7", "acme/Order"),
            ("/7", "/7"),
            ("order-7/b", "order"),
        ] {
            assert_eq!(StreamName::from(name).category(), category);
        }
    }

    #[test]
    fn a_uuid_is_no_part_of_a_category_and_none_by_itself() {
        const UUID: &str = "2f61396f-5670-44F4-99d0-0f3cf997a501";
        for (before, after, category) in [
            ("order-", "", Some("order")),
            ("Order$", "", Some("Order")),
            ("Order|", "", Some("Order")),
            ("Order_", "", Some("Order")),
            ("shop/order/", "", Some("shop/order")),
            ("shopping_cart:", "", Some("shopping_cart")),
            ("größe: ", "", Some("größe")),
            ("", "", None),
            ("", "-archived-2025-01-01", None),
            ("$", "", None),
        ] {
            let name = format!("{before}{UUID}{after}");
            assert_eq!(StreamName::category_of(&name), category.unwrap_or(&name), "{name}");
        }
        // Nearly one: the first separator ends it.
        for (name, category) in [
            ("2f61396f-5670-44f4-99d0-0f3cf997a50", "2f61396f"),
            ("2f61396f-5670-44f4-99d0-0f3cf997g501", "2f61396f"),
            ("ä61396f-5670-44f4-99d0-0f3cf997a501", "ä61396f"),
        ] {
            assert_eq!(StreamName::category_of(name), category);
        }
    }

    #[test]
    fn parts_come_back_whatever_is_in_them() {
        for (parts, name) in [
            (&["Account", "7"][..], "Account/7"),
            (&["", "7"], "/7"),
            (&["a/b", "c"], "a%2Fb/c"),
            (&["a", "b/c"], "a/b%2Fc"),
            (&["50%", "100%2"], "50%/100%2"),
            (&["a%2Fb", "%25"], "a%252Fb/%2525"),
            (&["%252F", "x"], "%25252F/x"),
        ] {
            assert_eq!(StreamKey::join(parts), name);
            assert_eq!(StreamKey::split(name), parts, "{name}");
        }
    }

    #[test]
    fn the_part_that_is_a_type_is_the_category() {
        let key =
            |parts: &[&str], category| StreamKey { parts: parts.iter().map(|&part| part.into()).collect(), category };
        let typed = key(&["tenant", "type", "id"], Some(1));
        assert_eq!(typed.name("acme/shopping-cart/c-7").category(), "shopping-cart");
        assert_eq!(typed.name("acme//order-7").category(), "order", "no type is said");
        let tenants = key(&["tenant", "id"], None);
        assert_eq!(tenants.name("acme-corp/order-7").category(), "order");
        assert_eq!(tenants.name("acme-corp/2f61396f-5670-44f4-99d0-0f3cf997a501").category(), "acme-corp");
        assert_eq!(tenants.name("/7").category(), "/7");
        assert_eq!(tenants.name("order-7").category(), "order", "of no tenant");
        // A name is the same whoever tells its category.
        assert_eq!(tenants.name("acme/7"), StreamName::from("acme/7"));
        assert_eq!(tenants.parts_of("acme/7"), Some(vec!["acme".to_owned(), "7".to_owned()]));
        assert_eq!(tenants.parts_of("7"), None);
    }
}

//! Which values of a record are wanted, as a tree of keys, and the guess which key stands where.

use super::mapping::FieldPath;
use super::scan::padded;

/// Which values of a line are wanted: the i-th path goes into the i-th slot.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The keys looked for in each object of the plan; the first is the record.
    pub nodes: Vec<Vec<Wanted>>,
    /// The slots of the record itself.
    pub whole: Vec<usize>,
    /// How many slots there are.
    pub slots: usize,
    /// How many of them can be filled.
    pub wanted: usize,
}

/// A key of an object that is looked into.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The key.
    pub key: Box<[u8]>,
    /// The slots of its value.
    pub slots: Vec<usize>,
    /// The object of the plan its value is, when that is one.
    pub inside: Option<usize>,
    /// The slots inside its value.
    pub below: Vec<usize>,
}

impl Default for Plan {
    /// Nothing is wanted: lines are only checked.
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Plan {
    /// A plan for these paths. The same path may be wanted more than once; the slot of no path stays empty.
    pub fn new(paths: &[Option<FieldPath>]) -> Self {
        let mut plan = Self { nodes: vec![Vec::new()], whole: Vec::new(), slots: paths.len(), wanted: 0 };
        plan.wanted = paths.iter().flatten().count();
        for (slot, path) in paths.iter().enumerate() {
            let Some(path) = path else { continue };
            let mut node = 0;
            let Some((last, way)) = path.keys().split_last() else {
                plan.whole.push(slot);
                continue;
            };
            for key in way {
                let at = plan.wanted(node, key);
                plan.nodes[node][at].below.push(slot);
                node = match plan.nodes[node][at].inside {
                    Some(inside) => inside,
                    None => {
                        plan.nodes.push(Vec::new());
                        let inside = plan.nodes.len() - 1;
                        plan.nodes[node][at].inside = Some(inside);
                        inside
                    }
                };
            }
            let at = plan.wanted(node, last);
            plan.nodes[node][at].slots.push(slot);
        }
        plan
    }

    fn wanted(&mut self, node: usize, key: &str) -> usize {
        let wanted = &mut self.nodes[node];
        wanted.iter().position(|wanted| *wanted.key == *key.as_bytes()).unwrap_or_else(|| {
            wanted.push(Wanted { key: key.as_bytes().into(), slots: Vec::new(), inside: None, below: Vec::new() });
            wanted.len() - 1
        })
    }
}

/// What the n-th key of an object was in the line before.
#[derive(Clone, Debug, Default)]
pub struct Guess {
    /// The key with its quotes; empty before there was one.
    key: Vec<u8>,
    /// Its first eight bytes, and which bits of them count.
    head: u64,
    mask: u64,
    /// Which of the wanted keys it is.
    pub wanted: Option<usize>,
}

impl Guess {
    /// Remembers a key, given with its quotes.
    pub fn remember(&mut self, key: &[u8], wanted: Option<usize>) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.mask = if key.len() < 8 { (1 << (8 * key.len())) - 1 } else { u64::MAX };
        self.head = padded(key) & self.mask;
        self.wanted = wanted;
    }

    /// Where the key at this place ends, if it is the one remembered.
    #[inline]
    pub fn holds(&self, text: &[u8], at: usize) -> Option<usize> {
        let eight = u64::from_le_bytes(*text.get(at..)?.first_chunk()?);
        if eight & self.mask != self.head || self.key.is_empty() {
            return None;
        }
        let end = at + self.key.len();
        (self.key.len() <= 8 || text.get(at + 8..end)? == &self.key[8..]).then_some(end)
    }
}

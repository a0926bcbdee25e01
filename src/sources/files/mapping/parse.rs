//! What the user wrote after `--map`: `stream=.aggregate.id,type=.kind,version=none,data=.`

use super::{FieldPath, Need, Piece, Role, StreamFrom, Template};

/// What the user said about roles: a field, or that there is none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Overrides {
    fields: Vec<(Role, Option<FieldPath>)>,
    /// A stream's name that is made of several fields.
    template: Option<Template>,
    /// Whether its stream is a guess, to which more may belong.
    is_suggested: bool,
}

impl Overrides {
    /// Reads `role=path,role=path…`. A path is `.key.key`, a key with other characters than letters, digits, `_`, `-`,
    /// `$` and `@` in double quotes; `.` alone is the whole record, and `none` says that there is no such field;
    /// without a stream all events are one. A stream may be several fields: `stream={tenantId}/{streamId}`.
    ///
    /// # Errors
    /// A sentence that names the part which cannot be understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut overrides, mut template) = (Vec::new(), None::<Template>);
        for part in split(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let Some((name, path)) = part.split_once('=') else {
                return Err(format!("`{part}` has no `=`: write `role=.field`"));
            };
            let Some(role) = Role::ALL.into_iter().find(|role| role.name() == name.trim()) else {
                let known: Vec<_> = Role::ALL.into_iter().map(Role::name).collect();
                return Err(format!(
                    "`{part}`: there is no role `{}`; the roles are {}",
                    name.trim(),
                    known.join(", ")
                ));
            };
            if overrides.iter().any(|(other, _)| *other == role) || role == Role::Stream && template.is_some() {
                return Err(format!("`{part}`: `{}` is mapped twice", role.name()));
            }
            if role == Role::Stream && path.contains(['{', '}']) {
                template = Some(Template::parse(path.trim(), field).map_err(|why| format!("`{part}`: {why}"))?);
                continue;
            }
            let path = match path.trim() {
                "none" if role == Role::Type => {
                    return Err(format!("`{part}`: an event cannot do without its type"));
                }
                "none" => None,
                path => Some(field(path).map_err(|why| format!("`{part}`: {why}"))?),
            };
            overrides.push((role, path));
        }
        if overrides.is_empty() && template.is_none() {
            return Err("nothing is mapped: write `role=.field`".into());
        }
        Ok(Self { fields: overrides, template, is_suggested: false })
    }

    /// The fields that were named, with their roles.
    pub fn paths(&self) -> impl Iterator<Item = (Role, &FieldPath)> {
        let named = self.fields.iter().filter_map(|(role, path)| Some((*role, path.as_ref()?)));
        let parts = self.template.iter().flat_map(Template::paths).map(|path| (Role::Stream, path));
        named.chain(parts)
    }

    /// Whether a stream's name that is made of several fields can do without one of them.
    pub fn can_be_without(&self, path: &FieldPath) -> bool {
        let pieces = self.template.iter().flat_map(Template::pieces);
        pieces.into_iter().any(|piece| matches!(piece, Piece::Field(field, Need::May) if field == path))
    }

    /// The same with other paths.
    pub fn map(self, path: impl Fn(&FieldPath) -> FieldPath) -> Self {
        let fields = self.fields.into_iter().map(|(role, said)| (role, said.as_ref().map(&path))).collect();
        let template = self.template.map(|template| template.map(|field| path(&field)));
        Self { fields, template, ..self }
    }

    /// What others say of roles, and beyond them what was said here.
    pub fn under(self, others: &Self) -> Self {
        let Self { fields, template, .. } = self;
        let mut all = fields.into_iter().fold(others.clone(), |all, (role, path)| all.or(role, path));
        if !all.says(Role::Stream) {
            all.template = template;
        }
        all
    }

    /// The same, and this of a role of which nothing was said.
    pub fn or(mut self, role: Role, path: Option<FieldPath>) -> Self {
        if !self.says(role) {
            self.fields.push((role, path));
        }
        self
    }

    /// The same with a stream that nobody said, unless one was.
    pub fn suggest(mut self, stream: Option<FieldPath>) -> Self {
        if !self.says(Role::Stream) {
            self.is_suggested = true;
            self.fields.push((Role::Stream, stream));
        }
        self
    }

    /// Whether its stream is a guess.
    pub fn is_suggested(&self) -> bool {
        self.is_suggested
    }

    /// Whether something was said of a role.
    pub fn says(&self, role: Role) -> bool {
        self.get(role).is_some() || role == Role::Stream && self.template.is_some()
    }

    /// What was said about a role: `Some(None)` says that there is no such field.
    pub fn get(&self, role: Role) -> Option<Option<&FieldPath>> {
        self.fields.iter().find(|(other, _)| *other == role).map(|(_, path)| path.as_ref())
    }

    /// What was said of streams: a field, or several.
    pub fn stream(&self) -> Option<StreamFrom> {
        match &self.template {
            Some(template) => Some(StreamFrom::Template(template.clone())),
            None => self.get(Role::Stream).flatten().cloned().map(StreamFrom::Field),
        }
    }
}

/// The parts between commas that are not inside quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn field(text: &str) -> Result<FieldPath, String> {
    if text == "." {
        return Ok(FieldPath::default());
    }
    let mut path = FieldPath::default();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(after) = rest.strip_prefix('.') else {
            return Err(format!("a path begins with a point, like `.{}`", text.trim_start_matches('.')));
        };
        if let Some(quoted) = after.strip_prefix('"') {
            let mut key = String::new();
            let mut chars = quoted.char_indices();
            let end = loop {
                match chars.next() {
                    Some((at, '"')) => break at,
                    Some((_, '\\')) => key.extend(chars.next().map(|(_, c)| c)),
                    Some((_, c)) => key.push(c),
                    None => return Err("the quoted key does not end".into()),
                }
            };
            path = path.then(&key);
            rest = &quoted[end + 1..];
        } else {
            let end = after.find(['.', '"']).unwrap_or(after.len());
            if end == 0 {
                return Err("a key is missing after a point".into());
            }
            path = path.then(&after[..end]);
            rest = &after[end..];
        }
    }
    if path.keys().is_empty() { Err("a path is missing after `=`".into()) } else { Ok(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_mapped_to_fields() {
        let said =
            Overrides::parse(r#"stream=.aggregate.id, type=.kind,version=none,data=.,time=."a,b=\"c"."at""#).unwrap();
        assert_eq!(said.get(Role::Stream), Some(Some(&FieldPath::new(["aggregate", "id"]))));
        assert_eq!(said.get(Role::Type), Some(Some(&FieldPath::new(["kind"]))));
        assert_eq!(said.get(Role::Version), Some(None));
        assert_eq!(said.get(Role::Data), Some(Some(&FieldPath::default())));
        assert_eq!(said.get(Role::Time), Some(Some(&FieldPath::new(["a,b=\"c", "at"]))));
        assert_eq!(said.get(Role::Id), None);
    }

    #[test]
    fn a_path_is_written_as_it_is_read() {
        for keys in [vec![], vec!["a"], vec!["a", "b c", "d.e"], vec!["$x", "q\"\\"], vec![""]] {
            let path = FieldPath::new(keys);
            assert_eq!(field(&path.to_string()), Ok(path));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("stream", "`stream` has no `=`"),
            ("stream=.a,stram=.b", "`stram=.b`: there is no role `stram`"),
            ("stream=a", "`stream=a`: a path begins with a point"),
            ("stream=.a..b", "`stream=.a..b`: a key is missing"),
            ("stream=.\"a", "does not end"),
            ("stream=.a,stream=.b", "mapped twice"),
            ("type=none", "cannot do without"),
            ("stream=", "a path is missing"),
            ("", "nothing is mapped"),
        ] {
            let error = Overrides::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

//! What follows from everything that was seen.

use super::*;
use crate::domain::words;
use crate::session::doctor::identities::Cause;
use crate::session::doctor::runs::Gap;
use crate::session::doctor::streams::Stream;

/// Gaps that are more than half of all steps are no gaps, but numbers that do not count by one. Few prove nothing.
fn is_dense(gaps: usize, numbers: u64) -> bool {
    gaps < 8 || (gaps as u64) * 2 <= numbers
}

/// Pairs of events looked at again because their ids have one hash.
const VERIFIED: usize = 100;

/// Hands out the event with an ordinal of the walk.
pub type Look<'a> = &'a mut dyn FnMut(u64) -> Option<Arc<Event>>;

fn are(number: u64) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

impl Examination {
    /// The report. `look` hands out the event with an ordinal of the walk again.
    pub fn finish(mut self, about: &About, look: Look<'_>) -> Report {
        let mut report = Report {
            source: about.name.clone(),
            kind: match &about.layout {
                Some(layout) if !about.kind.contains(layout.as_str()) => format!("{}, {layout}", about.kind),
                _ => about.kind.clone(),
            },
            events: self.events,
            streams: self.streams.len() as u64,
            ..Report::default()
        };
        let mut texts = BTreeMap::new();
        let mut severities = BTreeMap::new();
        let records =
            format!("{} of {}", words::counted(self.readable, "event"), words::counted(report.streams, "stream"));
        let beyond =
            (self.beyond > 0).then(|| format!("the last {} are too many to be looked at", words::count(self.beyond)));
        let beyond = beyond.as_slice();
        report.checks.push(Check::whole("records", records).but(beyond));
        self.conclude_versions(&mut report, &mut texts);
        let wider = |than| OtherKey::first(&about.other_keys, than);
        // Where versions repeat, that finding says it.
        if let (false, false, Some(key)) =
            (self.facts.one_stream, self.tallies.contains_key(&Kind::DuplicateVersions), wider(Than::Doubtful))
        {
            self.elsewhere(Kind::DoubtfulKey, 1, Example { text: key.caveat(), ..Example::default() });
        }
        if let (true, Some(OtherKey { field, map: Some(map), .. })) =
            (self.tallies.contains_key(&Kind::DuplicateVersions), wider(Than::Parting).or_else(|| wider(Than::Wider)))
        {
            let text = format!("perhaps several streams are shown as one: with `--map {map}` {field} tells them apart");
            texts.insert(Kind::DuplicateVersions, text);
        }
        self.conclude_positions(about, &mut report, &mut texts, &mut severities);
        self.identities.sort();
        self.conclude_ids(&mut report, look);
        self.conclude_causes(&mut report, &mut texts, &mut severities);
        self.conclude_times(&mut report, &mut texts, &mut severities);
        self.conclude_payloads(&mut report, &mut texts, &mut severities);
        self.conclude_declared(&mut report, look);
        if self.deleted_events > 0 {
            texts.insert(Kind::DeletedStreams, words::counted(self.deleted_events, "event"));
        }
        for (kind, tally) in std::mem::take(&mut self.tallies) {
            let mut text = kind.counted(tally.count);
            if let Some(more) = texts.get(&kind) {
                text = format!("{text}: {more}");
            }
            let example = tally.first.map(|first| match first {
                First::Elsewhere(example) => example,
                First::At(ordinal, text) => {
                    let place = u64::from(ordinal) + 1;
                    match look(u64::from(ordinal)) {
                        Some(event) => {
                            let text = match (kind, &event.causation) {
                                (Kind::DanglingCausation, Some(cause)) => format!("its cause is {cause}"),
                                _ => text,
                            };
                            Example::of(&event, place, text)
                        }
                        None => Example { place: Some(place), text, ..Example::default() },
                    }
                }
            });
            let severity = severities.get(&kind).copied().unwrap_or(kind.severity());
            report.findings.push(Finding { kind, severity, count: tally.count, text, example, normal: None });
        }
        report.settle(about);
        report
    }

    /// Puts what was found of a kind down at once.
    fn set(&mut self, kind: Kind, count: u64, ordinal: u32, text: String) {
        let tally = self.tallies.entry(kind).or_default();
        tally.count += count;
        tally.first = Some(First::At(ordinal, text));
    }

    fn conclude_versions(&mut self, report: &mut Report, texts: &mut BTreeMap<Kind, String>) {
        let streams = report.streams;
        // What is not known of the gaps, and what is not of the rest.
        let (mut untold, mut others) = (Vec::new(), Vec::new());
        let counted = self.streams.all().filter(|stream| stream.counted > 0).count() as u64;
        if counted > 0 {
            untold.push(format!(
                "{} with versions that are counted here: gaps are not told",
                words::counted(counted, "stream")
            ));
        }
        if self.streams.forgot {
            untold.push("too many gaps to remember them all".to_owned());
        }
        if self.streams.left_out > 0 {
            let known = words::count(self.streams.len() as u64);
            let left_out = words::counted(self.streams.left_out, "event");
            untold.push(format!(
                "only of the first {known} streams; {left_out} {} of others",
                are(self.streams.left_out)
            ));
        }
        let (mut gaps, mut missing, mut holed, mut steps) = (0u64, 0u64, 0u64, 0u64);
        let mut first: Option<Gap> = None;
        let (mut zero, mut one) = (0u64, 0u64);
        // The event without a version may be the one that is missing.
        for stream in self.streams.all().filter(|stream| stream.counted == 0) {
            steps += u64::from(stream.events) - 1;
            let before = gaps;
            for gap in stream.gaps() {
                gaps += 1;
                missing = missing.saturating_add(gap.missing());
                if first.is_none_or(|first| gap.ordinal < first.ordinal) {
                    first = Some(gap);
                }
            }
            holed += u64::from(gaps > before);
            match stream.lowest {
                0 => zero += 1,
                1 => one += 1,
                _ => {}
            }
        }
        if !is_dense(gaps as usize, steps) {
            untold.push("the versions of streams do not count by one here: gaps are not told".into());
        } else if let Some(gap) = first {
            self.set(Kind::VersionGaps, gaps, gap.ordinal, gap.text());
            let (versions, holed, of) =
                (words::counted(missing, "version"), words::count(holed), words::counted(streams, "stream"));
            let perhaps = self.perhaps_unreadable(missing);
            texts
                .insert(Kind::VersionGaps, format!("{versions} {} missing, in {holed} of {of}{perhaps}", are(missing)));
        }
        // Where nothing says it, what most streams do.
        let usual = match self.facts.first_version {
            Some(base) => Some(base),
            None if zero * 3 >= streams * 2 => Some(0),
            None if one * 3 >= streams * 2 => Some(1),
            None => None,
        };
        let few = zero + one;
        if streams > 0 && (self.facts.first_version.is_some() || few * 2 >= streams || streams < 8) {
            let odd = |stream: &&Stream| {
                stream.counted == 0 && usual.map_or(stream.lowest > 1, |usual| stream.lowest != usual)
            };
            let count = self.streams.all().filter(odd).count() as u64;
            let first = self.streams.all().filter(odd).min_by_key(|stream| stream.ordinal);
            if let Some(stream) = first.cloned() {
                let usual = usual.map_or_else(|| "0 or 1".to_owned(), |usual| usual.to_string());
                let text = format!("its lowest version is {}, streams begin with {usual}", stream.lowest);
                self.set(Kind::FirstVersion, count, stream.ordinal, text);
            }
        } else if streams > 0 {
            others.push("streams begin with versions of any number here: their beginnings are not judged".to_owned());
        }
        let noted = self.tallies.get(&Kind::CountedVersions).map_or(0, |tally| tally.count);
        if !self.facts.one_stream && self.facts.counted_versions > noted {
            // They belong to no stream, or to one that is made of links.
            let counted = words::counted(self.facts.counted_versions - noted, "event");
            others.push(format!("the versions of {counted} are counted here, for the store gives them none"));
        }
        self.all_gaps_told = !self.facts.counts_versions && untold.is_empty();
        let extent = match counted {
            0 => words::counted(streams, "stream"),
            counted => format!("{} of {}", words::count(streams - counted), words::counted(streams, "stream")),
        };
        let check = Check::whole("versions", extent);
        report.checks.push(match self.facts.counts_versions {
            true if self.facts.one_stream => {
                check.unless(&["the events of the store have no versions of their own: they are counted here".into()])
            }
            true => check.unless(&["the store has no versions: they are counted here".into()]),
            false => check.but(&[untold, others].concat()),
        });
    }

    /// Records that could not be read may be what is missing.
    fn perhaps_unreadable(&self, missing: u64) -> String {
        match self.tallies.get(&Kind::UnreadableRecords).map_or(0, |tally| tally.count) {
            0 => String::new(),
            unread => {
                let it = if missing == 1 { "it" } else { "some" };
                format!("; {} that could not be read may have {it}", words::counted(unread, "record"))
            }
        }
    }

    fn conclude_positions(
        &mut self,
        about: &About,
        report: &mut Report,
        texts: &mut BTreeMap<Kind, String>,
        severities: &mut BTreeMap<Kind, Severity>,
    ) {
        let (mut gaps, mut missing) = (0usize, 0u64);
        let mut first: Option<Gap> = None;
        for (runs, _) in self.positions.values() {
            for gap in runs.gaps() {
                gaps += 1;
                missing = missing.saturating_add(gap.missing());
                if first.is_none_or(|first| gap.ordinal < first.ordinal) {
                    first = Some(gap);
                }
            }
        }
        let mut reasons = Vec::new();
        if self.facts.one_stream {
            reasons.push("only one stream is looked at".to_owned());
        }
        if !self.facts.has_positions {
            reasons.push("the store numbers its events in no order of its own".to_owned());
        }
        if self.positions_wild || !is_dense(gaps, self.positions_seen) {
            reasons.push("the positions do not count by one here: gaps are not told".to_owned());
        }
        if let (true, Some(gap)) = (reasons.is_empty(), first) {
            self.set(Kind::PositionGaps, gaps as u64, gap.ordinal, gap.text());
            let mut text = format!("{} {} missing", words::counted(missing, "position"), are(missing));
            let unread = self.perhaps_unreadable(missing);
            let normal = about.normal.iter().any(|(kind, _)| kind == Kind::VersionGaps.name());
            // A number that was drawn and never used leaves no other trace; a lost event does, unless it was the last one.
            match (self.tallies.contains_key(&Kind::VersionGaps), self.all_gaps_told) {
                _ if !unread.is_empty() => text.push_str(&unread),
                (true, _) if normal => _ = severities.insert(Kind::PositionGaps, Severity::Note),
                (true, _) => {}
                (false, true) => {
                    text.push_str("; no stream misses a version, so they were probably never used (rolled back)");
                    severities.insert(Kind::PositionGaps, Severity::Note);
                }
                (false, false) => text.push_str("; whether streams miss versions was not told, or not of all"),
            }
            texts.insert(Kind::PositionGaps, text);
        }
        let extent = match self.positions.len() {
            0 | 1 => words::counted(self.positions_seen, "position"),
            n => format!(
                "{} in {}",
                words::counted(self.positions_seen, "position"),
                words::counted(n as u64, "sequence")
            ),
        };
        let check = Check::whole("positions", extent);
        report.checks.push(match self.positions_seen > 0 && !self.positions_wild {
            true => check.but(&reasons),
            false => check.unless(&reasons),
        });
    }

    fn conclude_ids(&mut self, report: &mut Report, look: Look<'_>) {
        let (mut count, mut first) = (0u64, None::<(u32, u32)>);
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (earlier, later) in self.identities.repeated() {
            count += 1;
            pairs.push((later, earlier));
            if pairs.len() >= 4 * VERIFIED {
                pairs.sort_unstable();
                pairs.truncate(VERIFIED);
            }
        }
        pairs.sort_unstable();
        pairs.truncate(VERIFIED);
        for (later, earlier) in pairs {
            let id = |ordinal: u32, look: Look<'_>| look(u64::from(ordinal)).and_then(|event| event.id.clone());
            let same =
                |a: &str, b: &str| a == b || uuid::Uuid::try_parse(a).is_ok_and(|a| uuid::Uuid::try_parse(b) == Ok(a));
            match (id(later, look), id(earlier, look)) {
                (Some(a), Some(b)) if !same(&a, &b) => count -= 1,
                _ => _ = first.get_or_insert((later, earlier)),
            }
        }
        if let Some((later, earlier)) = first {
            let where_to = look(u64::from(earlier)).map_or_else(String::new, |event| {
                format!(": version {} of {} has it too", event.version, event.stream)
            });
            let id = look(u64::from(later)).and_then(|event| event.id.clone()).unwrap_or_default();
            self.set(Kind::DuplicateIds, count, later, format!("id {id}{where_to}"));
        }
        let check = Check::whole("ids", words::counted(self.identities.seen.0, "id"));
        report.checks.push(match self.identities.is_whole().0 {
            _ if self.identities.seen.0 == 0 => check.unless(&["the events have no ids".into()]),
            true => check,
            false => check.but(&[format!("checked the first {} of them", words::count(self.identities.kept()))]),
        });
    }

    fn conclude_causes(
        &mut self,
        report: &mut Report,
        texts: &mut BTreeMap<Kind, String>,
        severities: &mut BTreeMap<Kind, Severity>,
    ) {
        let seen = self.identities.seen.1;
        let (ids, causes) = self.identities.is_whole();
        let mut reasons = Vec::new();
        if seen == 0 {
            reasons.push("the events name no causes".to_owned());
        } else if self.identities.seen.0 == 0 && !self.identities.names_places() {
            reasons.push("the events have no ids that could be named".to_owned());
        }
        if self.facts.one_stream {
            reasons.push("only one stream is looked at".to_owned());
        }
        if !ids || !causes {
            reasons.push("too many events to remember all of their ids".to_owned());
        }
        report.checks.push(Check::whole("causation", words::counted(seen, "cause")).unless(&reasons));
        if !reasons.is_empty() {
            return;
        }
        let (mut dangling, mut first) = (0u64, None::<u32>);
        self.identities.causes(&mut |ordinal, cause| {
            let known = match cause {
                Cause::Known => true,
                Cause::Unknown(Some((stream, version))) => {
                    self.streams.get(stream).is_some_and(|stream| stream.counted > 0 || stream.has(version))
                }
                Cause::Unknown(None) => false,
            };
            if !known {
                dangling += 1;
                first = Some(first.map_or(ordinal, |first| first.min(ordinal)));
            }
        });
        let Some(ordinal) = first else { return };
        self.set(Kind::DanglingCausation, dangling, ordinal, String::new());
        let mut text = format!("of {} that name one", words::count(seen));
        if dangling * 2 > seen && dangling > 1 {
            text.push_str("; causes here may be commands, or events of another store");
            severities.insert(Kind::DanglingCausation, Severity::Note);
        }
        texts.insert(Kind::DanglingCausation, text);
    }

    fn conclude_times(
        &mut self,
        report: &mut Report,
        texts: &mut BTreeMap<Kind, String>,
        severities: &mut BTreeMap<Kind, Severity>,
    ) {
        let check = Check::whole(
            "times",
            match self.timed < self.dated {
                true => format!("{} of {}", words::count(self.timed), words::counted(self.dated, "time")),
                false => words::counted(self.timed, "time"),
            },
        );
        report.checks.push(match (self.timed, self.dated - self.timed) {
            (0, _) => check.unless(&["the events have no times".into()]),
            (_, without) => {
                let mut reasons = Vec::new();
                if without > 0 {
                    let have = if without == 1 { "has" } else { "have" };
                    reasons.push(format!("{} {have} no time", words::counted(without, "event")));
                }
                if self.times_apart > 0 {
                    let sequences = words::count(SEQUENCES as u64);
                    reasons.push(format!("only of the first {sequences} sequences of positions"));
                }
                check.but(&reasons)
            }
        });
        let Some(tally) = self.tallies.get_mut(&Kind::TimeBack) else { return };
        let mut text = format!("by {} at the farthest", span(self.back.farthest));
        match self.back.matters.take() {
            Some((ordinal, text)) => tally.first = Some(First::At(ordinal, text)),
            None => {
                text.push_str("; writers that overlap do that");
                severities.insert(Kind::TimeBack, Severity::Note);
            }
        }
        texts.insert(Kind::TimeBack, text);
    }

    fn conclude_payloads(
        &mut self,
        report: &mut Report,
        texts: &mut BTreeMap<Kind, String>,
        severities: &mut BTreeMap<Kind, Severity>,
    ) {
        let outliers = self.sizes.outliers();
        if let Some(first) = outliers.first() {
            let like = if first.among_type { "events of its type" } else { "the events of this store" };
            let text = format!("{}; {like} have {} (median)", words::size(first.size), words::size(first.median));
            let (count, ordinal) = (outliers.len() as u64, first.ordinal);
            let largest = outliers.iter().map(|outlier| outlier.size).max().unwrap_or(0);
            texts.insert(Kind::PayloadOutliers, format!("the largest has {}", words::size(largest)));
            self.set(Kind::PayloadOutliers, count, ordinal, text);
        }
        if self.tallies.contains_key(&Kind::UnknownEncodings) {
            let mut named: Vec<String> =
                self.encodings.iter().map(|(name, count)| format!("{} {name}", words::count(*count))).collect();
            if self.more_encodings > 0 {
                named.push(format!("{} of other encodings", words::count(self.more_encodings)));
            }
            if self.unnamed > 0 {
                named.push(format!("{} of no known meaning", words::count(self.unnamed)));
            } else {
                severities.insert(Kind::UnknownEncodings, Severity::Note);
            }
            texts.insert(Kind::UnknownEncodings, named.join(", "));
        }
        let forgot = self.sizes.forgot.then(|| "too many large ones to judge the sizes of all".to_owned());
        let check = Check::whole("payloads", words::counted(self.payloads, "payload"));
        report.checks.push(check.but(forgot.as_slice()));
    }

    fn conclude_declared(&mut self, report: &mut Report, look: Look<'_>) {
        if self.declared == 0 || self.facts.one_stream {
            return;
        }
        let extent = format!("{} declared", words::counted(self.declared, "stream"));
        report.checks.push(Check::whole("declared streams", extent));
        if self.listed == 0 {
            return;
        }
        // Streams with events the list of streams does not have.
        let mut missing: Vec<u32> = self
            .streams
            .iter()
            .filter(|(hash, _)| !self.declared_names.contains(*hash))
            .map(|(_, stream)| stream.ordinal)
            .collect();
        missing.sort_unstable();
        if let Some(&first) = missing.first() {
            let tally = self.tallies.entry(Kind::DeclaredVersions).or_default();
            tally.count += missing.len() as u64;
            if tally.first.is_none() {
                let text = "the store's list of streams does not have it".to_owned();
                tally.first = Some(match look(u64::from(first)) {
                    Some(event) => First::Elsewhere(Example::of(&event, u64::from(first) + 1, text)),
                    None => First::At(first, text),
                });
            }
        }
    }
}

impl Report {
    /// Adds what is normal here and puts the worst first.
    pub fn settle(&mut self, about: &About) {
        for finding in &mut self.findings {
            let normal = about.normal.iter().find(|(kind, _)| kind == finding.kind.name());
            if let Some((_, reason)) = normal {
                finding.severity = Severity::Note;
                finding.normal = Some(reason.clone());
            }
        }
        self.findings.sort_by_key(|finding| (finding.severity, finding.kind));
    }
}

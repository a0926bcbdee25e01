//! What an answer lacks: noted while it is written, said on standard error once it is, and told by the exit code.

use std::process::ExitCode;

use super::interrupt::{self, STOPPED};
use super::meter::Meter;
use super::output;
use crate::domain::{Event, Failure, FailureKind, OtherKey, Scope, text, words};
use crate::session::{Source, Steady, payloads};

/// Answered, but not whole: records that could not be read, events whose fold failed.
pub const NOT_WHOLE: u8 = 65;
/// A file changed while it was read.
pub const CHANGED: u8 = 74;

/// Why an answer is not whole. Of several the last of these decides the exit code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lack {
    /// Said, and taken as decided (`--allow-faults`).
    Allowed,
    /// Something could not be read or folded.
    Data,
    /// What it was read from changed meanwhile.
    Changed,
    /// The person stopped it.
    Stopped,
}

/// What a command that judges found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing is wrong in what could be judged.
    Right,
    /// Something is wrong: one example is enough, whatever could not be judged.
    Wrong,
}

/// How many there were, and which was the first.
#[derive(Clone, Debug, Default)]
struct Counted {
    count: u64,
    first: String,
}

impl Counted {
    fn add(&mut self, first: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = first();
        }
        self.count += 1;
    }
}

/// What an answer lacks so far.
#[derive(Debug, Default)]
pub struct Missing {
    /// Records that are left out.
    unreadable: Counted,
    /// Events whose payload is not what it says it is.
    payloads: Counted,
    others: Vec<(Lack, String)>,
    /// The files it is read from, as they were before.
    steady: Steady,
}

impl Missing {
    /// Nothing so far, of an answer that is read from these files.
    pub fn over(steady: Steady) -> Self {
        Self { steady, ..Self::default() }
    }

    /// A record that could not be read is not in the answer, or without its content.
    pub fn unreadable(&mut self, event: &Event) {
        self.unreadable.add(|| event.trouble.as_ref().map(ToString::to_string).unwrap_or_default());
    }

    /// The payload of an event could not be read as what it is stored as, and is given as text.
    pub fn payload(&mut self, event: &Event, why: &str) {
        self.payloads
            .add(|| format!("position {}, version {} of {}: {why}", event.position, event.version, event.stream));
    }

    /// Looks at the payloads of a scope, of which the answer was made without reading them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn look_into(&mut self, source: &dyn Source, scope: &Scope) -> Result<(), Failure> {
        let mut meter = Meter::new();
        let mut told = |done, total| meter.tell("payloads", done, total);
        let looked = payloads::broken(source, scope, &interrupt::token(), &mut told, &mut |event, name, why| {
            self.payload(event, &format!("its {name}: {why}"));
        });
        match looked {
            // That it was stopped is said with the rest.
            Err(failure) if failure.kind == FailureKind::Cancelled => Ok(()),
            looked => looked,
        }
    }

    /// So many payloads, of which this is the first, could not be read as what they are stored as.
    pub fn payloads(&mut self, count: u64, first: impl FnOnce() -> String) {
        if count > 0 {
            self.payloads.add(first);
            self.payloads.count += count - 1;
        }
    }

    /// So many records are left out of the answer, for reasons that were told one by one.
    pub fn refused(&mut self, count: u64) {
        if count > 0 {
            let records = format!("{} {}", words::counted(count, "record"), if count == 1 { "is" } else { "are" });
            self.lacks(Lack::Data, format!("{records} left out"));
        }
    }

    /// Something else: a sentence for the person.
    pub fn lacks(&mut self, lack: Lack, sentence: impl Into<String>) {
        self.others.push((lack, sentence.into()));
    }

    /// Ends an answer in which nothing was found: exit code 1, unless what it lacks may hold it.
    pub fn nothing(self, source: &dyn Source, why: &str) -> ExitCode {
        let code = self.finish(source);
        output::say(why);
        ExitCode::from(if code == 0 { super::NOTHING } else { code })
    }

    /// Says what the answer lacks. The exit code of a command that gives data: 0 when nothing is missing.
    pub fn end(self, source: &dyn Source) -> ExitCode {
        ExitCode::from(self.finish(source))
    }

    /// The same of a command that judges and whose findings name the records that could not be read.
    pub fn found(mut self, verdict: Verdict) -> ExitCode {
        self.look();
        decided(verdict, self.say())
    }

    /// The same of a command that judges.
    pub fn judged(self, source: &dyn Source, verdict: Verdict) -> ExitCode {
        decided(verdict, self.finish(source))
    }

    /// The same of a part of a judgement: 0 once it was read to its end, whatever was found in it or could not be judged.
    /// Only what else there is to run again for decides: what changed under it, and that it was stopped.
    pub fn part(self, source: &dyn Source) -> ExitCode {
        ExitCode::from(match self.finish(source) {
            code @ (CHANGED | STOPPED) => code,
            _ => 0,
        })
    }

    fn finish(mut self, source: &dyn Source) -> u8 {
        let about = source.about();
        about.doubts.into_iter().for_each(|doubt| self.lacks(Lack::Data, doubt));
        // Somebody may want these events only: it is said, and decides nothing.
        about.left_out.iter().for_each(|other| self.lacks(Lack::Allowed, other.caveat()));
        // So is that several streams are folded into one, or may be.
        if let Some(key) = OtherKey::doubt(&about.other_keys) {
            self.lacks(Lack::Allowed, key.caveat());
        }
        // What the index counted and the walk did not meet: in other streams, or behind a limit.
        self.unreadable.count = self.unreadable.count.max(source.progress().troubles);
        self.look();
        self.say()
    }

    /// Looks whether the files stood still while they were read.
    fn look(&mut self) {
        if let Some(what) = self.steady.changed() {
            self.lacks(Lack::Changed, format!("{what}: the answer may lack events"));
        }
    }

    /// What it lacks, a sentence each, the worst reason last.
    fn sentences(&self) -> Vec<(Lack, String)> {
        let mut all = Vec::new();
        let Counted { count, first } = &self.unreadable;
        match (count, first.is_empty()) {
            (0, _) => {}
            (_, false) => all.push((Lack::Data, format!("{}; the first: {first}", unread(*count)))),
            (_, true) => {
                let sentence = format!("{}: `stepback events` without a stream shows where", unread(*count));
                all.push((Lack::Data, sentence));
            }
        }
        let Counted { count, first } = &self.payloads;
        if *count > 0 {
            let payloads = format!("{} {}", words::counted(*count, "payload"), if *count == 1 { "is" } else { "are" });
            all.push((Lack::Data, format!("{payloads} not the JSON it should be; the first: {first}")));
        }
        all.extend(self.others.iter().cloned());
        if interrupt::is_stopped() {
            all.push((Lack::Stopped, "stopped: this is what was known by then".into()));
        }
        all
    }

    fn say(&self) -> u8 {
        let sentences = self.sentences();
        sentences.iter().for_each(|(_, sentence)| output::say(&text::safe(sentence)));
        match sentences.iter().map(|(lack, _)| *lack).max() {
            None | Some(Lack::Allowed) => 0,
            Some(Lack::Data) => NOT_WHOLE,
            Some(Lack::Changed) => CHANGED,
            Some(Lack::Stopped) => STOPPED,
        }
    }
}

/// The exit code of a judgement that lacks something.
fn decided(verdict: Verdict, code: u8) -> ExitCode {
    ExitCode::from(match (verdict, code) {
        (_, CHANGED | STOPPED) => code,
        (Verdict::Wrong, _) => super::NOTHING,
        (Verdict::Right, code) => code,
    })
}

fn unread(count: u64) -> String {
    match count {
        1 => "1 record could not be read as an event".into(),
        _ => format!("{count} records could not be read as events"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_reason_decides_the_code() {
        let mut missing = Missing::default();
        assert_eq!(missing.say(), 0);
        missing.lacks(Lack::Allowed, "1 of 3 events failed");
        assert_eq!(missing.say(), 0);
        missing.lacks(Lack::Data, "2 events failed");
        assert_eq!(missing.say(), NOT_WHOLE);
        missing.lacks(Lack::Changed, "a.jsonl was cut");
        missing.lacks(Lack::Data, "2 events failed");
        assert_eq!(missing.say(), CHANGED);
    }
}

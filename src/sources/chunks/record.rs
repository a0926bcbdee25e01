//! Records of the log, as their bytes say; nothing here knows of chunks, transactions or events.
//!
//! Layouts of log format "V2": a prepare carries an event (or marks a transaction), a commit makes the prepares of an
//! explicit transaction events, a system record is the server's own. Nothing is copied; every length is checked against
//! the bytes that are there.

use crate::domain::Timestamp;

/// The largest record a server writes.
pub const LARGEST: u32 = 16 << 20;

/// The smallest: a kind, a version, a position.
pub const SMALLEST: u32 = 10;

/// The flags of a prepare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(pub u16);

impl Flags {
    /// It carries an event.
    pub const DATA: u16 = 0x1;
    /// A write begins with it.
    pub const BEGIN: u16 = 0x2;
    /// A write ends with it.
    pub const END: u16 = 0x4;
    /// It deletes its stream for good.
    pub const DELETE: u16 = 0x8;
    /// It needs no commit.
    pub const COMMITTED: u16 = 0x20;
    /// Its data is JSON.
    pub const JSON: u16 = 0x100;
    /// Its data was removed on purpose.
    pub const REDACTED: u16 = 0x200;
    /// Its metadata is a protobuf `google.protobuf.Struct`.
    pub const PROPERTIES: u16 = 0x400;

    /// Whether any of these is set.
    pub fn any(self, flags: u16) -> bool {
        self.0 & flags != 0
    }
}

/// A record that carries an event, or marks where a transaction begins or ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prepare<'a> {
    /// Its position in the log.
    pub log: i64,
    /// Its flags.
    pub flags: Flags,
    /// The position of the first record of its write.
    pub transaction: i64,
    /// Its place in that write; -1 marks its beginning.
    pub offset: i32,
    /// The number of the event before it, where it is committed.
    pub expected: i64,
    /// The stream's name.
    pub stream: &'a [u8],
    /// The event's id, as .NET writes it.
    pub id: [u8; 16],
    /// When it was written, in 100 ns since year 1, UTC.
    pub ticks: i64,
    /// What happened.
    pub event_type: &'a [u8],
    /// What it says.
    pub data: &'a [u8],
    /// What is said about it.
    pub metadata: &'a [u8],
}

impl Prepare<'_> {
    /// When it was written, where that is a time at all.
    pub fn time(&self) -> Option<Timestamp> {
        const UNIX: i64 = 621_355_968_000_000_000;
        let ticks = self.ticks.checked_sub(UNIX)?;
        Timestamp::from_nanosecond(i128::from(ticks) * 100).ok()
    }

    /// Its id as text; none where it is all zeros.
    pub fn id(&self) -> Option<String> {
        (self.id != [0; 16]).then(|| uuid::Uuid::from_bytes_le(self.id).to_string())
    }
}

/// A record that makes prepares events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Its position in the log.
    pub log: i64,
    /// Which transaction it commits.
    pub transaction: i64,
    /// The number of the first event in it.
    pub first: i64,
}

/// A record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// An event, or the mark of a transaction.
    Prepare(Prepare<'a>),
    /// What makes prepares events.
    Commit(Commit),
    /// The server's own.
    System,
}

/// The kind of a record and its position in the log, without looking at the rest.
pub fn glance(bytes: &[u8]) -> Option<(u8, i64)> {
    let log = bytes.get(2..10)?.try_into().ok()?;
    Some((*bytes.first()?, i64::from_le_bytes(log)))
}

impl<'a> Record<'a> {
    /// Reads the bytes between the two lengths.
    ///
    /// # Errors
    /// Why they are no record.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut rest = Rest(bytes);
        let (kind, version) = (rest.byte()?, rest.byte()?);
        match (kind, version) {
            (0, 0 | 1) => rest.prepare(version).map(Self::Prepare),
            (1, 0 | 1) => rest.commit(version).map(Self::Commit),
            (2, 0) => rest.system().map(|()| Self::System),
            (0..=2, _) => Err(format!("a record of a version that is not known: {version} (its kind is {kind})")),
            (3..=11, _) => Err(format!("a record of kind {kind}, of a format of the log that was never released")),
            _ => Err(format!("a record of a kind that is not known: {kind}")),
        }
    }
}

/// What is left of a record.
struct Rest<'a>(&'a [u8]);

const SHORT: &str = "the record ends within its fields";

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    fn short(&mut self) -> Result<i32, String> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    fn long(&mut self) -> Result<i64, String> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// Bytes after their length in four bytes.
    fn blob(&mut self) -> Result<&'a [u8], String> {
        let length = self.short()?;
        self.take(usize::try_from(length).map_err(|_| format!("a length of {length}"))?)
    }

    /// Bytes after their length in seven bits a byte.
    fn string(&mut self) -> Result<&'a [u8], String> {
        let mut length = 0_usize;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return self.take(length);
            }
        }
        Err("a length that does not end".into())
    }

    fn prepare(&mut self, version: u8) -> Result<Prepare<'a>, String> {
        let log = self.long()?;
        let flags = Flags(u16::from_le_bytes(self.array()?));
        let transaction = self.long()?;
        let offset = self.short()?;
        let expected = match version {
            // The number of a tombstone was the largest of 32 bits, and is now that of 64.
            0 => match self.short()? {
                number if number == i32::MAX - 1 => i64::MAX - 1,
                number => i64::from(number),
            },
            _ => self.long()?,
        };
        let stream = self.string()?;
        let id = self.array()?;
        let _request: [u8; 16] = self.array()?;
        let ticks = self.long()?;
        let event_type = self.string()?;
        let (data, metadata) = (self.blob()?, self.blob()?);
        Ok(Prepare { log, flags, transaction, offset, expected, stream, id, ticks, event_type, data, metadata })
    }

    fn commit(&mut self, version: u8) -> Result<Commit, String> {
        let (log, transaction) = (self.long()?, self.long()?);
        let first = match version {
            0 => match self.short()? {
                i32::MAX => i64::MAX,
                number => i64::from(number),
            },
            _ => self.long()?,
        };
        // The sort key, the request's id, the time.
        self.take(8 + 16 + 8)?;
        Ok(Commit { log, transaction, first })
    }

    fn system(&mut self) -> Result<(), String> {
        // The position, the time, kind and encoding, what is reserved, the text.
        self.take(8 + 8 + 1 + 1 + 8)?;
        self.blob().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prepare(version: u8, expected: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, version];
        bytes.extend(700_i64.to_le_bytes());
        bytes.extend(0x127_u16.to_le_bytes());
        bytes.extend(690_i64.to_le_bytes());
        bytes.extend(1_i32.to_le_bytes());
        bytes.extend(expected);
        // A name of 200 bytes: its length takes two.
        bytes.extend([0xc8, 0x01]);
        bytes.extend([b's'; 200]);
        bytes.extend([0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
        bytes.extend([9; 16]);
        bytes.extend((621_355_968_000_000_000_i64 + 15_000_000).to_le_bytes());
        bytes.extend([4]);
        bytes.extend(b"Paid");
        bytes.extend(2_i32.to_le_bytes());
        bytes.extend(b"{}");
        bytes.extend(0_i32.to_le_bytes());
        bytes
    }

    #[test]
    fn prepares_of_both_versions() {
        for (version, expected, number) in [
            (0, 4_i32.to_le_bytes().to_vec(), 4),
            (0, (i32::MAX - 1).to_le_bytes().to_vec(), i64::MAX - 1),
            (1, 4_i64.to_le_bytes().to_vec(), 4),
            (1, i64::from(i32::MAX - 1).to_le_bytes().to_vec(), i64::from(i32::MAX - 1)),
        ] {
            let bytes = prepare(version, &expected);
            let Ok(Record::Prepare(read)) = Record::read(&bytes) else { panic!("a prepare") };
            assert_eq!((read.log, read.transaction, read.offset, read.expected), (700, 690, 1, number));
            assert_eq!(
                (read.stream.len(), read.event_type, read.data, read.metadata),
                (200, &b"Paid"[..], &b"{}"[..], &b""[..])
            );
            assert_eq!(read.id().as_deref(), Some("00112233-4455-6677-8899-aabbccddeeff"));
            assert_eq!(read.time().map(|time| time.as_millisecond()), Some(1500));
            assert_eq!(glance(&bytes), Some((0, 700)));
            for end in 0..bytes.len() {
                assert!(Record::read(&bytes[..end]).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn unknown_records_say_what_they_are() {
        let mut bytes = prepare(1, &0_i64.to_le_bytes());
        bytes[1] = 2;
        assert!(Record::read(&bytes).unwrap_err().contains("version"));
        bytes[0] = 3;
        assert!(Record::read(&bytes).unwrap_err().contains("never released"));
        bytes[0] = 99;
        assert!(Record::read(&bytes).unwrap_err().contains("99"));
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_reader(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_u8..4) {
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            if let Ok(Record::Prepare(prepare)) = Record::read(&bytes) {
                let _ = (prepare.time(), prepare.id());
            }
        }
    }
}

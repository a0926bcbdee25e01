//! Parts as Parquet files: the columns that queries ask for, and the event itself as the JSON it is everywhere.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::Timestamp;

/// `position` is null where the store's is a text, `time` where there is none; both stand in `event` as they are.
const SCHEMA: &str = "message event {
    optional binary stream (UTF8);
    optional int64 version (INTEGER(64,false));
    optional int64 position;
    optional binary id (UTF8);
    optional binary type (UTF8);
    optional int64 time (TIMESTAMP(MICROS,true));
    required binary event (JSON);
}";

/// Rows are written together when they are so many, or so large.
const ROWS: usize = 50_000;
const BYTES: usize = 32 << 20;

/// What of a line has a column.
#[derive(Deserialize)]
struct Line<'a> {
    stream: Option<String>,
    version: Option<u64>,
    #[serde(borrow)]
    position: &'a RawValue,
    id: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    time: Option<String>,
}

/// A column that is being collected: its values, and of each row whether it has one.
struct Optional<T> {
    values: Vec<T>,
    there: Vec<i16>,
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self { values: Vec::new(), there: Vec::new() }
    }
}

impl<T> Optional<T> {
    fn push(&mut self, value: Option<T>) {
        self.there.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

/// Rows that are not written yet.
#[derive(Default)]
struct Group {
    stream: Optional<ByteArray>,
    version: Optional<i64>,
    position: Optional<i64>,
    id: Optional<ByteArray>,
    event_type: Optional<ByteArray>,
    time: Optional<i64>,
    event: Vec<ByteArray>,
    bytes: usize,
}

/// A Parquet file that is being written.
pub struct Writer {
    file: SerializedFileWriter<File>,
    group: Group,
}

impl Writer {
    /// Begins one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(file: File) -> io::Result<Self> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(io::Error::other)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(file, schema, Arc::new(properties)).map_err(io::Error::other)?;
        Ok(Self { file, group: Group::default() })
    }

    /// Adds the line of an event.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, line: &[u8]) -> io::Result<()> {
        let line = line.trim_ascii_end();
        let read: Line<'_> = serde_json::from_slice(line)?;
        let group = &mut self.group;
        let text = |text: Option<String>| text.map(|text| ByteArray::from(text.into_bytes()));
        group.stream.push(text(read.stream));
        // The column says that its bits are those of a number without a sign.
        group.version.push(read.version.map(u64::cast_signed));
        group.position.push(read.position.get().parse().ok());
        group.id.push(text(read.id));
        group.event_type.push(text(read.event_type));
        let time = read.time.and_then(|time| time.parse::<Timestamp>().ok());
        group.time.push(time.map(Timestamp::as_microsecond));
        group.event.push(ByteArray::from(line.to_vec()));
        group.bytes += line.len();
        if group.event.len() >= ROWS || group.bytes >= BYTES {
            self.write()?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(mut self) -> io::Result<()> {
        self.write()?;
        self.file.into_inner().map_err(io::Error::other)?.sync_all()
    }

    fn write(&mut self) -> io::Result<()> {
        let group = std::mem::take(&mut self.group);
        if group.event.is_empty() {
            return Ok(());
        }
        let mut rows = self.file.next_row_group().map_err(io::Error::other)?;
        optional::<ByteArrayType>(&mut rows, &group.stream)?;
        optional::<Int64Type>(&mut rows, &group.version)?;
        optional::<Int64Type>(&mut rows, &group.position)?;
        optional::<ByteArrayType>(&mut rows, &group.id)?;
        optional::<ByteArrayType>(&mut rows, &group.event_type)?;
        optional::<Int64Type>(&mut rows, &group.time)?;
        column::<ByteArrayType>(&mut rows, &group.event, None)?;
        rows.close().map_err(io::Error::other).map(drop)
    }
}

fn optional<T: DataType>(rows: &mut SerializedRowGroupWriter<'_, File>, column: &Optional<T::T>) -> io::Result<()> {
    self::column::<T>(rows, &column.values, Some(&column.there))
}

fn column<T: DataType>(
    rows: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    there: Option<&[i16]>,
) -> io::Result<()> {
    let next = rows.next_column().map_err(io::Error::other)?;
    let mut column = next.ok_or_else(|| io::Error::other("the schema has fewer columns"))?;
    column.typed::<T>().write_batch(values, there, None).map_err(io::Error::other)?;
    column.close().map_err(io::Error::other)
}

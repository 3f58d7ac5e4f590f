//! What comes in: a recorded workload, one reference per line, plain or zstd. What goes out: batches of keys, in the
//! file's order. Never holds the whole file, and stops at the first line that is not a reference.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use mapwarden_contract::Count;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// How many keys one request carries. Raised, longer requests; lowered, more requests for the same trace.
pub(crate) const BATCH: usize = 200;

/// The first bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The accepted format, for messages.
const ACCEPTED: &str = "accepted is a text file, plain or zstd, of references, each on a line that ends with a newline: \
     `first_block number_of_blocks ignored request_number`, four whole numbers of which the first is the key";

/// The longest line that is read; a longer one is not a reference.
const LONGEST_LINE: u64 = 256;

/// A trace that cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TraceError {
    /// The file could not be opened or read.
    #[error("trace `{}`: line {line} or one soon after it: cannot be read: {ACCEPTED}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The first line that could not be read. A decoder holds back a window of lines that it could read.
        line: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line is not a reference.
    #[error("trace `{}`: line {line}: `{text}` is not a reference: {ACCEPTED}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Its text, shortened.
        text: String,
    },
    /// The file holds no line.
    #[error("trace `{}`: line 1: the file is empty: {ACCEPTED}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A trace that was read once from end to end and is valid.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadTrace {
    path: PathBuf,
    references: Count,
}

impl WorkloadTrace {
    /// Reads the whole file once, so that a bad line is reported before anything starts.
    ///
    /// # Errors
    /// A file that cannot be read, is empty, is cut off or holds a line that is not a reference.
    pub(crate) fn open(path: &Path) -> Result<Self, TraceError> {
        let mut references = Count::ZERO;
        for key in TraceKeys::open(path)? {
            key?;
            references += Count::new(1);
        }
        if references == Count::ZERO {
            return Err(TraceError::Empty { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), references })
    }

    /// Returns how many references it has.
    pub(crate) fn references(&self) -> Count {
        self.references
    }

    /// Reads the file again, [`BATCH`] keys at a time.
    ///
    /// # Errors
    /// A file that has changed since it was opened.
    pub(crate) fn batches(&self) -> Result<TraceBatches, TraceError> {
        TraceKeys::open(&self.path).map(|keys| TraceBatches { keys })
    }
}

/// The keys of a trace in batches.
pub(crate) struct TraceBatches {
    keys: TraceKeys,
}

impl Iterator for TraceBatches {
    type Item = Result<Vec<u64>, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch: Result<Vec<u64>, TraceError> = self.keys.by_ref().take(BATCH).collect();
        match batch {
            Ok(keys) if keys.is_empty() => None,
            Ok(_) | Err(_) => Some(batch),
        }
    }
}

struct TraceKeys {
    path: PathBuf,
    lines: Box<dyn BufRead + Send>,
    line: u64,
    buffer: String,
}

impl TraceKeys {
    fn open(path: &Path) -> Result<Self, TraceError> {
        let read = |source| TraceError::Read { path: path.to_owned(), line: 1, source };
        let mut file = BufReader::new(File::open(path).map_err(read)?);
        let is_zstd = file.fill_buf().map_err(read)?.starts_with(&ZSTD_MAGIC);
        let lines: Box<dyn BufRead + Send> = if is_zstd {
            Box::new(BufReader::new(ZstdFrames::start(file).map_err(read)?))
        } else {
            Box::new(file)
        };
        Ok(Self { path: path.to_owned(), lines, line: 0, buffer: String::new() })
    }
}

impl Iterator for TraceKeys {
    type Item = Result<u64, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line += 1;
        self.buffer.clear();
        match (&mut self.lines).take(LONGEST_LINE).read_line(&mut self.buffer) {
            Ok(0) => None,
            Ok(_) => Some(key(&self.buffer).ok_or_else(|| TraceError::Line {
                path: self.path.clone(),
                line: self.line,
                text: self.buffer.trim_end().chars().take(60).collect(),
            })),
            Err(source) => Some(Err(TraceError::Read { path: self.path.clone(), line: self.line, source })),
        }
    }
}

/// The zstd frames of a file, one after the other: the decoder alone stops silently after the first.
struct ZstdFrames {
    decoder: Option<StreamingDecoder<BufReader<File>, FrameDecoder>>,
}

impl ZstdFrames {
    fn start(file: BufReader<File>) -> io::Result<Self> {
        let decoder = StreamingDecoder::new(file).map_err(|error| damaged(&error))?;
        Ok(Self { decoder: Some(decoder) })
    }
}

impl Read for ZstdFrames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let length = decoder.read(buffer).map_err(|error| damaged(&error))?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            let frame = &decoder.decoder;
            if frame
                .get_checksum_from_data()
                .is_some_and(|stored| Some(stored) != frame.get_calculated_checksum())
            {
                return Err(io::Error::other("the zstd frame's checksum does not match its content"));
            }
            if decoder.get_mut().fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.decoder = match self.decoder.take() {
                Some(finished) => Self::start(finished.into_inner())?.decoder,
                None => None,
            };
        }
        Ok(0)
    }
}

/// Takes the innermost of the decoder's errors: the outer ones repeat it.
fn damaged(error: &dyn std::error::Error) -> io::Error {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let innermost = causes.last().map_or_else(String::new, ToString::to_string);
    io::Error::other(format!("the zstd data is cut off or damaged: {innermost}"))
}

/// Returns the first of exactly four whole numbers. The line must end with a newline, or a cut-off number would pass as
/// a smaller one.
fn key(line: &str) -> Option<u64> {
    let fields: Vec<u64> =
        line.strip_suffix('\n')?.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    match fields[..] {
        [key, _, _, _] => Some(key),
        [..] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("mapwarden-trace-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn zstd(text: &str) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn lines(count: u64) -> String {
        (1..=count).map(|key| format!("{key} 1 0 {}\n", key / 3)).collect()
    }

    #[test]
    fn keys_come_in_order_plain_and_compressed() {
        let (first, second): (String, String) = (lines(450)[..400].into(), lines(450)[400..].into());
        let inputs = [
            ("plain", lines(450).into_bytes()),
            ("zstd", zstd(&lines(450))),
            ("two-frames", [zstd(&first), zstd(&second)].concat()),
        ];
        for (name, bytes) in inputs {
            let path = file(name, &bytes);
            let trace = WorkloadTrace::open(&path).unwrap();
            assert_eq!(trace.references(), Count::new(450), "{name}");
            let batches: Vec<Vec<u64>> = trace.batches().unwrap().map(Result::unwrap).collect();
            assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [200, 200, 50], "{name}");
            assert_eq!(batches.concat(), (1..=450).collect::<Vec<_>>(), "{name}");
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_bad_file_is_named_with_its_line() {
        let cut = zstd(&lines(20_000));
        let cases = [
            ("letters", b"1 1 0 0\n2 one 0 0\n".to_vec(), "line 2: `2 one 0 0` is not a reference"),
            ("three-fields", b"1 1 0\n".to_vec(), "line 1: `1 1 0` is not a reference"),
            ("five-fields", b"1 1 0 0 7\n".to_vec(), "line 1: `1 1 0 0 7` is not a reference"),
            ("negative", b"-1 1 0 0\n".to_vec(), "line 1: `-1 1 0 0` is not a reference"),
            ("cut-line", b"1 1 0 0\n2 1 0 4".to_vec(), "line 2: `2 1 0 4` is not a reference"),
            ("blank-line", b"1 1 0 0\n\n3 1 0 0\n".to_vec(), "line 2: `` is not a reference"),
            ("not-text", vec![b'1', 0xff, b'\n'], "line 1 or one soon after it: cannot be read"),
            ("one-long-line", vec![b'7'; 4096], "line 1: `777"),
            ("empty", Vec::new(), "line 1: the file is empty"),
            ("cut-frame", cut[..cut.len() / 2].to_vec(), "cannot be read"),
            ("cut-checksum", cut[..cut.len() - 2].to_vec(), "cannot be read"),
            ("bytes-after", [&cut[..], b"1 1 0 0\n"].concat(), "cannot be read"),
            ("cut-header", cut[..5].to_vec(), "line 1 or one soon after it: cannot be read"),
        ];
        for (name, bytes, expected) in cases {
            let path = file(name, &bytes);
            let message = WorkloadTrace::open(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{name}: {message}");
            assert!(message.contains(&format!("trace `{}`: line ", path.display())), "{name}: {message}");
            assert!(message.contains("first_block number_of_blocks"), "{name}: {message}");
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = WorkloadTrace::open(Path::new("no-such-trace.zst")).unwrap_err().to_string();
        assert!(message.contains("trace `no-such-trace.zst`"), "{message}");
    }
}

//! Receivers on real sockets, one for each state, each on a thread of its own until the process ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// The state of the receiver.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum State {
    /// Telemetry is not installed.
    None,
    /// It accepts everything.
    Healthy,
    /// The same, to measure the noise.
    Again,
    /// Nothing listens.
    Dead,
    /// It answers a byte every 50 ms.
    Slow,
    /// It answers 503.
    Busy,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 6] =
        [Self::None, Self::Healthy, Self::Again, Self::Dead, Self::Slow, Self::Busy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Healthy => "healthy",
            Self::Again => "again",
            Self::Dead => "dead",
            Self::Slow => "slow",
            Self::Busy => "busy",
        }
    }

    /// Returns its position in [`State::ALL`].
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|state| *state == self).expect("all are there")
    }
}

/// Returns the address of a receiver in this state, or nothing without telemetry.
pub(crate) fn endpoint(state: State) -> Option<String> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let answer: fn(&TcpStream) -> std::io::Result<()> = match state {
        State::None => return None,
        State::Dead => return Some(format!("http://{address}")),
        State::Healthy | State::Again => {
            |mut stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        }
        State::Busy => {
            |mut stream| stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        }
        State::Slow => drip,
    };
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            // The shipper may close a connection at any time.
            std::thread::spawn(move || while exchange(&stream, answer).is_ok() {});
        }
    });
    Some(format!("http://{address}"))
}

/// Reads one request to its end and answers it.
fn exchange(stream: &TcpStream, answer: fn(&TcpStream) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let value =
            line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().parse());
        length = value.and_then(Result::ok).unwrap_or(length);
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    answer(stream)
}

/// Writes an answer that never ends.
fn drip(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    loop {
        stream.write_all(b".")?;
        // Nothing arrives, so that this waits.
        let _ = stream.read(&mut [0]);
    }
}

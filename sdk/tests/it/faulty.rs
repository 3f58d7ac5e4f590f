//! Peers at the address of the receiver that fail or are not receivers: real sockets with the behaviour of a
//! broken peer.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The fault of a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It reads every byte and never answers.
    Silent,
    /// It answers one byte at a time, and never completes the answer.
    Dripping,
    /// It answers with bytes that are not HTTP.
    Garbage,
    /// It answers with a body that is far too large.
    Endless,
    /// It is a web server that answers every request with a page.
    Page,
    /// It resets each connection during the request.
    Resetting,
    /// It closes each connection once it has read the request.
    Closing,
}

impl Fault {
    /// Every fault.
    pub(crate) const ALL: [Self; 7] = [
        Self::Silent,
        Self::Dripping,
        Self::Garbage,
        Self::Endless,
        Self::Page,
        Self::Resetting,
        Self::Closing,
    ];
}

/// A faulty peer that listens until it is dropped.
pub(crate) struct Faulty {
    pub(crate) address: SocketAddr,
    connections: Receiver<()>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Faulty {
    /// Listens on a free port.
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connected, connections) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let open = Mutex::new(Vec::new());
            std::thread::scope(|threads| {
                while let Ok((stream, _)) = listener.accept() {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    // The test may not be waiting for connections.
                    let _ = connected.send(());
                    open.lock().unwrap().push(stream.try_clone().unwrap());
                    let is_over = &is_over;
                    threads.spawn(move || {
                        // The other side may close the connection at any time.
                        let _ = meet(fault, &stream, is_over);
                    });
                }
                // Ends the threads that still read or write.
                open.lock()
                    .unwrap()
                    .iter()
                    .for_each(|stream: &TcpStream| drop(stream.shutdown(std::net::Shutdown::Both)));
            });
        });
        Self { address, connections, stop, thread: Some(thread) }
    }

    /// Waits until a connection arrives. A minute allows for a very slow machine.
    pub(crate) fn wait_for_a_connection(&self) {
        self.connections.recv_timeout(Duration::from_secs(60)).expect("a connection comes");
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the faulty peer failed");
    }
}

fn meet(fault: Fault, mut stream: &TcpStream, is_over: &AtomicBool) -> std::io::Result<()> {
    match fault {
        Fault::Silent => drop(stream.read_to_end(&mut Vec::new())?),
        Fault::Dripping => {
            request(stream)?;
            stream.set_read_timeout(Some(Duration::from_millis(5)))?;
            let mut answer = b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain(std::iter::repeat(&b'.'));
            while !is_over.load(Ordering::SeqCst) {
                stream.write_all(&[*answer.next().unwrap()])?;
                // No bytes arrive: this waits.
                let _ = stream.read(&mut [0]);
            }
        }
        Fault::Garbage => {
            request(stream)?;
            stream.write_all(&[0xff, 0x00, b'\n'].repeat(1_000))?;
        }
        Fault::Endless => {
            request(stream)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1000000000\r\n\r\n")?;
            while !is_over.load(Ordering::SeqCst) {
                stream.write_all(&[0; 65_536])?;
            }
        }
        Fault::Page => {
            request(stream)?;
            let page = "<!doctype html><title>Welcome</title>";
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{page}",
                page.len()
            )?;
        }
        Fault::Resetting => {
            // The system resets a connection that is closed with unread bytes.
            stream.read_exact(&mut [0])?;
        }
        Fault::Closing => request(stream)?,
    }
    Ok(())
}

/// Reads one complete request.
fn request(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let length: u64 = length.ok_or(ErrorKind::InvalidData)?;
    std::io::copy(&mut stream.take(length), &mut std::io::sink())?;
    Ok(())
}

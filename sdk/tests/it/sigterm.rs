//! A service that handles SIGTERM itself and ends the process in the handler, while `main` holds the telemetry.
#![allow(unsafe_code, reason = "sending a signal is a system call")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::time::Duration;

use mapwarden::{Scope, TelemetryHandle};
use mapwarden_contract::names::{attribute as name, wire};
use tokio::signal::unix::{SignalKind, signal};

use crate::alone::{self, Running};
use crate::faulty::{Fault, Faulty};
use crate::receiver::{Receiver, orders};

/// The line that the service prints once its signal handler is installed and its work is done.
const READY: &str = "the service is ready";

#[test]
fn the_last_counts_arrive_before_a_service_ends_at_sigterm() {
    let test = "sigterm::the_last_counts_arrive_before_a_service_ends_at_sigterm";
    if let Some(endpoint) = alone::argument(test) {
        return service(endpoint.parse().unwrap());
    }
    let receiver = Receiver::start();
    let service = alone::start(test, &receiver.address.to_string());
    assert_eq!(terminated(service), Some(0));
    let batch = receiver.metrics();
    let requests = |outcome| {
        let of = [(name::SCOPE, "until the end"), (name::REGION, ""), (name::OUTCOME, outcome)];
        batch.value(wire::REQUESTS.name, &of)
    };
    assert_eq!((requests("ok"), requests("failed")), (Some(5_000.0), Some(1.0)));
    assert_eq!(receiver.spans().len(), 1);
    assert_eq!(receiver.bodies("/v1/metrics").len(), 1, "the interval is an hour: this was the flush");
}

#[test]
fn a_silent_receiver_does_not_keep_a_service_running() {
    let test = "sigterm::a_silent_receiver_does_not_keep_a_service_running";
    if let Some(endpoint) = alone::argument(test) {
        return service(endpoint.parse().unwrap());
    }
    let silent = Faulty::start(Fault::Silent);
    let service = alone::start(test, &silent.address.to_string());
    assert_eq!(terminated(service), Some(0));
}

/// Sends SIGTERM once the service is ready, and returns its exit code.
fn terminated(mut service: Running) -> Option<i32> {
    let output = BufReader::new(service.0.stdout.take().unwrap());
    // The test harness of that process writes the beginning of the line.
    assert!(output.lines().any(|line| line.unwrap().ends_with(READY)));
    let process = libc::pid_t::try_from(service.0.id()).unwrap();
    // Safety: accesses no memory; the process is our child and not waited for yet, so that the id is still its own.
    assert_eq!(unsafe { libc::kill(process, libc::SIGTERM) }, 0);
    service.wait().code()
}

fn service(endpoint: SocketAddr) {
    let telemetry = orders(endpoint).install().unwrap();
    end_at_sigterm(telemetry.handle());
    (0..5_000).for_each(|_| Scope::request("until the end").start().ok());
    Scope::request("until the end").start().fail("on purpose");
    println!("{READY}");
    loop {
        std::thread::park();
    }
}

/// Ends the process from another thread, which never returns to `main`.
fn end_at_sigterm(handle: TelemetryHandle) {
    let (ready, started) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            ready.send(()).unwrap();
            terminate.recv().await;
        });
        // The process ends whether or not the flush succeeds.
        let _ = handle.flush_within(Duration::from_secs(5));
        std::process::exit(0);
    });
    started.recv().unwrap();
}

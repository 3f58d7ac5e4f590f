//! A service that forks after it installed telemetry: the child has no thread that ships, and gets errors.
#![allow(unsafe_code, reason = "fork is unsafe by nature")]

use mapwarden::{FlushError, InstallError, Scope, Telemetry};

use crate::alone;
use crate::receiver::{Receiver, orders};

#[test]
fn forked_children_neither_wait_nor_send() {
    let test = "fork::forked_children_neither_wait_nor_send";
    if alone::argument(test).is_some() {
        return parent();
    }
    assert!(alone::start(test, "").wait().success());
}

fn parent() {
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let handle = telemetry.handle();
    Scope::request("before").start().ok();
    // Safety: of the other threads of this process, the shipper waits for its interval and the receiver for a request,
    // so that none holds a lock that the child needs; the child ends by `_exit`, and by a signal if it hangs.
    let process = unsafe { libc::fork() };
    if process == 0 {
        // Safety: neither accesses memory.
        unsafe { libc::alarm(30) };
        let failed = child(telemetry, &receiver);
        unsafe { libc::_exit(failed) };
    }
    assert!(process > 0);
    let mut status = 0;
    // Safety: `status` lives until it returns.
    assert_eq!(unsafe { libc::waitpid(process, &raw mut status, 0) }, process);
    let ended = (libc::WIFEXITED(status), libc::WEXITSTATUS(status));
    assert_eq!(ended, (true, 0), "the number of the first failed claim of the child");

    Scope::request("after").start().ok();
    handle.flush().unwrap();
    let batch = receiver.metrics();
    let requests = |scope| {
        let of = [("mapwarden.scope", scope), ("mapwarden.region", ""), ("mapwarden.outcome", "ok")];
        batch.value("mapwarden.requests", &of)
    };
    assert_eq!(
        (requests("before"), requests("in the child"), requests("after")),
        (Some(1.0), None, Some(1.0))
    );
    assert_eq!(receiver.bodies("/v1/metrics").len(), 1, "the child sent nothing");
    drop(telemetry);
}

/// Returns the number of the first claim that does not hold, or 0.
fn child(telemetry: Telemetry, receiver: &Receiver) -> i32 {
    let handle = telemetry.handle();
    Scope::request("in the child").user("ann").start().ok();
    let claims = [
        telemetry.flush() == Err(FlushError::Forked),
        handle.flush() == Err(FlushError::Forked),
        !telemetry.health().is_shipping && !telemetry.health().is_well(),
        matches!(orders(receiver.address).install(), Err(InstallError::Forked)),
        {
            drop(telemetry);
            Scope::request("in the child").user("ann").start().fail("on purpose");
            matches!(orders(receiver.address).install(), Err(InstallError::Forked))
        },
        handle.flush() == Err(FlushError::Forked),
    ];
    claims.iter().zip(1..).find(|(holds, _)| !**holds).map_or(0, |(_, number)| number)
}

//! A service of one thread that handles requests as fast as it can, and times each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use mapwarden::{HashMap, Scope};

/// Users, and entries of the map.
const USERS: u64 = 10_000;

/// Map operations of a request.
const OPERATIONS: u64 = 8;

/// The state of the service.
pub(crate) struct Service {
    sessions: HashMap<u64, u64>,
    users: Vec<String>,
}

/// Percentiles in nanoseconds.
#[derive(Clone, Copy)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Service {
    pub(crate) fn new() -> Self {
        let sessions = HashMap::builder().name("sessions").capacity(USERS as usize).build();
        (0..USERS).for_each(|user| {
            sessions.pin().insert(user, user);
        });
        Self { sessions, users: (0..USERS).map(|user| format!("user-{user}")).collect() }
    }

    /// Handles requests for this time. Returns the time of each request's map operations, and of each request.
    pub(crate) fn work(&self, time: Duration) -> (Percentiles, Percentiles) {
        let (mut map, mut whole) = (Vec::new(), Vec::new());
        let end = Instant::now() + time;
        let mut number = 0_u64;
        loop {
            let began = Instant::now();
            if began >= end {
                return (Percentiles::of(map), Percentiles::of(whole));
            }
            // Visits the users with a large odd step.
            number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let user = number % USERS;
            let scope = Scope::request("checkout").user(&self.users[user as usize]).region("eu").start();
            let in_map = Instant::now();
            self.operations(user);
            map.push(in_map.elapsed().as_nanos() as f64);
            if number.is_multiple_of(1_000) {
                scope.fail("on purpose");
            } else {
                scope.ok();
            }
            whole.push(began.elapsed().as_nanos() as f64);
        }
    }

    /// Runs seven reads and one write.
    fn operations(&self, user: u64) {
        for step in 1..OPERATIONS {
            black_box(self.sessions.pin().get(&((user + step) % USERS)));
        }
        black_box(self.sessions.pin().insert(user, user));
    }
}

impl Percentiles {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}

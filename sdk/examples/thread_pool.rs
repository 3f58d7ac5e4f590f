//! A worker pool without an async runtime: each job is a request scope, its call to the warehouse a dependency.
//!
//! `cargo run -p mapwarden --example thread_pool` finishes its jobs and ends, with or without a sidecar at
//! 127.0.0.1:4318.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use mapwarden::{Objective, Scope, Telemetry};

const WORKERS: usize = 4;
const JOBS: usize = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telemetry = Telemetry::builder()
        .service("warehouse-worker")
        .version(env!("CARGO_PKG_VERSION"))
        .environment("example")
        .team("logistics")
        .scope_objective("pack", Objective::availability(0.99)?)
        .scope_objective("pack", Objective::latency(Duration::from_millis(5), 0.99)?)
        .install()?;

    let (orders, jobs) = mpsc::channel();
    let jobs = Arc::new(Mutex::new(jobs));
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let jobs = Arc::clone(&jobs);
            std::thread::spawn(move || {
                loop {
                    let order = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    match order {
                        Ok(order) => pack(order),
                        Err(mpsc::RecvError) => return,
                    }
                }
            })
        })
        .collect();
    for order in 0..JOBS {
        orders.send(order)?;
    }
    drop(orders);
    for worker in workers {
        worker.join().map_err(|_| "a worker panicked")?;
    }
    println!("packed {JOBS} orders");
    match telemetry.flush() {
        Ok(()) => println!("the sidecar holds every count"),
        Err(error) => println!("{error}; the jobs did not notice"),
    }
    Ok(())
}

/// Packs one order; every 97th is out of stock.
fn pack(order: usize) {
    let scope = Scope::request("pack").user(&format!("customer-{}", order % 300)).region("eu-west-1").start();
    let found = {
        let _entered = scope.enter();
        look_up(order)
    };
    match found {
        Ok(()) => scope.ok(),
        Err(kind) => scope.fail(kind),
    }
}

fn look_up(order: usize) -> Result<(), &'static str> {
    let call = Scope::dependency("stock");
    if order % 97 == 96 {
        call.fail("out_of_stock");
        return Err("out_of_stock");
    }
    call.ok();
    Ok(())
}

//! An axum service with the SDK in ten lines: telemetry, a layer, a dependency.
//!
//! `cargo run -p mapwarden --example axum_service` serves 127.0.0.1:8080 until Ctrl-C or SIGTERM, then completes the
//! open requests and sends the last counts; a second signal ends it after only the counts. With `--once` it sends
//! itself one request and ends. Start the sidecar beside it, and `curl -H 'x-user: ann' -H 'x-tenant: acme' -H
//! 'x-region: eu-west-1' 127.0.0.1:8080/checkout/pen` spends its error budget.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use mapwarden::{Objective, Scope, ScopeLayer, Telemetry, TelemetryHandle};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telemetry = Telemetry::builder()
        .service("order-service")
        .version(env!("CARGO_PKG_VERSION"))
        .environment("example")
        .team("checkout")
        .scope_objective("checkout", Objective::availability(0.999)?)
        .scope_objective("checkout", Objective::latency(Duration::from_millis(250), 0.99)?)
        .install()?;
    // Headers that the edge of the service sets; `user_by`, `tenant_by` and `region_by` read values that are stored
    // elsewhere, as by an authentication.
    let requests = ScopeLayer::request("checkout")
        .user_header("x-user")
        .tenant_header("x-tenant")
        .region_header("x-region");
    let app = Router::new().route("/checkout/{item}", get(checkout)).layer(requests);

    let once = std::env::args().any(|argument| argument == "--once");
    let listener = TcpListener::bind(if once { "127.0.0.1:0" } else { "127.0.0.1:8080" }).await?;
    let address = listener.local_addr()?;
    println!("serving http://{address}/checkout/book");
    let server = axum::serve(listener, app);
    if once {
        tokio::select! {
            served = async { server.await } => served?,
            asked = tokio::task::spawn_blocking(move || ask(address)) => println!("{}", asked??),
        }
    } else {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        server.with_graceful_shutdown(until_signalled(interrupt, terminate, telemetry.handle())).await?;
    }
    // Sends the remaining telemetry; blocks, so it must not run on a thread of the runtime.
    tokio::task::spawn_blocking(move || drop(telemetry)).await?;
    Ok(())
}

/// Returns at the first signal. At the second, or if requests are still running after some time, it ends the process
/// from here: `telemetry` is never dropped then, so its handle sends the remaining telemetry.
async fn until_signalled(mut interrupt: Signal, mut terminate: Signal, telemetry: TelemetryHandle) {
    either(&mut interrupt, &mut terminate).await;
    tokio::spawn(async move {
        let patience = tokio::time::sleep(Duration::from_secs(20));
        tokio::select! {
            () = either(&mut interrupt, &mut terminate) => {}
            () = patience => {}
        }
        // The process ends whether or not the flush succeeds.
        let _ = tokio::task::spawn_blocking(move || telemetry.flush_within(Duration::from_secs(2))).await;
        std::process::exit(1);
    });
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Takes the payment; this shop sells only books.
async fn checkout(Path(item): Path<String>) -> Result<String, StatusCode> {
    let payment = Scope::dependency("payments");
    if item == "book" {
        payment.ok();
        Ok(format!("one {item} for you\n"))
    } else {
        payment.fail("declined");
        Err(StatusCode::SERVICE_UNAVAILABLE)
    }
}

/// Returns the first line of the answer to a request to the service itself.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    write!(
        connection,
        "GET /checkout/book HTTP/1.1\r\nhost: {address}\r\nx-user: ann\r\nx-tenant: acme\r\nx-region: eu-west-1\r\n\
         connection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

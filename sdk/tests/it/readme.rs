//! The SDK example in the README of the repository compiles unchanged.

use std::error::Error;
use std::time::Duration;

use mapwarden::Objective;

/// The values of the README's map.
struct Session;

/// Compiled but never run, because it sends to the default address.
#[rustfmt::skip]
#[expect(dead_code, reason = "compiling it is the test")]
fn lines(user: String) -> Result<(), Box<dyn Error>> {
    // README begins
    let telemetry = mapwarden::Telemetry::builder()
        .service("order-service").version("v2.4.0").environment("production").team("checkout")
        .scope_objective("checkout", Objective::availability(0.999)?)
        .scope_objective("checkout", Objective::latency(Duration::from_millis(250), 0.99)?)
        .install()?;                                             // dropping it flushes

    let sessions: mapwarden::HashMap<String, Session> =
        mapwarden::HashMap::builder().name("sessions").objective(Objective::hit_ratio(0.95)?).build();

    let scope = mapwarden::Scope::request("checkout").user(&user).region("eu-west-1").start();
    let entered = scope.enter();                                 // map operations count for the request
    let found = sessions.pin().contains_key(&user);
    drop(entered);
    if found { scope.ok() } else { scope.fail("no_session") }
    // README ends
    drop(telemetry);
    Ok(())
}

#[test]
fn the_readme_shows_the_compiled_lines() {
    let trimmed = |text: &str| text.trim().lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let source = include_str!("readme.rs");
    let compiled = source.split("// README begins").nth(1).unwrap().split("// README ends").next().unwrap();
    let readme = include_str!("../../../README.md");
    let shown = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(trimmed(shown), trimmed(compiled));
    assert_eq!(readme.matches("```rust").count(), 1, "another block needs a test, too");
}

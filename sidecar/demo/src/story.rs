//! What comes in: a sidecar, and a service under load. What goes out: what an SRE would see of a bad deploy, from
//! the healthy day before to the comparison after it. Never fakes anything: the fault is in the service's code,
//! and what is told of it is what the sidecar tells.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mapwarden_contract::{BudgetFraction, Count, Nanos, UnixNanos};
use tokio::time::{Instant, MissedTickBehavior};

use super::backend::USERS;
use super::check::{self, Check, Counted};
use super::console::{AVAILABILITY, Announcement, Console, LATENCY};
use super::fleet::Fleet;
use super::ledger::Region;
use super::process::Release;
use super::report::Report;
use super::screen::Screen;
use mapwarden_engine::notice::{Notice, NoticeState};

/// The version of yesterday.
pub(crate) const BEFORE: Release = Release { version: "v2.3.9", sha: "5be20c7", routing: "normalised" };
/// The version of today, to which the story returns.
const GOOD: Release = Release { version: "v2.4.0", sha: "c81e4d2", routing: "normalised" };
/// The version that breaks one region and slows the others.
const BAD: Release = Release { version: "v2.4.1", sha: "a3f9c1d", routing: "verbatim" };
/// The commit of the flag that is set in between.
const FLAG_SHA: &str = "9d07be1";

/// How long each healthy part is watched. Shorter leaves a baseline of fewer events.
const WATCHED: Duration = Duration::from_secs(7);
/// How long the fault goes on after it was noticed, so that its numbers grow.
const BROKEN: Duration = Duration::from_secs(18);
/// How long notices of other objectives may go on before the load is paused for the comparison.
const OTHERS: Duration = Duration::from_secs(15);
/// How long the last telemetry may take to be counted.
const SETTLING: Duration = Duration::from_secs(10);
/// How often a status is told.
const SECOND: Duration = Duration::from_secs(1);
/// How often the sidecar is asked whether there is a notice.
const LOOK: Duration = Duration::from_millis(100);
/// How many looks make a second.
const LOOKS_PER_STATUS: u32 = 10;

/// The story while it is told.
pub(crate) struct Story<'a> {
    screen: &'a mut Screen,
    console: &'a Console,
    fleet: &'a mut Fleet,
    /// What had been counted before the demo began; not zero where the sidecar's state outlives it.
    counted_before: Counted,
    began: UnixNanos,
    /// When answers were counted last, and how many there were.
    last: (Instant, Count),
    mentioned: HashMap<String, NoticeState>,
    /// What is being done, for whoever gives up waiting.
    pub(crate) doing: &'static str,
}

impl<'a> Story<'a> {
    /// Begins with a fleet that serves [`BEFORE`].
    pub(crate) fn new(
        screen: &'a mut Screen,
        console: &'a Console,
        fleet: &'a mut Fleet,
        counted_before: Counted,
    ) -> Self {
        let last = (Instant::now(), Count::ZERO);
        let (began, mentioned) = (UnixNanos::now(), HashMap::new());
        Self { screen, console, fleet, counted_before, began, last, mentioned, doing: "starting" }
    }

    /// Tells it all.
    ///
    /// # Errors
    /// A part that did not start, or a sidecar that did not answer.
    pub(crate) async fn tell(&mut self) -> anyhow::Result<Report> {
        self.healthy().await?;
        let (id, noticed_after) = self.bad_deploy().await?;
        let notice = self.roll_back(&id).await?;
        let mut checks = self.compare_counts().await?;
        checks.extend(self.fleet.load().replayed().map(check::replay));
        checks.extend(check::notice(&self.fleet.load().ledger(), &notice, BAD.sha));
        self.screen.block(&format!("\n{}", check::table(&checks)));
        let totals = self.fleet.load().ledger().totals();
        let took = Nanos::from(self.screen.elapsed());
        Ok(Report { ledger: totals, checks, notice, noticed_after, took })
    }

    /// Goes on serving what the story ended with, until something breaks.
    ///
    /// # Errors
    /// A service that ended by itself, or a sidecar that did not answer.
    pub(crate) async fn serve(&mut self) -> anyhow::Result<()> {
        self.fleet.resume().await;
        let mut moments = tokio::time::interval(self.screen.pace());
        loop {
            moments.tick().await;
            self.tell_status().await?;
        }
    }

    /// How long the demo runs.
    pub(crate) fn elapsed(&self) -> Duration {
        self.screen.elapsed()
    }

    /// Tells whoever watches.
    pub(crate) fn say(&mut self, what: &str) {
        self.screen.event(what);
    }

    async fn healthy(&mut self) -> anyhow::Result<()> {
        self.doing = "serving healthy versions";
        let regions = Region::ALL.map(Region::name).join(", ");
        let version = BEFORE.version;
        self.screen.event(&format!("{version} serves 300 requests a second of {USERS} users in {regions}"));
        self.watch(WATCHED).await?;
        self.deploy(&GOOD, "ada").await?;
        self.watch(WATCHED).await?;
        self.screen.event(&format!("flag: `related items` is set to on ({FLAG_SHA})"));
        self.console.announce(&Announcement::flag(GOOD.version, FLAG_SHA, "grace")).await?;
        let set = super::http_client(SETTLING)?.put(format!("{}/flags/related", self.fleet.url()));
        set.json(&true).send().await?.error_for_status().context("the flag was not set")?;
        self.watch(WATCHED).await
    }

    /// Deploys the bad version and waits until it is noticed; gives the notice's id, and how long after the first
    /// failed answer it was there.
    async fn bad_deploy(&mut self) -> anyhow::Result<(String, Nanos)> {
        self.doing = "waiting for a notice of the bad deploy";
        self.deploy(&BAD, "linus").await?;
        let notice = self.notice_that(|notice| notice.state == NoticeState::Open).await?;
        let first = self.fleet.load().ledger().first_failure_of(BAD.version);
        let first = first.context("there is a notice, but no checkout of the bad version failed")?;
        let after = UnixNanos::now().since(first);
        self.screen.event(&format!("NOTICE, {:.1} s after the first failed answer:", after.as_secs_f64()));
        self.show(&notice.id).await?;
        self.doing = "watching the fault";
        self.watch(BROKEN).await?;
        self.screen.event("the same notice, updated:");
        self.show(&notice.id).await?;
        Ok((notice.id, after))
    }

    async fn roll_back(&mut self, id: &str) -> anyhow::Result<Notice> {
        self.screen.event(&format!("rolling back to {}", GOOD.version));
        self.deploy(&GOOD, "ada").await?;
        self.doing = "waiting until the notice resolves";
        let notice =
            self.notice_that(|notice| notice.id == id && notice.state == NoticeState::Resolved).await?;
        self.screen.event("RESOLVED:");
        self.show(id).await?;
        self.doing = "waiting until the other notices resolve";
        let until = Instant::now() + OTHERS;
        while self.mentioned.values().any(|state| *state == NoticeState::Open) && Instant::now() < until {
            self.watch(SECOND).await?;
        }
        Ok(notice)
    }

    async fn deploy(&mut self, release: &Release, author: &'static str) -> anyhow::Result<()> {
        let Release { version, sha, .. } = *release;
        self.screen
            .event(&format!("deploy: {version} ({sha}) by {author}, announced at POST /api/v1/deploys"));
        self.console.announce(&Announcement::deploy(version, sha, author)).await?;
        self.fleet.deploy(release).await?;
        self.screen.event(&format!("{version} serves; the version before has ended"));
        Ok(())
    }

    /// Lets time pass, visibly.
    async fn watch(&mut self, how_long: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + how_long;
        let mut seconds = tokio::time::interval_at(Instant::now() + SECOND, SECOND);
        while Instant::now() < until {
            seconds.tick().await;
            self.tell_status().await?;
        }
        Ok(())
    }

    /// Waits, visibly, for a notice of the availability objective that was touched since the story began.
    async fn notice_that(&mut self, is_wanted: impl Fn(&Notice) -> bool) -> anyhow::Result<Notice> {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in 1_u32.. {
            looks.tick().await;
            let notices = self.console.notices().await?;
            let found = notices.into_iter().find(|notice| {
                notice.slo == AVAILABILITY && self.is_of_this_story(notice) && is_wanted(notice)
            });
            if let Some(notice) = found {
                return Ok(notice);
            }
            if look.is_multiple_of(LOOKS_PER_STATUS) {
                self.tell_status().await?;
            }
        }
        bail!("no notice in 13 years")
    }

    fn is_of_this_story(&self, notice: &Notice) -> bool {
        u64::try_from(notice.updated.as_nanosecond()).is_ok_and(|updated| updated >= self.began.get())
    }

    async fn show(&mut self, id: &str) -> anyhow::Result<()> {
        let text = self.console.notice_text(id).await?;
        let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
        self.screen.block(&format!("\n{indented}"));
        Ok(())
    }

    /// Writes how things are, and what became of notices that the story does not wait for. Fails if the service
    /// ended by itself.
    async fn tell_status(&mut self) -> anyhow::Result<()> {
        self.fleet.check_alive()?;
        let notices = self.console.notices().await?;
        let open = notices.iter().filter(|notice| notice.state == NoticeState::Open).count();
        for notice in notices.iter().filter(|notice| notice.slo != AVAILABILITY) {
            self.mention(notice);
        }
        let slo = self.console.slo(AVAILABILITY).await?;
        let budget = slo.as_ref().and_then(|slo| slo.remaining.value());
        let budget = budget.map_or("unknown yet".into(), |left| in_words(*left));
        let rate = self.rate();
        let checkouts = self.fleet.load().ledger().checkouts();
        let trace = self.fleet.load().replayed();
        let trace = trace.map_or_else(String::new, |(done, all)| format!(" | trace {done} of {all}"));
        self.screen.status(&format!(
            "{} {rate:.0}/s | checkouts {} ok, {} failed | budget {budget} | open notices {open}{trace}",
            self.fleet.version(),
            checkouts.good,
            checkouts.bad,
        ));
        Ok(())
    }

    /// Tells of a notice once when it is there, and once when it is resolved.
    fn mention(&mut self, notice: &Notice) {
        if self.is_of_this_story(notice)
            && self.mentioned.insert(notice.id.clone(), notice.state) != Some(notice.state)
        {
            let state = match notice.state {
                NoticeState::Open => "notice of",
                NoticeState::Resolved => "resolved:",
            };
            self.screen.event(&format!("{state} {}: {}", notice.slo, notice.summary));
        }
    }

    /// Requests a second since the last time.
    fn rate(&mut self) -> f64 {
        let now = (Instant::now(), self.fleet.load().ledger().answered());
        let before = std::mem::replace(&mut self.last, now);
        (now.1 - before.1).as_f64() / (now.0 - before.0).as_secs_f64().max(f64::EPSILON)
    }

    /// Stops the load, and waits until the sidecar has counted everything that was sent, or has had time to. What a report
    /// says stays true: only who goes on serving resumes the load.
    async fn compare_counts(&mut self) -> anyhow::Result<Vec<Check>> {
        self.doing = "replaying the rest of the trace";
        while self.fleet.load().replayed().is_some_and(|(done, all)| done < all) {
            self.watch(SECOND).await?;
        }
        self.doing = "comparing counts";
        self.screen.event("the load is paused: what it knows against what the sidecar counted");
        self.fleet.pause().await;
        let until = Instant::now() + SETTLING;
        let mut looks = tokio::time::interval(LOOK);
        let checks = loop {
            looks.tick().await;
            let counted = counted(self.console).await?.since(&self.counted_before);
            let checks = check::counts(&self.fleet.load().ledger(), &counted);
            if checks.iter().all(|check| check.holds) || Instant::now() > until {
                break checks;
            }
        };
        Ok(checks)
    }
}

/// A share of a budget as a status says it: far below zero, a multiple is easier to read than a percentage.
fn in_words(left: BudgetFraction) -> String {
    let left = left.get();
    if left >= 0.0 { format!("{:.1}% left", 100.0 * left) } else { format!("spent {:.1}x", 1.0 - left) }
}

/// What the sidecar has counted so far.
///
/// # Errors
/// A sidecar that did not answer.
pub(crate) async fn counted(console: &Console) -> anyhow::Result<Counted> {
    let availability = console.slo(AVAILABILITY).await?;
    let latency = console.slo(LATENCY).await?;
    Ok(Counted {
        good: availability.as_ref().map(|slo| slo.good).unwrap_or_default(),
        total: availability.map(|slo| slo.total).unwrap_or_default(),
        timed: latency.map(|slo| slo.total).unwrap_or_default(),
        catalogue: console.catalogue().await?,
    })
}

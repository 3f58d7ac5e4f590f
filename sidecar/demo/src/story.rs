//! What comes in: a sidecar, and a service under load. What goes out: what an SRE sees of a bad deploy, from the
//! healthy versions before it to the comparison after it. Never fakes anything: the fault is in the service's code, and
//! every notice comes from the sidecar.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mapwarden_contract::{BudgetFraction, Count, Nanos, UnixNanos};
use tokio::time::{Instant, MissedTickBehavior};

use super::backend::USERS;
use super::comparison::{self, LoadComparison, SidecarCounts};
use super::console::{AVAILABILITY, Announcement, Console, LATENCY};
use super::fleet::Fleet;
use super::process::Release;
use super::report::DemoReport;
use super::screen::Screen;
use super::users::Region;
use mapwarden_engine::notice::{Notice, NoticeState};

/// The version that serves at the start.
pub(crate) const BEFORE: Release = Release { version: "v2.3.9", sha: "5be20c7", routing: "normalised" };
/// The healthy version, to which the story rolls back.
const GOOD: Release = Release { version: "v2.4.0", sha: "c81e4d2", routing: "normalised" };
/// The version that breaks one region and slows the others.
const BAD: Release = Release { version: "v2.4.1", sha: "a3f9c1d", routing: "verbatim" };
/// The commit of the feature flag.
const FLAG_SHA: &str = "9d07be1";

/// How long each healthy part lasts. Raised, a longer demo; lowered, a baseline of fewer events.
const WATCHED: Duration = Duration::from_secs(7);
/// How long the fault continues after the notice opened, so that its numbers grow.
const BROKEN: Duration = Duration::from_secs(18);
/// How long notices of other objectives may stay open before the load is paused for the comparison.
const OTHERS: Duration = Duration::from_secs(15);
/// How long the last telemetry may take to be counted.
const SETTLING: Duration = Duration::from_secs(10);
/// How often the status is shown.
const SECOND: Duration = Duration::from_secs(1);
/// How often the sidecar is queried for a notice.
const LOOK: Duration = Duration::from_millis(100);
/// How many looks make a second.
const LOOKS_PER_STATUS: u32 = 10;

/// The story under way.
pub(crate) struct DemoStory<'a> {
    screen: &'a mut Screen,
    console: &'a Console,
    fleet: &'a mut Fleet,
    /// The sidecar's counts before the demo began; not zero where its state is older.
    counted_before: SidecarCounts,
    began: UnixNanos,
    /// When responses were last counted, and how many there were.
    last: (Instant, Count),
    mentioned: HashMap<String, NoticeState>,
    /// What the story is doing, for the message of a time-out.
    pub(crate) doing: &'static str,
}

impl<'a> DemoStory<'a> {
    /// Begins with a fleet that serves [`BEFORE`].
    pub(crate) fn new(
        screen: &'a mut Screen,
        console: &'a Console,
        fleet: &'a mut Fleet,
        counted_before: SidecarCounts,
    ) -> Self {
        let last = (Instant::now(), Count::ZERO);
        let (began, mentioned) = (UnixNanos::now(), HashMap::new());
        Self { screen, console, fleet, counted_before, began, last, mentioned, doing: "starting" }
    }

    /// Plays the whole story.
    ///
    /// # Errors
    /// A part that did not start, or a sidecar that did not respond.
    pub(crate) async fn play(&mut self) -> anyhow::Result<DemoReport> {
        self.healthy().await?;
        let (id, noticed_after) = self.bad_deploy().await?;
        let notice = self.roll_back(&id).await?;
        let mut checks = self.compare_counts().await?;
        checks.extend(self.fleet.load().replayed().map(comparison::replay));
        checks.extend(comparison::notice(&self.fleet.load().log(), &notice, BAD.sha));
        self.screen.block(&format!("\n{}", comparison::table(&checks)));
        let totals = self.fleet.load().log().totals();
        let took = Nanos::from(self.screen.elapsed());
        Ok(DemoReport { ledger: totals, checks, notice, noticed_after, took })
    }

    /// Continues to serve the last version, until something fails.
    ///
    /// # Errors
    /// A service that ended by itself, or a sidecar that did not respond.
    pub(crate) async fn serve(&mut self) -> anyhow::Result<()> {
        self.fleet.resume().await;
        let mut ticks = tokio::time::interval(self.screen.pace());
        loop {
            ticks.tick().await;
            self.show_status().await?;
        }
    }

    /// Returns how long the demo has run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.screen.elapsed()
    }

    /// Shows an event.
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
        self.screen.event(&format!("flag: `related items` is on ({FLAG_SHA})"));
        self.console.announce(&Announcement::flag(GOOD.version, FLAG_SHA, "grace")).await?;
        let set = super::http::client(SETTLING)?.put(format!("{}/flags/related", self.fleet.url()));
        set.json(&true).send().await?.error_for_status().context("the flag could not be set")?;
        self.watch(WATCHED).await
    }

    /// Deploys the bad version and waits for the notice; returns its id, and how long after the first failed response
    /// it opened.
    async fn bad_deploy(&mut self) -> anyhow::Result<(String, Nanos)> {
        self.doing = "waiting for a notice of the bad deploy";
        self.deploy(&BAD, "linus").await?;
        let notice = self.wait_for_notice(|notice| notice.state == NoticeState::Open).await?;
        let first = self.fleet.load().log().first_failure_of(BAD.version);
        let first = first.context("there is a notice, but no checkout of the bad version failed")?;
        let after = UnixNanos::now().since(first);
        self.screen.event(&format!("NOTICE, {:.1} s after the first failed response:", after.as_secs_f64()));
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
            self.wait_for_notice(|notice| notice.id == id && notice.state == NoticeState::Resolved).await?;
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
        self.screen.event(&format!("{version} serves; the previous version has ended"));
        Ok(())
    }

    /// Waits, and shows the status each second.
    async fn watch(&mut self, how_long: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + how_long;
        let mut seconds = tokio::time::interval_at(Instant::now() + SECOND, SECOND);
        while Instant::now() < until {
            seconds.tick().await;
            self.show_status().await?;
        }
        Ok(())
    }

    /// Waits for a notice of the availability objective that was updated since the story began, and shows the status.
    async fn wait_for_notice(&mut self, is_wanted: impl Fn(&Notice) -> bool) -> anyhow::Result<Notice> {
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
                self.show_status().await?;
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

    /// Shows the status, and changes of notices that the story does not wait for. Fails if the service ended by itself.
    async fn show_status(&mut self) -> anyhow::Result<()> {
        self.fleet.check_alive()?;
        let notices = self.console.notices().await?;
        let open = notices.iter().filter(|notice| notice.state == NoticeState::Open).count();
        for notice in notices.iter().filter(|notice| notice.slo != AVAILABILITY) {
            self.mention(notice);
        }
        let slo = self.console.slo(AVAILABILITY).await?;
        let budget = slo.as_ref().and_then(|slo| slo.remaining.value());
        let budget = budget.map_or("not known yet".into(), |left| budget_text(*left));
        let rate = self.rate();
        let checkouts = self.fleet.load().log().checkouts();
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

    /// Shows a notice once when it is open, and once when it is resolved.
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

    /// Returns the responses per second since the last call.
    fn rate(&mut self) -> f64 {
        let now = (Instant::now(), self.fleet.load().log().answered());
        let before = std::mem::replace(&mut self.last, now);
        (now.1 - before.1).as_f64() / (now.0 - before.0).as_secs_f64().max(f64::EPSILON)
    }

    /// Pauses the load, and waits until the sidecar has counted everything that was sent, at most [`SETTLING`]. The
    /// load stays paused, so that the report stays true.
    async fn compare_counts(&mut self) -> anyhow::Result<Vec<LoadComparison>> {
        self.doing = "replaying the rest of the trace";
        while self.fleet.load().replayed().is_some_and(|(done, all)| done < all) {
            self.watch(SECOND).await?;
        }
        self.doing = "comparing counts";
        self.screen.event("the load is paused; comparing its counts with the sidecar's:");
        self.fleet.pause().await;
        let until = Instant::now() + SETTLING;
        let mut looks = tokio::time::interval(LOOK);
        let checks = loop {
            looks.tick().await;
            let counted = counted(self.console).await?.since(&self.counted_before);
            let checks = comparison::counts(&self.fleet.load().log(), &counted);
            if checks.iter().all(|check| check.holds) || Instant::now() > until {
                break checks;
            }
        };
        Ok(checks)
    }
}

/// Formats what is left of a budget; a multiple is easier to read than a percentage far below zero.
fn budget_text(left: BudgetFraction) -> String {
    let left = left.get();
    if left >= 0.0 { format!("{:.1}% left", 100.0 * left) } else { format!("spent {:.1}x", 1.0 - left) }
}

/// Queries what the sidecar has counted so far.
///
/// # Errors
/// A sidecar that did not respond.
pub(crate) async fn counted(console: &Console) -> anyhow::Result<SidecarCounts> {
    let availability = console.slo(AVAILABILITY).await?;
    let latency = console.slo(LATENCY).await?;
    Ok(SidecarCounts {
        good: availability.as_ref().map(|slo| slo.good).unwrap_or_default(),
        total: availability.map(|slo| slo.total).unwrap_or_default(),
        timed: latency.map(|slo| slo.total).unwrap_or_default(),
        catalogue: console.catalogue().await?,
    })
}

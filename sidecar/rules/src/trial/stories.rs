//! Comes in: an objective. Goes out: stories for its rules: histories in which it burns, does not burn, recovers, is
//! idle, lacks a series, is reset, fails once, or is not measured. Never computes an expected value.

use mapwarden_contract::Verdict;
use mapwarden_objective::Severity;

use super::feed::Feed;
use super::history::{History, Minute};
use super::oracle::{Firing, Oracle};
use super::question::Question;
use super::time_slices::is_fractional;
use crate::resolved::ResolvedSlo;
use crate::tier::RuleTier;
use crate::window::{RuleWindow, SLOT};

/// Events of an ordinary minute. Even, so that both of its halves are whole.
const TRAFFIC: u32 = 60;

/// The minutes without bad events before a story.
const BEFORE: usize = 70;

/// The minutes without bad events before an outage: long enough for quick tiers to fire before slow ones.
const LONG_BEFORE: usize = 300;

/// The longest history, in minutes. Raised, tests cover the end of slower alerts, and promtool takes longer.
const LONGEST: usize = 480;

/// A history, and the values that a test reads from it.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: String,
    pub(super) history: History,
    pub(super) questions: Vec<(usize, Question)>,
}

impl Story {
    /// Returns a story.
    pub(super) fn new(name: &str, history: History, questions: Vec<(usize, Question)>) -> Self {
        Self { name: name.to_owned(), history, questions }
    }
}

/// Returns every story for an objective; only silence where no series can be generated.
pub(super) fn all(objective: &ResolvedSlo<'_>, feed: Option<&Feed>) -> Vec<Story> {
    let alerts = objective.slo.alerting.page.is_disabled && objective.slo.alerting.ticket.is_disabled;
    let mut stories = Vec::new();
    if let Some(feed) = feed {
        let traffic = match feed {
            Feed::Scraped(_) | Feed::Members => TRAFFIC,
            Feed::Recorded => 1,
        };
        stories.push(in_order(objective, traffic));
        stories.extend(outage(objective, traffic, "a total outage, and its end"));
        if let Some(part) = feed.part() {
            // Sums of shares reach the limit of a factor except for the last digit, which depends on their order.
            if !is_fractional(objective) {
                stories.extend(slow_burn(objective));
                stories.extend(objective.tiers.iter().filter_map(|tier| burst(objective, tier)));
            }
            stories.push(chance(objective));
            stories.push(quiet_hour(objective));
            stories.push(absent_series(objective, part));
            stories.push(counter_reset(objective));
            stories.push(crash_loop(objective));
            stories.push(process_end(objective));
            stories.push(one_failure(objective));
            stories.extend(outage(objective, 1, "a total outage at one event a minute"));
        }
        if *feed == Feed::Members {
            stories.push(quiet_hour(objective));
        }
        stories.extend(gap(objective, traffic));
    }
    if !alerts && !objective.tiers.is_empty() {
        stories.push(silence());
    }
    stories
}

/// Returns a history with an empty first minute: the value of a counter at its first scrape belongs to no slot.
pub(super) fn begin() -> History {
    History::default().then(1, Minute::Events(0, 0))
}

pub(super) fn both(minute: usize) -> [(usize, Question); 2] {
    [(minute, Question::Alert(Severity::Page)), (minute, Question::Alert(Severity::Ticket))]
}

/// Every alert.
fn every(minute: usize) -> [(usize, Question); 3] {
    let [page, ticket] = both(minute);
    [page, ticket, (minute, Question::NoData)]
}

fn numbers(objective: &ResolvedSlo<'_>, minute: usize) -> Vec<(usize, Question)> {
    let windows = objective.windows();
    let mut asked: Vec<_> = objective.covered().into_iter().map(Question::Coverage).collect();
    for window in [RuleWindow::M5, RuleWindow::HOUR, objective.period] {
        if windows.contains(&window) {
            asked.extend([Question::Total(window), Question::Bad(window), Question::Ratio(window)]);
        }
    }
    if objective.is_rolling() {
        asked.push(Question::Remaining);
    } else if objective.periods.is_some() {
        asked.extend([Question::PeriodTotal, Question::Remaining, Question::PeriodCoverage]);
    }
    asked.into_iter().map(|question| (minute, question)).collect()
}

/// No bad event.
fn in_order(objective: &ResolvedSlo<'_>, traffic: u32) -> Story {
    let history = begin().then(BEFORE, Minute::Events(traffic, 0));
    let end = history.minutes.len();
    let questions = every(end).into_iter().chain(numbers(objective, end)).collect();
    Story::new("all is well", history, questions)
}

/// Every event fails until the loudest alert fires, and none after that.
fn outage(objective: &ResolvedSlo<'_>, traffic: u32, name: &str) -> Option<Story> {
    let (history, severity, fires) = broken(objective, traffic, LONG_BEFORE)?;
    let history = history.then(LONGEST.saturating_sub(fires), Minute::Events(traffic, 0));
    let oracle = Oracle::new(objective, &history);
    let ends = oracle.first_that(severity, fires, Firing::No);
    let last = ends.unwrap_or(fires) + 1;
    let questions = both(fires - 1).into_iter().chain(both(fires)).chain(numbers(objective, fires));
    let after = ends.into_iter().flat_map(|ends| both(ends - 1).into_iter().chain(both(ends)));
    let questions = questions.chain(after).collect();
    let minutes = history.minutes.into_iter().take(last).collect();
    Some(Story::new(name, History { minutes, ..History::default() }, questions))
}

/// A history that ends with the minute in which the loudest alert begins to fire.
fn broken(objective: &ResolvedSlo<'_>, traffic: u32, before: usize) -> Option<(History, Severity, usize)> {
    let history = begin()
        .then(before, Minute::Events(traffic, 0))
        .then(LONGEST - before - 1, Minute::Events(0, traffic));
    let oracle = Oracle::new(objective, &history);
    let first = |severity| oracle.first_that(severity, 1, Firing::Yes).map(|minute| (severity, minute));
    let (severity, fires) = first(Severity::Page).or_else(|| first(Severity::Ticket))?;
    let minutes = history.minutes.into_iter().take(fires).collect();
    Some((History { minutes, ..History::default() }, severity, fires))
}

/// Some failures, then an hour without events: a measured zero is neither good nor bad nor missing.
fn quiet_hour(objective: &ResolvedSlo<'_>) -> Story {
    let history = begin()
        .then(40, Minute::Events(TRAFFIC, 0))
        .then(2, Minute::Events(TRAFFIC - 10, 10))
        .then(65, Minute::Events(0, 0));
    let end = history.minutes.len();
    let questions = every(end).into_iter().chain(numbers(objective, end)).collect();
    Story::new("a quiet hour", history, questions)
}

/// More bad events than allowed, but so few that they may be chance.
fn chance(objective: &ResolvedSlo<'_>) -> Story {
    // One bad event in `every`, a little more often than allowed; five at least.
    let every = (0.9 / objective.allowed).max(1.0);
    let minutes = (5.2 * every / f64::from(TRAFFIC)).clamp(f64::from(20), 120.0);
    let mut history = begin();
    let (mut events, mut failed) = (0.0, 0);
    while f64::from(u32::try_from(history.minutes.len()).unwrap_or(u32::MAX)) < minutes {
        events += f64::from(TRAFFIC);
        let mut bad = 0;
        while f64::from(failed + 1) * every <= events && bad < TRAFFIC {
            (bad, failed) = (bad + 1, failed + 1);
        }
        history = history.then(1, Minute::Events(TRAFFIC - bad, bad));
    }
    let end = history.minutes.len();
    Story::new(
        "bad events that may be chance",
        history,
        both(end).into_iter().chain(numbers(objective, end)).collect(),
    )
}

/// A burn between the factors of the two loudest tiers of a kind, so that only the slower one fires.
fn slow_burn(objective: &ResolvedSlo<'_>) -> Option<Story> {
    let severity = Severity::Page;
    let mut factors: Vec<_> =
        objective.tiers.iter().filter(|tier| tier.severity == severity).map(|tier| tier.factor).collect();
    factors.sort_by(|one, other| other.total_cmp(one));
    let [quick, slow, ..] = factors.as_slice() else { return None };
    let traffic = 10 * TRAFFIC;
    let share = |bad: u32| f64::from(bad) / f64::from(traffic);
    let between = |bad: &u32| {
        let burn = share(*bad) / objective.allowed;
        burn > slow + 0.3 * (quick - slow) && burn < slow + 0.8 * (quick - slow)
    };
    let bad = (1..traffic).find(between)?;
    let history =
        begin().then(60, Minute::Events(traffic, 0)).then(LONGEST - 61, Minute::Events(traffic - bad, bad));
    let fires = Oracle::new(objective, &history).first_that(severity, 1, Firing::Yes)?;
    let minutes = history.minutes.into_iter().take(fires).collect();
    let questions = both(fires - 1).into_iter().chain(both(fires)).collect();
    Some(Story::new(
        "a burn that only a slower tier sees",
        History { minutes, ..History::default() },
        questions,
    ))
}

/// The part is not counted before its first event, which is the first value of its series.
fn absent_series(objective: &ResolvedSlo<'_>, part: Verdict) -> Story {
    let (none, one) = match part {
        Verdict::Good => (Minute::Events(0, TRAFFIC), Minute::Events(1, TRAFFIC)),
        Verdict::Bad => (Minute::Events(TRAFFIC, 0), Minute::Events(TRAFFIC, 1)),
    };
    let history = History { is_part_born_late: true, ..begin() }
        .then(20, none)
        .then(1, one)
        .then(3, Minute::Events(TRAFFIC - 8, 8))
        .then(2, Minute::Events(TRAFFIC, 0));
    let end = history.minutes.len();
    let asked = [20, 22, end].into_iter().flat_map(|minute| numbers(objective, minute));
    let questions = asked.collect();
    Story::new("a series that is absent until its first event", history, questions)
}

/// The process is restarted between two scrapes.
fn counter_reset(objective: &ResolvedSlo<'_>) -> Story {
    let history = History { resets: vec![31], ..begin() }
        .then(24, Minute::Events(TRAFFIC, 0))
        .then(10, Minute::Events(TRAFFIC - 2, 2))
        .then(10, Minute::Events(TRAFFIC, 0));
    let end = history.minutes.len();
    let questions = [30, 31, end].into_iter().flat_map(|minute| numbers(objective, minute)).collect();
    Story::new("counters that begin again", history, questions)
}

/// A process that restarts and exceeds its earlier count within the same minute, and later one that restarts twice
/// in a minute.
fn crash_loop(objective: &ResolvedSlo<'_>) -> Story {
    let history = History { resets: vec![3], crashes: vec![12], ..begin() }
        .then(1, Minute::Events(6, 6))
        .then(1, Minute::Events(TRAFFIC / 2, TRAFFIC / 2))
        .then(8, Minute::Events(TRAFFIC - 12, 12))
        .then(1, Minute::Events(TRAFFIC - 12, 12))
        .then(4, Minute::Events(TRAFFIC, 0));
    let end = history.minutes.len();
    let questions = [3, 12, end].into_iter().flat_map(|minute| numbers(objective, minute)).collect();
    Story::new("restarts within a minute", history, questions)
}

/// A process ends after its last scrape, and another starts later.
fn process_end(objective: &ResolvedSlo<'_>) -> Story {
    let history = begin()
        .then(19, Minute::Events(TRAFFIC, 0))
        .then(1, Minute::Ending(TRAFFIC - 8, 8))
        .then(4, Minute::Silent)
        .then(1, Minute::Beginning(TRAFFIC - 4, 4))
        .then(5, Minute::Events(TRAFFIC, 0));
    let end = history.minutes.len();
    let questions = [21, 22, 26, end].into_iter().flat_map(|minute| numbers(objective, minute)).collect();
    Story::new("a process that ends", history, questions)
}

/// A minute of failures that is a burn only in the short window of a tier.
fn burst(objective: &ResolvedSlo<'_>, tier: &RuleTier) -> Option<Story> {
    let traffic = 10 * TRAFFIC;
    let shares = std::iter::successors(Some(traffic), |bad| Some(bad * 3 / 4).filter(|bad| *bad > 0));
    let (history, minute) = shares
        .flat_map(|bad| [BEFORE, LONG_BEFORE].map(|before| (bad, before)))
        .find_map(|(bad, before)| {
            let history =
                begin().then(before, Minute::Events(traffic, 0)).then(1, Minute::Events(traffic - bad, bad));
            let history = match objective.time_slice() {
                // Until the end of its time slice.
                Some(slice) => {
                    history.then(usize::try_from(slice.seconds() / SLOT).ok()?, Minute::Events(traffic, 0))
                }
                None => history,
            };
            let oracle = Oracle::new(objective, &history);
            let minute = history.minutes.len();
            let is_it = oracle.burns_but_for_long(tier, minute) && !oracle.is_firing(tier.severity, minute);
            is_it.then_some((history, minute))
        })?;
    let name = format!("a burst that is short for the {} of {}", tier.severity.name(), tier.long);
    Some(Story::new(&name, history, both(minute).into_iter().chain(numbers(objective, minute)).collect()))
}

/// One event a minute, of which one fails.
fn one_failure(objective: &ResolvedSlo<'_>) -> Story {
    let history = begin()
        .then(BEFORE, Minute::Events(1, 0))
        .then(1, Minute::Events(0, 1))
        .then(3, Minute::Events(1, 0));
    let failed = BEFORE + 2;
    let end = history.minutes.len();
    let questions = both(failed).into_iter().chain(both(end)).chain(numbers(objective, end)).collect();
    Story::new("one failure at one event a minute", history, questions)
}

/// The telemetry stops during an outage, and returns after it.
fn gap(objective: &ResolvedSlo<'_>, traffic: u32) -> Option<Story> {
    let (history, ..) = broken(objective, traffic, BEFORE)?;
    let fires = history.minutes.len();
    let history =
        history.then(45, Minute::Silent).then(1, Minute::Events(0, 0)).then(8, Minute::Events(traffic, 0));
    let end = history.minutes.len();
    let asked = [fires + 8, fires + 12, fires + 43, end].into_iter();
    let questions = asked.flat_map(every).chain(numbers(objective, end)).collect();
    Some(Story::new("no data in the middle of an outage", history, questions))
}

/// Nothing is measured.
fn silence() -> Story {
    let questions = [2, 15].into_iter().flat_map(every).collect();
    Story::new("no data at all", History::default(), questions)
}

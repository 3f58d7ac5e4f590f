//! Comes in: an objective. Goes out: what its rules are tried on: histories in which it burns, does not, recovers, is
//! quiet, lacks a series, is reset, fails once, or is not measured. Never says what the answer is.

use super::Question;
use super::feed::Feed;
use super::history::{History, Minute};
use super::judge::{Firing, Judge};
use crate::subject::Subject;
use crate::tier::Tier;
use crate::window::{SLICE, Window};
use mapwarden_contract::Verdict;
use mapwarden_objective::Severity;

/// Events of an ordinary minute. Even, so that both of its halves are whole.
const TRAFFIC: u32 = 60;

/// For how long nothing happens before something does, in minutes.
const BEFORE: usize = 70;

/// For how long it is in order before an outage, in minutes: long enough for quick tiers to be the quicker ones.
const LONG_BEFORE: usize = 300;

/// The longest history, in minutes. Raised, slower alerts are seen to end, and promtool takes longer.
const LONGEST: usize = 480;

/// A history, and what is asked about it.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: String,
    pub(super) history: History,
    pub(super) questions: Vec<(usize, Question)>,
}

/// Every story that makes sense for an objective; only silence where nothing can be fed in.
pub(super) fn all(subject: &Subject<'_>, feed: Option<&Feed>) -> Vec<Story> {
    let alerts = subject.slo.alerting.page.is_disabled && subject.slo.alerting.ticket.is_disabled;
    let mut stories = Vec::new();
    if let Some(feed) = feed {
        let traffic = match feed {
            Feed::Scraped(_) | Feed::Parts => TRAFFIC,
            Feed::Recorded => 1,
        };
        stories.push(in_order(subject, traffic));
        stories.extend(outage(subject, traffic, "a total outage, and its end"));
        if let Some(part) = feed.part() {
            // Shares of slices add up to a factor's limit but for the last digit, which depends on their order.
            if !super::is_fractional(subject) {
                stories.extend(slow_burn(subject));
                stories.extend(subject.tiers.iter().filter_map(|tier| burst(subject, tier)));
            }
            stories.push(chance(subject));
            stories.push(quiet_hour(subject));
            stories.push(absent_series(subject, part));
            stories.push(counter_reset(subject));
            stories.push(crash_loop(subject));
            stories.push(process_end(subject));
            stories.push(one_failure(subject));
            stories.extend(outage(subject, 1, "a total outage at one event a minute"));
        }
        if *feed == Feed::Parts {
            stories.push(quiet_hour(subject));
        }
        stories.extend(gap(subject, traffic));
    }
    if !alerts && !subject.tiers.is_empty() {
        stories.push(silence());
    }
    stories
}

/// The first minute is empty: what a counter holds when it is first seen is nobody's.
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

fn numbers(subject: &Subject<'_>, minute: usize) -> Vec<(usize, Question)> {
    let windows = subject.windows();
    let mut asked: Vec<_> = subject.covered().into_iter().map(Question::Coverage).collect();
    for window in [Window::M5, Window::HOUR, subject.period] {
        if windows.contains(&window) {
            asked.extend([Question::Total(window), Question::Bad(window), Question::Ratio(window)]);
        }
    }
    if subject.is_rolling() {
        asked.push(Question::Remaining);
    } else if subject.periods.is_some() {
        asked.extend([Question::PeriodTotal, Question::Remaining, Question::PeriodCoverage]);
    }
    asked.into_iter().map(|question| (minute, question)).collect()
}

pub(super) fn told(name: &str, history: History, questions: Vec<(usize, Question)>) -> Story {
    Story { name: name.to_owned(), history, questions }
}

/// All is well, or as good as promised.
fn in_order(subject: &Subject<'_>, traffic: u32) -> Story {
    let history = begin().then(BEFORE, Minute::Events(traffic, 0));
    let end = history.minutes.len();
    let questions = every(end).into_iter().chain(numbers(subject, end)).collect();
    told("all is well", history, questions)
}

/// Every event fails until the loudest alert fires, and none after that.
fn outage(subject: &Subject<'_>, traffic: u32, name: &str) -> Option<Story> {
    let (history, severity, fires) = broken(subject, traffic, LONG_BEFORE)?;
    let history = history.then(LONGEST.saturating_sub(fires), Minute::Events(traffic, 0));
    let judge = Judge::new(subject, &history);
    let ends = judge.first_that(severity, fires, Firing::No);
    let last = ends.unwrap_or(fires) + 1;
    let questions = both(fires - 1).into_iter().chain(both(fires)).chain(numbers(subject, fires));
    let after = ends.into_iter().flat_map(|ends| both(ends - 1).into_iter().chain(both(ends)));
    let questions = questions.chain(after).collect();
    let minutes = history.minutes.into_iter().take(last).collect();
    Some(told(name, History { minutes, ..History::default() }, questions))
}

/// A history that ends with the minute in which the loudest alert begins to fire.
fn broken(subject: &Subject<'_>, traffic: u32, before: usize) -> Option<(History, Severity, usize)> {
    let history = begin()
        .then(before, Minute::Events(traffic, 0))
        .then(LONGEST - before - 1, Minute::Events(0, traffic));
    let judge = Judge::new(subject, &history);
    let first = |severity| judge.first_that(severity, 1, Firing::Yes).map(|minute| (severity, minute));
    let (severity, fires) = first(Severity::Page).or_else(|| first(Severity::Ticket))?;
    let minutes = history.minutes.into_iter().take(fires).collect();
    Some((History { minutes, ..History::default() }, severity, fires))
}

/// Some failures, then an hour without a single event: measured zero is neither good, nor bad, nor missing.
fn quiet_hour(subject: &Subject<'_>) -> Story {
    let history = begin()
        .then(40, Minute::Events(TRAFFIC, 0))
        .then(2, Minute::Events(TRAFFIC - 10, 10))
        .then(65, Minute::Events(0, 0));
    let end = history.minutes.len();
    let questions = every(end).into_iter().chain(numbers(subject, end)).collect();
    told("a quiet hour", history, questions)
}

/// More bad events than promised, and so few that it may be chance.
fn chance(subject: &Subject<'_>) -> Story {
    // One in so many, a little more often than allowed; five at least.
    let every = (0.9 / subject.allowed).max(1.0);
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
    told(
        "bad events that may be chance",
        history,
        both(end).into_iter().chain(numbers(subject, end)).collect(),
    )
}

/// A burn between the factors of the two loudest tiers of a kind, so that only the slower one sees it.
fn slow_burn(subject: &Subject<'_>) -> Option<Story> {
    let severity = Severity::Page;
    let mut factors: Vec<_> =
        subject.tiers.iter().filter(|tier| tier.severity == severity).map(|tier| tier.factor).collect();
    factors.sort_by(|one, other| other.total_cmp(one));
    let [quick, slow, ..] = factors.as_slice() else { return None };
    let traffic = 10 * TRAFFIC;
    let share = |bad: u32| f64::from(bad) / f64::from(traffic);
    let between = |bad: &u32| {
        let burn = share(*bad) / subject.allowed;
        burn > slow + 0.3 * (quick - slow) && burn < slow + 0.8 * (quick - slow)
    };
    let bad = (1..traffic).find(between)?;
    let history =
        begin().then(60, Minute::Events(traffic, 0)).then(LONGEST - 61, Minute::Events(traffic - bad, bad));
    let fires = Judge::new(subject, &history).first_that(severity, 1, Firing::Yes)?;
    let minutes = history.minutes.into_iter().take(fires).collect();
    let questions = both(fires - 1).into_iter().chain(both(fires)).collect();
    Some(told("a burn that only a slower tier sees", History { minutes, ..History::default() }, questions))
}

/// The part is never counted, until its first event, which is the first value of its series.
fn absent_series(subject: &Subject<'_>, part: Verdict) -> Story {
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
    let asked = [20, 22, end].into_iter().flat_map(|minute| numbers(subject, minute));
    let questions = asked.collect();
    told("a series that is absent until its first event", history, questions)
}

/// The process is restarted between two scrapes.
fn counter_reset(subject: &Subject<'_>) -> Story {
    let history = History { resets: vec![31], ..begin() }
        .then(24, Minute::Events(TRAFFIC, 0))
        .then(10, Minute::Events(TRAFFIC - 2, 2))
        .then(10, Minute::Events(TRAFFIC, 0));
    let end = history.minutes.len();
    let questions = [30, 31, end].into_iter().flat_map(|minute| numbers(subject, minute)).collect();
    told("counters that begin again", history, questions)
}

/// A process that restarts and overtakes what it had counted within the same minute, and later one that restarts twice in a
/// minute.
fn crash_loop(subject: &Subject<'_>) -> Story {
    let history = History { resets: vec![3], crashes: vec![12], ..begin() }
        .then(1, Minute::Events(6, 6))
        .then(1, Minute::Events(TRAFFIC / 2, TRAFFIC / 2))
        .then(8, Minute::Events(TRAFFIC - 12, 12))
        .then(1, Minute::Events(TRAFFIC - 12, 12))
        .then(4, Minute::Events(TRAFFIC, 0));
    let end = history.minutes.len();
    let questions = [3, 12, end].into_iter().flat_map(|minute| numbers(subject, minute)).collect();
    told("restarts within a minute", history, questions)
}

/// The process ends after its last scrape, and another begins later.
fn process_end(subject: &Subject<'_>) -> Story {
    let history = begin()
        .then(19, Minute::Events(TRAFFIC, 0))
        .then(1, Minute::Ending(TRAFFIC - 8, 8))
        .then(4, Minute::Silent)
        .then(1, Minute::Beginning(TRAFFIC - 4, 4))
        .then(5, Minute::Events(TRAFFIC, 0));
    let end = history.minutes.len();
    let questions = [21, 22, 26, end].into_iter().flat_map(|minute| numbers(subject, minute)).collect();
    told("a process that ends", history, questions)
}

/// A minute of failures that only the short window of a tier takes for a burn.
fn burst(subject: &Subject<'_>, tier: &Tier) -> Option<Story> {
    let traffic = 10 * TRAFFIC;
    let shares = std::iter::successors(Some(traffic), |bad| Some(bad * 3 / 4).filter(|bad| *bad > 0));
    let (history, minute) = shares
        .flat_map(|bad| [BEFORE, LONG_BEFORE].map(|before| (bad, before)))
        .find_map(|(bad, before)| {
            let history =
                begin().then(before, Minute::Events(traffic, 0)).then(1, Minute::Events(traffic - bad, bad));
            let history = match subject.timeslice() {
                // Until its slice is over.
                Some(slice) => {
                    history.then(usize::try_from(slice.seconds() / SLICE).ok()?, Minute::Events(traffic, 0))
                }
                None => history,
            };
            let judge = Judge::new(subject, &history);
            let minute = history.minutes.len();
            let is_it = judge.burns_but_for_long(tier, minute) && !judge.is_firing(tier.severity, minute);
            is_it.then_some((history, minute))
        })?;
    let name = format!("a burst that is short for the {} of {}", tier.severity.name(), tier.long);
    Some(told(&name, history, both(minute).into_iter().chain(numbers(subject, minute)).collect()))
}

/// One event a minute, of which one fails.
fn one_failure(subject: &Subject<'_>) -> Story {
    let history = begin()
        .then(BEFORE, Minute::Events(1, 0))
        .then(1, Minute::Events(0, 1))
        .then(3, Minute::Events(1, 0));
    let failed = BEFORE + 2;
    let end = history.minutes.len();
    let questions = both(failed).into_iter().chain(both(end)).chain(numbers(subject, end)).collect();
    told("one failure at one event a minute", history, questions)
}

/// The telemetry ends in the middle of an outage, and comes back when it is over.
fn gap(subject: &Subject<'_>, traffic: u32) -> Option<Story> {
    let (history, ..) = broken(subject, traffic, BEFORE)?;
    let fires = history.minutes.len();
    let history =
        history.then(45, Minute::Silent).then(1, Minute::Events(0, 0)).then(8, Minute::Events(traffic, 0));
    let end = history.minutes.len();
    let asked = [fires + 8, fires + 12, fires + 43, end].into_iter();
    let questions = asked.flat_map(every).chain(numbers(subject, end)).collect();
    Some(told("no data in the middle of an outage", history, questions))
}

/// Nothing is ever measured.
fn silence() -> Story {
    let questions = [2, 15].into_iter().flat_map(every).collect();
    told("no data at all", History::default(), questions)
}

//! Comes in: an objective. Goes out: what its rules are tried on: histories in which it burns, does not, recovers, is
//! quiet, lacks a series, is reset, fails once, or is not measured. Never says what the answer is.

use super::Question;
use super::feed::Feed;
use super::history::{History, Minute};
use super::judge::{Firing, Judge};
use crate::budget::Severity;
use crate::rules::subject::Subject;
use crate::rules::window::Window;

/// Events of an ordinary minute. Even, so that both of its halves are whole.
const TRAFFIC: u32 = 60;

/// For how long nothing happens before something does, in minutes.
const BEFORE: usize = 70;

/// The longest history, in minutes. Raised, slower alerts are seen to end, and promtool takes longer.
const LONGEST: usize = 480;

/// A history, and what is asked about it.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) history: History,
    pub(super) questions: Vec<(usize, Question)>,
    /// When missing data is told of.
    pub(super) no_data: Expected,
}

/// When something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Never,
    At(usize),
}

/// Every story that makes sense for an objective; only silence where nothing can be fed in.
pub(super) fn all(subject: &Subject<'_>, feed: Option<&Feed>) -> Vec<Story> {
    let alerts = subject.slo.alerting.page.is_disabled && subject.slo.alerting.ticket.is_disabled;
    let mut stories = Vec::new();
    if let Some(feed) = feed {
        let traffic = match feed {
            Feed::Scraped(_) => TRAFFIC,
            Feed::Recorded => 1,
        };
        stories.push(in_order(subject, traffic));
        stories.extend(outage(subject, traffic, "a total outage, and its end"));
        if let Feed::Scraped(_) = feed {
            stories.push(quiet_hour(subject));
            stories.push(absent_series(subject));
            stories.push(counter_reset(subject));
            stories.push(one_failure(subject));
            stories.extend(outage(subject, 1, "a total outage at one event a minute"));
        }
        stories.extend(gap(subject, traffic));
    }
    if !alerts && !subject.tiers.is_empty() {
        stories.push(silence());
    }
    stories
}

/// The first minute is empty: what a counter holds when it is first seen is nobody's.
fn begin() -> History {
    History::default().then(1, Minute::Events(0, 0))
}

fn both(minute: usize) -> [(usize, Question); 2] {
    [(minute, Question::Alert(Severity::Page)), (minute, Question::Alert(Severity::Ticket))]
}

fn numbers(subject: &Subject<'_>, minute: usize) -> Vec<(usize, Question)> {
    let hour = Window::RECORDED[2];
    let windows = subject.windows();
    let mut asked = vec![Question::Coverage];
    for window in [Window::M5, hour, subject.period] {
        if windows.contains(&window) {
            asked.extend([Question::Total(window), Question::Bad(window), Question::Ratio(window)]);
        }
    }
    if subject.has_period_budget() {
        asked.push(Question::Remaining);
    }
    asked.into_iter().map(|question| (minute, question)).collect()
}

fn told(name: &'static str, history: History, questions: Vec<(usize, Question)>) -> Story {
    Story { name, history, questions, no_data: Expected::Never }
}

/// All is well, or as good as promised.
fn in_order(subject: &Subject<'_>, traffic: u32) -> Story {
    let history = begin().then(BEFORE, Minute::Events(traffic, 0));
    let end = history.minutes.len();
    let questions = both(end).into_iter().chain([(end, Question::NoData)]).chain(numbers(subject, end)).collect();
    told("all is well", history, questions)
}

/// Every event fails until the loudest alert fires, and none after that.
fn outage(subject: &Subject<'_>, traffic: u32, name: &'static str) -> Option<Story> {
    let (history, severity, fires) = broken(subject, traffic)?;
    let history = history.then(LONGEST - fires, Minute::Events(traffic, 0));
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
fn broken(subject: &Subject<'_>, traffic: u32) -> Option<(History, Severity, usize)> {
    let history =
        begin().then(BEFORE, Minute::Events(traffic, 0)).then(LONGEST - BEFORE - 1, Minute::Events(0, traffic));
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
    let questions = both(end).into_iter().chain([(end, Question::NoData)]).chain(numbers(subject, end)).collect();
    told("a quiet hour", history, questions)
}

/// The part is never counted, until its first event.
fn absent_series(subject: &Subject<'_>) -> Story {
    let history = History { is_part_born_late: true, ..begin() }
        .then(30, Minute::Events(TRAFFIC, 0))
        .then(3, Minute::Events(TRAFFIC - 8, 8))
        .then(2, Minute::Events(TRAFFIC, 0));
    let end = history.minutes.len();
    let questions = numbers(subject, 20).into_iter().chain(numbers(subject, end)).collect();
    told("a series that is absent until its first event", history, questions)
}

/// The process is restarted between two scrapes.
fn counter_reset(subject: &Subject<'_>) -> Story {
    let history = History { reset: Some(31), ..begin() }
        .then(24, Minute::Events(TRAFFIC, 0))
        .then(10, Minute::Events(TRAFFIC - 2, 2))
        .then(10, Minute::Events(TRAFFIC, 0));
    let end = history.minutes.len();
    let questions = numbers(subject, 31).into_iter().chain(numbers(subject, end)).collect();
    told("counters that begin again", history, questions)
}

/// One event a minute, of which one fails.
fn one_failure(subject: &Subject<'_>) -> Story {
    let history =
        begin().then(BEFORE, Minute::Events(1, 0)).then(1, Minute::Events(0, 1)).then(3, Minute::Events(1, 0));
    let failed = BEFORE + 2;
    let end = history.minutes.len();
    let questions = both(failed).into_iter().chain(both(end)).chain(numbers(subject, end)).collect();
    told("one failure at one event a minute", history, questions)
}

/// The telemetry ends in the middle of an outage, and comes back when it is over.
fn gap(subject: &Subject<'_>, traffic: u32) -> Option<Story> {
    let (history, ..) = broken(subject, traffic)?;
    let fires = history.minutes.len();
    let history = history
        .then(15, Minute::Silent)
        .then(1, Minute::Events(0, 0))
        .then(8, Minute::Events(traffic, 0));
    let (in_gap, end) = (fires + 12, history.minutes.len());
    let no_data = |minute| (minute, Question::NoData);
    let questions = both(fires + 8).into_iter().chain(both(in_gap)).chain([no_data(fires + 8), no_data(in_gap)]);
    let questions = questions.chain(both(end)).chain([no_data(end)]).chain(numbers(subject, end)).collect();
    Some(Story { no_data: Expected::At(in_gap), ..told("no data in the middle of an outage", history, questions) })
}

/// Nothing is ever measured.
fn silence() -> Story {
    let questions = both(15).into_iter().chain([(15, Question::NoData)]).collect();
    Story { no_data: Expected::At(15), ..told("no data at all", History::default(), questions) }
}

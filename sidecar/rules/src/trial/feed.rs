//! Comes in: an objective's indicator. Goes out: the raw series that would be scraped for a history. Where no series can be
//! made that its queries tell apart, there are none.

use std::collections::BTreeMap;

use crate::series::{SLI_EVENTS, SLI_GOOD};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::VectorSelector;

use super::history::History;
use super::judge;
use crate::promql::selectors;
use crate::slices::{BAD, SLICES_BAD, SLICES_TOTAL, TOTAL};
use crate::subject::{Part, Subject, labels, text, timeslice};
use mapwarden_contract::Verdict;
use mapwarden_objective::{Expression, Indicator, Queries, Slo};

/// What a raw series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    All,
    Good,
    Bad,
    Nothing,
}

/// A raw series: its name and labels, what it counts, and whether it is the part that a query judges.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw {
    name: String,
    labels: BTreeMap<String, String>,
    counts: Counts,
    is_part: bool,
}

/// Where a history can be fed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// As scraped counters.
    Scraped(Scraped),
    /// As the slices that are recorded of a share or a value: one event a minute.
    Recorded,
    /// As the slices that are recorded of the parts of a whole.
    Parts,
}

/// Counters that a target serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scraped(Vec<Raw>);

/// Words that match most patterns.
const WORDS: [&str; 14] =
    ["", "other", "200", "500", "503", "GET", "/", "/a", "a", "x", "1", "0.1", "ok", "error"];

impl Feed {
    /// None where no series can be made.
    pub(super) fn new(subject: &Subject<'_>) -> Option<Self> {
        match &subject.slo.indicator {
            Indicator::Events { .. } | Indicator::Latency { .. } => {
                Some(Self::Scraped(Scraped(held(subject))))
            }
            Indicator::Queried(queried) => match &queried.queries {
                Queries::Events { total, part, is } => scraped(total, part, *is).map(Self::Scraped),
                Queries::Ratio { .. } | Queries::Threshold { .. } => Some(Self::Recorded),
            },
            Indicator::Composite { .. } => Some(Self::Parts),
        }
    }

    /// What the events of the part are, of which a series may be absent; none where nothing is scraped.
    pub(super) fn part(&self) -> Option<Verdict> {
        let Self::Scraped(Scraped(raws)) = self else { return None };
        let part = raws.iter().find(|raw| raw.is_part)?;
        Some(if part.counts == Counts::Good { Verdict::Good } else { Verdict::Bad })
    }

    /// How far samples are apart.
    pub(super) const fn interval(&self) -> &'static str {
        match self {
            Self::Scraped(_) => "20s",
            Self::Recorded | Self::Parts => "1m",
        }
    }

    /// The series of a history with their values.
    pub(super) fn series(&self, subject: &Subject<'_>, history: &History) -> Vec<(String, String)> {
        let raws = match self {
            Self::Scraped(Scraped(raws)) => raws,
            Self::Recorded => return recorded(subject, subject.slo, history, |good, bad| (good, bad)),
            Self::Parts => return of_parts(subject, history),
        };
        let mut series: Vec<_> = raws.iter().map(Raw::target).map(|target| (target, history.up())).collect();
        series.sort();
        series.dedup();
        for raw in raws {
            let counts = |good, bad| match raw.counts {
                Counts::All => good + bad,
                Counts::Good => good,
                Counts::Bad => bad,
                Counts::Nothing => 0,
            };
            series.push((raw.text(), history.counter(counts, raw.is_part && history.is_part_born_late)));
        }
        series
    }
}

impl Raw {
    fn text(&self) -> String {
        let labels: Vec<_> =
            self.labels.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
        format!("{}{{{}}}", self.name, labels.join(","))
    }

    /// The `up` of its target.
    fn target(&self) -> String {
        let of = |name: &str| self.labels.get(name).map(String::as_str).unwrap_or_default();
        format!("up{{instance={},job={}}}", text(of("instance")), text(of("job")))
    }

    fn is_selected_by(&self, selector: &VectorSelector) -> bool {
        let value = |name: &str| self.labels.get(name).map(String::as_str).unwrap_or_default();
        selector.name.as_deref() == Some(&self.name)
            && selector.matchers.matchers.iter().all(|matcher| matcher.is_match(value(&matcher.name)))
    }
}

/// The recorded slices of an objective, of which each minute's good and bad events are told.
fn recorded(
    subject: &Subject<'_>,
    of: &Slo,
    history: &History,
    events: impl Fn(u32, u32) -> (u32, u32),
) -> Vec<(String, String)> {
    let all = |(good, bad)| good + bad;
    vec![
        (of_objective(subject, of, TOTAL), history.slices(|good, bad| all(events(good, bad)))),
        (of_objective(subject, of, BAD), history.slices(|good, bad| events(good, bad).1)),
    ]
}

/// A recorded series of an objective, in one group where there are some.
fn of_objective(subject: &Subject<'_>, of: &Slo, name: &str) -> String {
    let groups = subject.groups.iter().map(|group| (group.clone(), "a".to_owned()));
    let labels = labels(of).into_iter().chain(groups).collect();
    Raw { name: name.to_owned(), labels, counts: Counts::All, is_part: false }.text()
}

/// Whether a part of a whole never has an event: the last of three or more. A slice of time without one is a good slice.
pub(super) fn is_quiet(subject: &Subject<'_>, index: usize) -> bool {
    index >= 2 && index + 1 == subject.parts.len() && subject.timeslice().is_none()
}

/// Of the parts of a whole, the first has the bad events, and the second where all must hold; others have as many, which are
/// good.
fn of_parts(subject: &Subject<'_>, history: &History) -> Vec<(String, String)> {
    let of = |(index, part): (usize, &Part<'_>)| {
        let is_bad = index == 0 || index == 1 && part.weight.is_none();
        let events = |good, bad| {
            if is_bad {
                (good, bad)
            } else if is_quiet(subject, index) {
                (0, 0)
            } else {
                (good + bad, 0)
            }
        };
        let mut series = recorded(subject, part.slo, history, events);
        series.extend(slices(subject, part, history, is_bad));
        series
    };
    (0..).zip(&subject.parts).flat_map(of).collect()
}

/// The recorded slices of time of a part that is kept by such.
fn slices(subject: &Subject<'_>, part: &Part<'_>, history: &History, is_bad: bool) -> Vec<(String, String)> {
    let Some(slice) = timeslice(part.slo) else { return Vec::new() };
    let values = |value: &dyn Fn(f64) -> f64| {
        let shares = (0..=history.minutes.len()).map(|minute| judge::share(history, minute, Some(slice)));
        let values =
            shares.map(|share| share.map_or_else(|| "_".to_owned(), |share| value(share).to_string()));
        values.collect::<Vec<_>>().join(" ")
    };
    let missed = |share| if is_bad { judge::verdict(part.slo.method, share) } else { 0.0 };
    vec![
        (of_objective(subject, part.slo, SLICES_TOTAL), values(&|_| 1.0)),
        (of_objective(subject, part.slo, SLICES_BAD), values(&missed)),
    ]
}

fn held(subject: &Subject<'_>) -> Vec<Raw> {
    let raw = |name: &str, counts, is_part| {
        let labels = [("slo", subject.slo.id()), ("service", subject.slo.service.clone())];
        let labels =
            labels.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(target()).collect();
        Raw { name: name.to_owned(), labels, counts, is_part }
    };
    vec![raw(SLI_EVENTS.name, Counts::All, false), raw(SLI_GOOD.name, Counts::Good, true)]
}

fn target() -> [(String, String); 2] {
    [("instance".to_owned(), "a".to_owned()), ("job".to_owned(), "test".to_owned())]
}

fn scraped(total: &Expression, part: &Expression, is: Verdict) -> Option<Scraped> {
    let (totals, parts) = (selectors(total).ok()?, selectors(part).ok()?);
    let (all, some) = (totals.first()?, parts.first()?);
    let (of_part, of_rest) = match is {
        Verdict::Good => (Counts::Good, Counts::Bad),
        Verdict::Bad => (Counts::Bad, Counts::Good),
    };
    let both: Vec<_> =
        [&all.matchers.matchers, &some.matchers.matchers].into_iter().flatten().cloned().collect();
    let shared = (all.name == some.name).then(|| raw(some, &both, of_part, true)).flatten();
    let mut raws = match shared {
        Some(shared) => vec![rest(&shared, all, some, of_rest)?, shared],
        None => vec![
            raw(all, &all.matchers.matchers, Counts::All, false)?,
            raw(some, &some.matchers.matchers, of_part, true)?,
        ],
    };
    for selector in totals.iter().chain(&parts) {
        if !raws.iter().any(|raw| raw.is_selected_by(selector)) {
            raws.push(raw(selector, &selector.matchers.matchers, Counts::Nothing, false)?);
        }
    }
    let is_told_apart = |selectors: &[VectorSelector], wanted: &[Counts]| {
        raws.iter().all(|raw| {
            let times = selectors.iter().filter(|selector| raw.is_selected_by(selector)).count();
            raw.counts == Counts::Nothing || times == usize::from(wanted.contains(&raw.counts))
        })
    };
    let wanted: &[Counts] = if raws.iter().any(|raw| raw.counts == Counts::All) {
        &[Counts::All]
    } else {
        &[Counts::Good, Counts::Bad]
    };
    (is_told_apart(&totals, wanted) && is_told_apart(&parts, &[of_part])).then_some(Scraped(raws))
}

/// A series that matches.
fn raw(selector: &VectorSelector, matchers: &[Matcher], counts: Counts, is_part: bool) -> Option<Raw> {
    let mut labels: BTreeMap<String, String> = target().into();
    for matcher in matchers {
        let of_label = || matchers.iter().filter(|other| other.name == matcher.name);
        let guesses = of_label().flat_map(guesses).chain(labels.get(&matcher.name).cloned());
        let value = guesses.into_iter().find(|value| of_label().all(|matcher| matcher.is_match(value)))?;
        labels.insert(matcher.name.clone(), value);
    }
    Some(Raw { name: selector.name.clone()?, labels, counts, is_part })
}

/// A series of the same target that the total selects and the part does not.
fn rest(part: &Raw, all: &VectorSelector, some: &VectorSelector, counts: Counts) -> Option<Raw> {
    some.matchers.matchers.iter().find_map(|matcher| {
        guesses(matcher).into_iter().find_map(|value| {
            let mut rest = Raw { counts, is_part: false, ..part.clone() };
            rest.labels.insert(matcher.name.clone(), value);
            (rest.is_selected_by(all) && !rest.is_selected_by(some)).then_some(rest)
        })
    })
}

/// Values that a matcher may select: its own, those of a pattern's alternatives, and words.
fn guesses(matcher: &Matcher) -> Vec<String> {
    let simplified = |pattern: &str| {
        let pattern = pattern.trim_matches(['^', '$', '(', ')']);
        let plain = [
            (".*", ""),
            (".+", "x"),
            ("\\d", "0"),
            ("[0-9]", "0"),
            ("\\.", "\u{0}"),
            (".", "0"),
            ("\u{0}", "."),
        ];
        plain.iter().fold(pattern.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let own: Vec<_> = match &matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => vec![matcher.value.clone()],
        MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').map(simplified).collect(),
    };
    own.into_iter().chain(WORDS.map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (total, part, what it is, series with what they count)
    type Case<'a> = (&'a str, &'a str, Verdict, Option<&'a [(&'a str, Counts)]>);

    #[test]
    fn series_are_told_apart_as_the_queries_do() {
        let cases: [Case<'_>; 5] = [
            (
                r#"sum(rate(x{job="a"}[{{.window}}]))"#,
                r#"sum(rate(x{job="a",code=~"(5..|429)"}[{{.window}}]))"#,
                Verdict::Bad,
                Some(&[
                    (r#"x{code="",instance="a",job="a"}"#, Counts::Good),
                    (r#"x{code="500",instance="a",job="a"}"#, Counts::Bad),
                ]),
            ),
            (
                "sum(rate(x_count[{{.window}}]))",
                r#"sum(rate(x_bucket{le="0.3"}[{{.window}}]))"#,
                Verdict::Good,
                Some(&[
                    (r#"x_count{instance="a",job="test"}"#, Counts::All),
                    (r#"x_bucket{instance="a",job="test",le="0.3"}"#, Counts::Good),
                ]),
            ),
            (
                r#"sum(rate(x_bucket{le="+Inf"}[{{.window}}]))"#,
                r#"sum(rate(x_bucket{le="0.3"}[{{.window}}]))"#,
                Verdict::Good,
                Some(&[
                    (r#"x_bucket{instance="a",job="test",le="+Inf"}"#, Counts::All),
                    (r#"x_bucket{instance="a",job="test",le="0.3"}"#, Counts::Good),
                ]),
            ),
            (
                "sum(rate(x[{{.window}}]))",
                r#"sum(rate(x[{{.window}}])) - sum(rate(x{code="500"}[{{.window}}]))"#,
                Verdict::Good,
                None,
            ),
            ("sum(rate(x[{{.window}}]))", "sum(rate(x[{{.window}}]))", Verdict::Bad, None),
        ];
        for (total, part, is, expected) in cases {
            let made = scraped(&Expression::new(total), &Expression::new(part), is);
            let made: Option<Vec<_>> =
                made.map(|Scraped(raws)| raws.iter().map(|raw| (raw.text(), raw.counts)).collect());
            let expected = expected
                .map(|raws| raws.iter().map(|(text, counts)| ((*text).to_owned(), *counts)).collect());
            assert_eq!(made, expected, "{total} {part}");
        }
    }
}

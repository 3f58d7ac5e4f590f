//! Comes in: the indicator of an objective. Goes out: the raw series that represent a history; none where no
//! generated series distinguish its queries. Never reads a rule.

use std::collections::BTreeMap;

use mapwarden_contract::Verdict;
use mapwarden_objective::{Expression, Indicator, Queries, Slo};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::VectorSelector;

use super::history::History;
use super::time_slices::{is_quiet, share, verdict};
use crate::promql::selectors;
use crate::resolved::{CompositeMember, ResolvedSlo, labels, text, time_slice};
use crate::series::{SLI_EVENTS, SLI_GOOD};
use crate::slots::{BAD, TIME_SLICES_BAD, TIME_SLICES_TOTAL, TOTAL};

/// The events that a raw series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountedEvents {
    All,
    Good,
    Bad,
    Nothing,
}

/// A raw series: its name and labels, the events that it counts, and whether it is the good or bad part of a ratio.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RawSeries {
    name: String,
    labels: BTreeMap<String, String>,
    counts: CountedEvents,
    is_part: bool,
}

/// The series as which a history is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// Scraped counters.
    Scraped(Scraped),
    /// The recorded slots of a share or a value: one event per minute.
    Recorded,
    /// The recorded slots of the members of a composite.
    Members,
}

/// Counters that a target serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scraped(Vec<RawSeries>);

/// Words that match most patterns.
const WORDS: [&str; 14] =
    ["", "other", "200", "500", "503", "GET", "/", "/a", "a", "x", "1", "0.1", "ok", "error"];

impl Feed {
    /// Returns the feed of an objective; none where no series can be generated.
    pub(super) fn new(objective: &ResolvedSlo<'_>) -> Option<Self> {
        match &objective.slo.indicator {
            Indicator::Events { .. } | Indicator::Latency { .. } => {
                Some(Self::Scraped(Scraped(held(objective))))
            }
            Indicator::Queried(queried) => match &queried.queries {
                Queries::Events { total, part, is } => scraped(total, part, *is).map(Self::Scraped),
                Queries::Ratio { .. } | Queries::Threshold { .. } => Some(Self::Recorded),
            },
            Indicator::Composite { .. } => Some(Self::Members),
        }
    }

    /// Returns the verdict on the part of which the series may be absent; none where nothing is scraped.
    pub(super) fn part(&self) -> Option<Verdict> {
        let Self::Scraped(Scraped(raws)) = self else { return None };
        let part = raws.iter().find(|raw| raw.is_part)?;
        Some(if part.counts == CountedEvents::Good { Verdict::Good } else { Verdict::Bad })
    }

    /// Returns the interval of samples.
    pub(super) const fn interval(&self) -> &'static str {
        match self {
            Self::Scraped(_) => "20s",
            Self::Recorded | Self::Members => "1m",
        }
    }

    /// Returns the series of a history with their values.
    pub(super) fn series(&self, objective: &ResolvedSlo<'_>, history: &History) -> Vec<(String, String)> {
        let raws = match self {
            Self::Scraped(Scraped(raws)) => raws,
            Self::Recorded => return recorded(objective, objective.slo, history, |good, bad| (good, bad)),
            Self::Members => return of_members(objective, history),
        };
        let mut series: Vec<_> =
            raws.iter().map(RawSeries::target).map(|target| (target, history.up())).collect();
        series.sort();
        series.dedup();
        for raw in raws {
            let counts = |good, bad| match raw.counts {
                CountedEvents::All => good + bad,
                CountedEvents::Good => good,
                CountedEvents::Bad => bad,
                CountedEvents::Nothing => 0,
            };
            series.push((raw.text(), history.counter(counts, raw.is_part && history.is_part_born_late)));
        }
        series
    }
}

impl RawSeries {
    fn text(&self) -> String {
        let labels: Vec<_> =
            self.labels.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
        format!("{}{{{}}}", self.name, labels.join(","))
    }

    /// Returns the `up` of its target.
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

/// Returns the recorded slots of an objective, by the good and bad events of each minute.
fn recorded(
    objective: &ResolvedSlo<'_>,
    of: &Slo,
    history: &History,
    events: impl Fn(u32, u32) -> (u32, u32),
) -> Vec<(String, String)> {
    let all = |(good, bad)| good + bad;
    vec![
        (of_objective(objective, of, TOTAL), history.slots(|good, bad| all(events(good, bad)))),
        (of_objective(objective, of, BAD), history.slots(|good, bad| events(good, bad).1)),
    ]
}

/// Returns a recorded series of an objective, in one group where it has groups.
fn of_objective(objective: &ResolvedSlo<'_>, of: &Slo, name: &str) -> String {
    let groups = objective.groups.iter().map(|group| (group.clone(), "a".to_owned()));
    let labels = labels(of).into_iter().chain(groups).collect();
    RawSeries { name: name.to_owned(), labels, counts: CountedEvents::All, is_part: false }.text()
}

/// Returns the series of the members of a composite. The first has the bad events, and so has the second where all must
/// keep their targets; the others have as many events, which are good.
fn of_members(objective: &ResolvedSlo<'_>, history: &History) -> Vec<(String, String)> {
    let of = |(index, member): (usize, &CompositeMember<'_>)| {
        let is_bad = index == 0 || index == 1 && member.weight.is_none();
        let events = |good, bad| {
            if is_bad {
                (good, bad)
            } else if is_quiet(objective, index) {
                (0, 0)
            } else {
                (good + bad, 0)
            }
        };
        let mut series = recorded(objective, member.slo, history, events);
        series.extend(time_slices(objective, member, history, is_bad));
        series
    };
    (0..).zip(&objective.members).flat_map(of).collect()
}

/// Returns the recorded time slices of a member that counts time slices.
fn time_slices(
    objective: &ResolvedSlo<'_>,
    member: &CompositeMember<'_>,
    history: &History,
    is_bad: bool,
) -> Vec<(String, String)> {
    let Some(slice) = time_slice(member.slo) else { return Vec::new() };
    let values = |value: &dyn Fn(f64) -> f64| {
        let shares = (0..=history.minutes.len()).map(|minute| share(history, minute, Some(slice)));
        let values =
            shares.map(|share| share.map_or_else(|| "_".to_owned(), |share| value(share).to_string()));
        values.collect::<Vec<_>>().join(" ")
    };
    let missed = |share| if is_bad { verdict(member.slo.method, share) } else { 0.0 };
    vec![
        (of_objective(objective, member.slo, TIME_SLICES_TOTAL), values(&|_| 1.0)),
        (of_objective(objective, member.slo, TIME_SLICES_BAD), values(&missed)),
    ]
}

fn held(objective: &ResolvedSlo<'_>) -> Vec<RawSeries> {
    let raw = |name: &str, counts, is_part| {
        let labels = [("slo", objective.slo.id()), ("service", objective.slo.service.clone())];
        let labels =
            labels.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(target()).collect();
        RawSeries { name: name.to_owned(), labels, counts, is_part }
    };
    vec![raw(SLI_EVENTS.name, CountedEvents::All, false), raw(SLI_GOOD.name, CountedEvents::Good, true)]
}

fn target() -> [(String, String); 2] {
    [("instance".to_owned(), "a".to_owned()), ("job".to_owned(), "test".to_owned())]
}

fn scraped(total: &Expression, part: &Expression, is: Verdict) -> Option<Scraped> {
    let (totals, parts) = (selectors(total).ok()?, selectors(part).ok()?);
    let (all, some) = (totals.first()?, parts.first()?);
    let (of_part, of_rest) = match is {
        Verdict::Good => (CountedEvents::Good, CountedEvents::Bad),
        Verdict::Bad => (CountedEvents::Bad, CountedEvents::Good),
    };
    let both: Vec<_> =
        [&all.matchers.matchers, &some.matchers.matchers].into_iter().flatten().cloned().collect();
    let shared = (all.name == some.name).then(|| raw(some, &both, of_part, true)).flatten();
    let mut raws = match shared {
        Some(shared) => vec![rest(&shared, all, some, of_rest)?, shared],
        None => vec![
            raw(all, &all.matchers.matchers, CountedEvents::All, false)?,
            raw(some, &some.matchers.matchers, of_part, true)?,
        ],
    };
    for selector in totals.iter().chain(&parts) {
        if !raws.iter().any(|raw| raw.is_selected_by(selector)) {
            raws.push(raw(selector, &selector.matchers.matchers, CountedEvents::Nothing, false)?);
        }
    }
    let is_distinguished = |selectors: &[VectorSelector], wanted: &[CountedEvents]| {
        raws.iter().all(|raw| {
            let times = selectors.iter().filter(|selector| raw.is_selected_by(selector)).count();
            raw.counts == CountedEvents::Nothing || times == usize::from(wanted.contains(&raw.counts))
        })
    };
    let wanted: &[CountedEvents] = if raws.iter().any(|raw| raw.counts == CountedEvents::All) {
        &[CountedEvents::All]
    } else {
        &[CountedEvents::Good, CountedEvents::Bad]
    };
    (is_distinguished(&totals, wanted) && is_distinguished(&parts, &[of_part])).then_some(Scraped(raws))
}

/// Returns a series that matches.
fn raw(
    selector: &VectorSelector,
    matchers: &[Matcher],
    counts: CountedEvents,
    is_part: bool,
) -> Option<RawSeries> {
    let mut labels: BTreeMap<String, String> = target().into();
    for matcher in matchers {
        let of_label = || matchers.iter().filter(|other| other.name == matcher.name);
        let guesses = of_label().flat_map(guesses).chain(labels.get(&matcher.name).cloned());
        let value = guesses.into_iter().find(|value| of_label().all(|matcher| matcher.is_match(value)))?;
        labels.insert(matcher.name.clone(), value);
    }
    Some(RawSeries { name: selector.name.clone()?, labels, counts, is_part })
}

/// Returns a series of the same target that the total selects and the part does not.
fn rest(
    part: &RawSeries,
    all: &VectorSelector,
    some: &VectorSelector,
    counts: CountedEvents,
) -> Option<RawSeries> {
    some.matchers.matchers.iter().find_map(|matcher| {
        guesses(matcher).into_iter().find_map(|value| {
            let mut rest = RawSeries { counts, is_part: false, ..part.clone() };
            rest.labels.insert(matcher.name.clone(), value);
            (rest.is_selected_by(all) && !rest.is_selected_by(some)).then_some(rest)
        })
    })
}

/// Returns values that a matcher may select: its own, those of the alternatives of a pattern, and words.
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

    /// (total, part, kind of the part, series with the events that they count)
    type Case<'a> = (&'a str, &'a str, Verdict, Option<&'a [(&'a str, CountedEvents)]>);

    #[test]
    fn generated_series_distinguish_the_queries() {
        let cases: [Case<'_>; 5] = [
            (
                r#"sum(rate(x{job="a"}[{{.window}}]))"#,
                r#"sum(rate(x{job="a",code=~"(5..|429)"}[{{.window}}]))"#,
                Verdict::Bad,
                Some(&[
                    (r#"x{code="",instance="a",job="a"}"#, CountedEvents::Good),
                    (r#"x{code="500",instance="a",job="a"}"#, CountedEvents::Bad),
                ]),
            ),
            (
                "sum(rate(x_count[{{.window}}]))",
                r#"sum(rate(x_bucket{le="0.3"}[{{.window}}]))"#,
                Verdict::Good,
                Some(&[
                    (r#"x_count{instance="a",job="test"}"#, CountedEvents::All),
                    (r#"x_bucket{instance="a",job="test",le="0.3"}"#, CountedEvents::Good),
                ]),
            ),
            (
                r#"sum(rate(x_bucket{le="+Inf"}[{{.window}}]))"#,
                r#"sum(rate(x_bucket{le="0.3"}[{{.window}}]))"#,
                Verdict::Good,
                Some(&[
                    (r#"x_bucket{instance="a",job="test",le="+Inf"}"#, CountedEvents::All),
                    (r#"x_bucket{instance="a",job="test",le="0.3"}"#, CountedEvents::Good),
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

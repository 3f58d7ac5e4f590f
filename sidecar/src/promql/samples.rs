//! Counts the increases of counters. Comes in: samples as they were scraped. Goes out: by how much all series increased in
//! each step, to the event. Never extrapolates.
//!
//! A value below the previous one is a counter that restarted at zero. The first sample of a series counts in full if its
//! target, identified by `job` and `instance`, was scraped before without it: the series began since, as that of a first error
//! does. Otherwise it is only a base: when its earlier events happened is unknown.

use std::collections::{BTreeMap, BTreeSet};

use mapwarden_contract::{Nanos, UnixNanos};

use super::answer::{AnswerSeries, Sample};
use super::grid::Span;

/// How far before a step samples are queried: the first sample in the step is compared with the latest one before it. Raised, a
/// target that was not scraped for longer keeps the events of that time, and answers are larger; lowered to less than twice
/// the scrape interval, one failed scrape loses events. It is Prometheus' own look-back.
pub(super) const LOOK_BACK: Nanos = Nanos::from_secs(300);

/// The increase of all series in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Increased {
    /// By how much.
    pub(super) by: f64,
    /// The earliest sample that a sample of the step was compared with.
    pub(super) from: UnixNanos,
}

/// When targets were scraped.
#[derive(Debug, Default)]
pub(super) struct Scrapes<'a>(BTreeMap<(&'a str, &'a str), BTreeSet<UnixNanos>>);

impl<'a> Scrapes<'a> {
    /// Every scrape that left a sample.
    pub(super) fn of(series: impl Iterator<Item = &'a AnswerSeries>) -> Self {
        let mut scrapes = Self::default();
        for one in series {
            let Some(target) = target(one) else { continue };
            scrapes.0.entry(target).or_default().extend(one.samples.iter().map(|sample| sample.at));
        }
        scrapes
    }

    /// The last scrape of a series' target before a moment, within the look-back.
    fn before(&self, series: &AnswerSeries, moment: UnixNanos) -> Option<UnixNanos> {
        let scrapes = self.0.get(&target(series)?)?;
        scrapes.range(moment.before(LOOK_BACK)..moment).next_back().copied()
    }
}

/// Returns the labels by which Prometheus identifies a target; none if an aggregation has removed them.
fn target(series: &AnswerSeries) -> Option<(&str, &str)> {
    let label = |name| series.labels.get(name).map(String::as_str);
    Some((label("job").unwrap_or_default(), label("instance")?))
}

/// Returns by how much all series increased in each step; none if no series has two samples to compare.
pub(super) fn increases(all: &[AnswerSeries], scrapes: &Scrapes<'_>, span: &Span) -> Vec<Option<Increased>> {
    let mut steps = vec![None; span.steps];
    for series in all {
        let mut last: Option<Sample> = None;
        for sample in series.samples.iter().filter(|sample| sample.value.is_finite()) {
            let before = match last {
                Some(last) => Some(last),
                None => scrapes.before(series, sample.at).map(|at| Sample { at, value: 0.0 }),
            };
            let step = span.step_of(sample.at).and_then(|step| steps.get_mut(step));
            if let (Some(before), Some(step)) = (before, step) {
                add(step, before, *sample);
            }
            last = Some(*sample);
        }
    }
    steps
}

fn add(step: &mut Option<Increased>, before: Sample, sample: Sample) {
    let by = if sample.value < before.value { sample.value } else { sample.value - before.value };
    let step = step.get_or_insert(Increased { by: 0.0, from: before.at });
    step.by += by;
    step.from = step.from.min(before.at);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: u64 = 1_800_000_000;

    /// (name, what each step increased by, and from which second on it is measured; series as (instance, samples))
    type Case<'a> = (&'a str, [Option<(f64, i64)>; 2], &'a [(&'a str, &'a [(i64, f64)])]);

    fn at(seconds: i64) -> UnixNanos {
        UnixNanos::new((START.cast_signed() + seconds).cast_unsigned() * 1_000_000_000)
    }

    fn series(instance: &str, samples: &[(i64, f64)]) -> AnswerSeries {
        let label = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let labels =
            [("job", "shop"), ("instance", instance)].into_iter().filter(|label| !label.1.is_empty());
        let sample = |(second, value): &(i64, f64)| Sample { at: at(*second), value: *value };
        AnswerSeries { labels: labels.map(label).collect(), samples: samples.iter().map(sample).collect() }
    }

    fn count(all: &[AnswerSeries], steps: usize) -> Vec<Option<(f64, i64)>> {
        let span = Span { start: at(0), every: Nanos::from_secs(60), steps };
        let seconds = |at: UnixNanos| (at.get() / 1_000_000_000).cast_signed() - START.cast_signed();
        let counted = increases(all, &Scrapes::of(all.iter()), &span);
        counted.into_iter().map(|step| step.map(|step| (step.by, seconds(step.from)))).collect()
    }

    #[test]
    fn every_increase_counts_in_the_step_of_its_sample() {
        let cases: [Case<'_>; 9] = [
            (
                "steady",
                [Some((4.0, -10)), Some((3.0, 50))],
                &[("a", &[(-10, 1.0), (20, 3.0), (50, 5.0), (80, 8.0)])],
            ),
            (
                "a sample at an end belongs to its step",
                [Some((2.0, -10)), Some((1.0, 60))],
                &[("a", &[(-10, 1.0), (60, 3.0), (61, 4.0)])],
            ),
            ("began again", [Some((7.0, -10)), None], &[("a", &[(-10, 90.0), (20, 95.0), (50, 2.0)])]),
            (
                "two pods",
                [Some((5.0, -20)), None],
                &[("a", &[(-10, 0.0), (20, 2.0)]), ("b", &[(-20, 7.0), (30, 10.0)])],
            ),
            ("no event is a measurement", [Some((0.0, -10)), None], &[("a", &[(-10, 4.0), (20, 4.0)])]),
            ("only one sample is none", [None, None], &[("a", &[(20, 4.0)])]),
            ("scraped more rarely than asked", [None, Some((6.0, -50))], &[("a", &[(-50, 4.0), (70, 10.0)])]),
            (
                "the first error of a target that was scraped",
                [Some((3.0, -10)), None],
                &[("a", &[(-10, 9.0), (20, 9.0), (50, 9.0)]), ("a", &[(50, 3.0)])],
            ),
            (
                "a new pod's past is not ours",
                [Some((0.0, -10)), Some((1.0, 50))],
                &[("a", &[(-10, 9.0), (20, 9.0)]), ("b", &[(50, 1_000.0), (80, 1_001.0)])],
            ),
        ];
        for (name, expected, input) in cases {
            let all: Vec<_> = input.iter().map(|(instance, samples)| series(instance, samples)).collect();
            assert_eq!(count(&all, 2), expected, "{name}");
        }
    }

    #[test]
    fn a_series_without_a_target_begins_with_its_first_sample() {
        let all = [series("", &[(-10, 9.0), (20, 9.0)]), series("", &[(50, 1_000.0)])];
        assert_eq!(count(&all, 1), [Some((0.0, -10))]);
    }

    proptest! {
        #[test]
        fn increases_add_up_however_they_are_queried(
            gaps in prop::collection::vec((1_i64..90, 0_u32..50, prop::bool::weighted(0.1)), 2..80), split in 1_usize..20
        ) {
            let (mut second, mut value, mut total) = (0, 1.0, 0.0);
            let mut samples = vec![(0, 1.0)];
            for (gap, increase, is_reset) in gaps {
                second += gap;
                // A counter that begins again is seen to have done so if it is below what it was.
                value = if is_reset && value > f64::from(increase) { 0.0 } else { value } + f64::from(increase);
                total += f64::from(increase);
                samples.push((second, value));
            }
            let all = [series("a", &samples)];
            let whole: f64 = count(&all, 200).into_iter().flatten().map(|step| step.0).sum();
            prop_assert!((whole - total).abs() < 1e-6, "{whole} of {total}");
            let scrapes = Scrapes::of(all.iter());
            let span = |first: usize, steps| Span { start: at(i64::try_from(first * 60).unwrap()), every: Nanos::from_secs(60), steps };
            let first = increases(&all, &scrapes, &span(0, split));
            let second = increases(&all, &scrapes, &span(split, 200 - split));
            let parts: f64 = first.into_iter().chain(second).flatten().map(|step| step.by).sum();
            prop_assert!((parts - total).abs() < 1e-6, "{parts} of {total}");
        }
    }
}

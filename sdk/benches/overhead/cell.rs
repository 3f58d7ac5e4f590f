//! One cell of the matrix. Comes in: the times of all rounds. Goes out: ratios to bare papaya, and a line of text.

use std::fmt;
use std::time::Duration;

use crate::contenders::{AGAIN, BARE, Contender};
use crate::load::Load;
use crate::measure::{Shape, TURN};
use crate::report::spread::{Spread, median};

/// A cell counts if the ratio of its second bare map is within this range.
const TRUSTED: std::ops::RangeInclusive<f64> = 0.97..=1.03;

/// One map of one size under one mix.
pub(crate) struct Cell {
    what: String,
    /// The time of a step of the bare map in nanoseconds, for scale.
    bare: f64,
    /// By contender: the ratios of the rounds.
    ratios: Vec<(&'static str, Spread)>,
}

impl Cell {
    pub(crate) fn new<K>(
        load: &Load<K>,
        shape: Shape,
        contenders: &[Contender<K>],
        times: &[Vec<Duration>],
    ) -> Self {
        let kind = std::any::type_name::<K>().rsplit("::").next().unwrap_or_default();
        let Shape { threads, per_pin } = shape;
        let seconds = |round: &Vec<Duration>, index: usize| round[index].as_secs_f64();
        let others = contenders.iter().enumerate().filter(|(_, contender)| contender.name != BARE);
        let ratio =
            |index| Spread::of(times.iter().map(|round| seconds(round, index) / seconds(round, 0)).collect());
        Self {
            what: format!("{kind:6} {:7} {:>5} {threads:7} {per_pin:3}", load.keys.len(), load.mix.name()),
            bare: median(times.iter().map(|round| seconds(round, 0)).collect()) * 1e9 / TURN as f64,
            ratios: others.map(|(index, contender)| (contender.name, ratio(index))).collect(),
        }
    }

    /// Returns the median ratio of this contender, or NaN if it did not take part.
    pub(crate) fn ratio(&self, contender: &str) -> f64 {
        self.ratios.iter().find(|(name, _)| *name == contender).map_or(f64::NAN, |(_, spread)| spread.median)
    }

    /// Returns whether the machine was quiet enough to judge the cell.
    pub(crate) fn counts(&self) -> bool {
        TRUSTED.contains(&self.ratio(AGAIN))
    }

    /// Returns the header of cells of these contenders.
    pub(crate) fn header<K>(contenders: &[Contender<K>]) -> String {
        let names: String = contenders
            .iter()
            .filter(|contender| contender.name != BARE)
            .map(|contender| format!(" {:>12}", contender.name))
            .collect();
        format!("key    entries   mix threads pin | bare ns |{names} | counts")
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} | {:7.1} |", self.what, self.bare)?;
        for (_, spread) in &self.ratios {
            let digits = if spread.median < 9.9995 { 3 } else { 1 };
            write!(out, " {:6.digits$}±{:<5.digits$}", spread.median, spread.half())?;
        }
        write!(out, " | {}", if self.counts() { "yes" } else { "no" })
    }
}

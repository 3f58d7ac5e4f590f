//! What comes in: [`Batch`]es and [`Change`]s. What goes out: a [`WindowView`] at a moment: events by window,
//! place and time, maps, requests, dependencies, users, changes. Never reads a clock, does IO or knows what a
//! notice is. One task owns the [`Aggregate`].

mod apply;
mod bounded;
pub mod calendar;
pub mod changes;
mod composite;
mod definition;
pub mod distribution;
pub mod examples;
mod forget;
mod groups;
pub mod hot_keys;
pub mod last_values;
pub mod maps;
pub mod objective;
mod places;
mod ring;
mod roles;
pub mod series;
pub mod slot;
pub mod slots;
pub mod terms;
pub mod timeslices;
pub mod traffic;
pub mod users;
mod view;
mod window;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::{Nanos, UnixNanos};

use self::bounded::Bounded;
pub use self::bounded::OTHER;
use self::changes::Changes;
use self::distribution::DistributionMark;
use self::examples::Examples;
use self::maps::Map;
use self::objective::{KeptObjective, ObjectiveState};
use self::roles::{Role, Track};
use self::series::{Ignored, Mark};
use self::slot::{Counts, Level, Slot};
use self::terms::Terms;
use self::traffic::{Audience, Dependency, Traffic};
pub use self::view::WindowView;
pub use self::window::Window;
use crate::observation::{Batch, Change, Observation, Point, Resource, Temporality};
use crate::steps::{Progress, Steps};
use mapwarden_objective::Slo;

/// How far ahead of the sidecar's clock a point may lie.
const AHEAD: Nanos = Nanos::from_secs(300);

/// By how much our clock must have gone back to be believed: batches overtake each other by less.
const CLOCK_STEP: Nanos = Nanos::from_secs(5);

/// How long an objective of the SDK may be without any point before a restart drops it: the longest window.
const ABANDONED: Nanos = Nanos::from_secs(30 * 86_400);

/// How many objectives are kept; further ones are refused and counted. Each takes some 28 kB with ten series once it is 30
/// days old, and up to 14 kB more for each further place that it is told of.
const OBJECTIVES: usize = 2_000;

/// A map: service and name.
pub type MapKey = (Arc<str>, Arc<str>);

/// A request scope: service and name; the scope that spans describe is [`SPANS`].
pub type ScopeKey = (Arc<str>, Arc<str>);

/// Requests: service, scope and region.
pub type RequestKey = (Arc<str>, Arc<str>, Arc<str>);

/// The scope under which requests are kept that spans described.
pub const SPANS: &str = "spans";

/// All that is known. Stage state; ask it through [`Aggregate::at`].
pub struct Aggregate {
    configured: Vec<Slo>,
    max_series: usize,
    watching_since: UnixNanos,
    series: HashMap<u128, Series, foldhash::fast::RandomState>,
    /// Marks that the store kept, until their series is met again.
    restored: HashMap<u128, Mark>,
    /// The latest time at which something was received.
    latest: UnixNanos,
    objectives: BTreeMap<String, ObjectiveState>,
    maps: Bounded<MapKey, Map>,
    requests: Bounded<RequestKey, Traffic>,
    audiences: Bounded<ScopeKey, Audience>,
    dependencies: Bounded<Arc<str>, Dependency>,
    examples: Bounded<(Arc<str>, objective::About), Examples>,
    changes: Changes,
    ignored: BTreeMap<Ignored, u64>,
    resets: u64,
}

/// A series: what it is for and how far it was taken into account.
struct Series {
    tracks: Vec<Track>,
    distribution: DistributionMark,
    seen: UnixNanos,
    /// Whether marks that budgets depend on changed since the store was last written.
    is_unsaved: bool,
}

/// A slice of an objective, by its id.
pub type ObjectiveSlot = (Arc<str>, Level, Slot);

/// What the store is to write: everything that changed since the last time.
#[derive(Clone, Debug, Default)]
pub struct UnsavedCounts {
    /// From which time on the slices of an objective are here, by its id.
    pub since: Vec<(String, UnixNanos)>,
    /// Objectives by id.
    pub objectives: Vec<(String, KeptObjective)>,
    /// Slots in the order of time.
    pub slots: Vec<ObjectiveSlot>,
    /// Marks of the series that budgets depend on.
    pub marks: Vec<(u128, Mark)>,
}

impl Aggregate {
    /// Starts to watch at `watching_since`: series that began earlier and were not restored count from their
    /// first point on.
    pub fn new(configured: Vec<Slo>, max_series: usize, watching_since: UnixNanos) -> Self {
        let other = || Arc::from(OTHER);
        let mut aggregate = Self {
            configured: Vec::new(),
            max_series,
            watching_since,
            series: HashMap::default(),
            restored: HashMap::new(),
            latest: watching_since,
            objectives: BTreeMap::new(),
            maps: Bounded::new((other(), other())),
            requests: Bounded::new((other(), other(), other())),
            audiences: Bounded::new((other(), other())),
            dependencies: Bounded::new(other()),
            examples: Bounded::new((other(), objective::About::Metric(other()))),
            changes: Changes::default(),
            ignored: Ignored::ALL.map(|reason| (reason, 0)).into(),
            resets: 0,
        };
        for slo in configured.iter().filter(|slo| slo.group_by.is_empty()) {
            aggregate.declare(roles::definition_of(slo), watching_since);
            if let Some(objective) = aggregate.objectives.get_mut(&slo.id()) {
                objective.agree(Terms::of(slo), watching_since);
            }
        }
        aggregate.configured = configured;
        aggregate
    }

    /// Puts back what the store kept and says which objectives it left out: those that the configuration no
    /// longer has, and those of the SDK without any point for 30 days. `slices` tells each slice of all of them. Call before
    /// the first batch.
    ///
    /// # Errors
    /// What `slices` says.
    pub fn restore<E>(
        &mut self,
        objectives: Vec<KeptObjective>,
        marks: Vec<(u128, Mark)>,
        slots: impl FnOnce(&mut dyn FnMut(&str, Level, Slot)) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let (mut gone, mut sums) = (Vec::new(), Vec::new());
        for kept in objectives {
            if self.is_gone(&kept) {
                gone.push(kept.definition.id());
                continue;
            }
            let id = kept.definition.id();
            let known =
                self.objectives.get(&id).map(|known| (known.definition.clone(), known.terms().clone()));
            let (definition, terms) = known
                .or_else(|| self.group(&id))
                .unwrap_or_else(|| (kept.definition.clone(), Terms::default()));
            sums.push((definition.id(), kept.calendar.clone(), kept.gathering.clone()));
            let mut objective = ObjectiveState::restore(KeptObjective { definition, ..kept });
            objective.agree(terms, self.watching_since);
            self.objectives.insert(objective.definition.id(), objective);
        }
        slots(&mut |id, level, slot| {
            if let Some(objective) = self.objectives.get_mut(id) {
                objective.slots_mut().restore(level, slot);
            }
        })?;
        for (id, calendar, gathering) in sums {
            if let Some(objective) = self.objectives.get_mut(&id) {
                objective.restore_sums(&calendar, &gathering, self.watching_since);
            }
        }
        self.restored = marks.into_iter().collect();
        Ok(gone)
    }

    /// Adds a change.
    pub fn announce(&mut self, change: Change) {
        self.changes.add(change);
    }

    /// Takes a batch into account and says which change it showed, if any.
    pub fn take(&mut self, batch: &Batch) -> Option<Change> {
        self.hear(batch.received);
        let resource = &batch.resource;
        let seen = self
            .changes
            .see(resource, timestamp(batch.received))
            .filter(|change| self.changes.add(change.clone()));
        let points = || {
            batch.observations.iter().filter_map(|observation| match observation {
                Observation::Point(point) => Some(point),
                Observation::Users(_)
                | Observation::Request(_)
                | Observation::Call(_)
                | Observation::Failure(_) => None,
            })
        };
        self.learn_team(resource, batch.received);
        for point in points().filter(|point| roles::is_objective(point)) {
            match roles::definition(resource, point) {
                Some(definition) => self.declare(definition, batch.received),
                None => self.ignore(Ignored::Malformed, 1),
            }
        }
        for observation in &batch.observations {
            match observation {
                Observation::Point(point) if roles::is_objective(point) => {}
                Observation::Point(point) => {
                    if let Err(reason) = self.point(resource, point, batch.received) {
                        self.ignore(reason, 1);
                    }
                }
                Observation::Users(users) => self.users(&resource.service, users),
                Observation::Request(request) => self.request(resource, request, batch.received),
                Observation::Call(call) => self.call(&resource.service, call, batch.received),
                Observation::Failure(failure) => self.failure(&resource.service, failure),
            }
        }
        seen
    }

    /// Takes steps of a queried objective into account and says how far it is. A step that lies before is old news: the
    /// objective's own mark is the only one, so that whoever asks a server twice counts once.
    pub fn take_steps(&mut self, steps: &Steps) -> Progress {
        self.hear(steps.received);
        for step in &steps.steps {
            match self.taken(&steps.slo) {
                Progress::Until(until) if step.from < until => self.ignore(Ignored::Duplicate, 1),
                Progress::Never | Progress::Until(_) => self.step(&steps.slo, step),
                Progress::Unknown => self.ignore(Ignored::UnknownObjective, 1),
            }
        }
        self.taken(&steps.slo)
    }

    /// How far an objective is accounted for.
    fn taken(&self, slo: &str) -> Progress {
        match self.objectives.get(slo) {
            None => Progress::Unknown,
            Some(objective) if objective.totals == Counts::default() => Progress::Never,
            Some(objective) => Progress::Until(objective.covered_until),
        }
    }

    /// Notes our time; where it went back, what lies ahead of it is forgotten.
    fn hear(&mut self, received: UnixNanos) {
        if received + CLOCK_STEP < self.latest {
            self.forget_future(received);
            self.latest = received;
        }
        self.latest = self.latest.max(received);
    }

    fn declare(&mut self, definition: objective::Definition, now: UnixNanos) {
        let id = definition.id();
        let is_full = self.objectives.len() >= OBJECTIVES;
        match self.objectives.get_mut(&id) {
            Some(known) if known.definition == definition => {}
            Some(known) => {
                known.definition = definition;
                known.touch(now);
            }
            None if is_full => self.ignore(Ignored::TooManySeries, 1),
            None => {
                let mut objective = ObjectiveState::new(definition, now);
                objective.touch(now);
                self.objectives.insert(id, objective);
            }
        }
    }

    /// Tells the configured objectives of a sender's service whose they are; those of the SDK bring their team along.
    fn learn_team(&mut self, resource: &Resource, now: UnixNanos) {
        let is_news = |known: &&objective::Definition| {
            matches!(known.about, objective::About::Metric(_) | objective::About::Derived(_))
                && known.service == resource.service
                && resource.team.is_some()
                && known.team != resource.team
        };
        let known = self.objectives.values().map(|objective| &objective.definition).filter(is_news);
        let news: Vec<_> = known
            .map(|known| objective::Definition { team: resource.team.clone(), ..known.clone() })
            .collect();
        news.into_iter().for_each(|definition| self.declare(definition, now));
    }

    fn ignore(&mut self, reason: Ignored, points: u64) {
        if points > 0 {
            *self.ignored.entry(reason).or_default() += points;
        }
    }

    /// Takes a point into account for everything that its series counts towards. A series that counts towards
    /// nothing is not held.
    fn point(&mut self, resource: &Resource, point: &Point, received: UnixNanos) -> Result<(), Ignored> {
        if point.time > received + AHEAD {
            return Err(Ignored::FromTheFuture);
        }
        if roles::is_hot_key(point) {
            return self.hot_key(resource, point, received);
        }
        let id = roles::series_id(resource, point);
        let mut series = match self.series.remove(&id) {
            Some(series) => series,
            None => {
                let mut roles = roles::roles_of(resource, point, &self.configured, &self.objectives)?;
                self.open_groups(&mut roles, received);
                if roles.is_empty() {
                    return Ok(());
                }
                if self.held() >= self.max_series {
                    return Err(Ignored::TooManySeries);
                }
                self.meet(id, roles, resource, point)
            }
        };
        series.seen = received;
        self.count_tracks(&mut series, point, received);
        self.series.insert(id, series);
        Ok(())
    }

    /// How many series are held, hot keys included.
    fn held(&self) -> usize {
        self.series.len() + self.maps.values().map(|map| map.hot_keys.len()).sum::<usize>()
    }

    fn meet(&mut self, id: u128, roles: Vec<Role>, resource: &Resource, point: &Point) -> Series {
        let mut tracks = roles::tracks(roles);
        for track in &mut tracks {
            track.mark = self.restored.remove(&track.id(id)).or_else(|| self.birth(track, resource, point));
        }
        let seen = UnixNanos::EPOCH;
        Series { tracks, distribution: DistributionMark::default(), seen, is_unsaved: false }
    }

    /// The mark of a series that its process, which tells all that it has in each batch, had not told the time
    /// before: it was born since, at zero, even if the process is older than the sidecar.
    fn birth(&self, track: &Track, resource: &Resource, point: &Point) -> Option<Mark> {
        let Some(Role::MapFailures(map, _)) = track.roles.first() else { return None };
        let before = self.maps.get(map)?.rounds.before(resource.id)?;
        Some(Mark { start: point.start.get(), time: before.get(), value: 0, part: 0 })
    }

    fn count_tracks(&mut self, series: &mut Series, point: &Point, received: UnixNanos) {
        // A sender whose clock is ahead is counted by ours: the time that a point accounts for keeps its length.
        let ahead = point.time.since(received);
        let mut times = roles::distribution(point);
        for track in &mut series.tracks {
            let reading = match roles::reading(point, track.threshold, received) {
                Ok(Some(reading)) => reading,
                Ok(None) => {
                    self.gauge(&track.roles, point, received);
                    continue;
                }
                Err(reason) => {
                    self.ignore(reason, 1);
                    continue;
                }
            };
            match series::increase(track.mark, reading, self.watching_since) {
                Ok((mut increase, mark)) => {
                    let is_base = track.mark.replace(mark).is_none() && increase.events == 0;
                    if reading.temporality == Temporality::Cumulative {
                        times = times.map(|times| series.distribution.increase(times, increase.is_reset));
                    }
                    self.resets += u64::from(increase.is_reset);
                    increase.from = increase.from.before(ahead);
                    let times = times.take().filter(|_| !is_base);
                    let time = reading.time.before(ahead);
                    let exemplars = roles::exemplars(point);
                    series.is_unsaved |= track.is_slo();
                    self.apply(track, &roles::Applied { increase, time, times, exemplars });
                }
                Err(reason) => self.ignore(reason, 1),
            }
        }
    }

    /// What changed since the last call.
    pub fn unsaved(&mut self) -> UnsavedCounts {
        let mut unsaved = UnsavedCounts::default();
        for (id, objective) in &mut self.objectives {
            let Some(from) = objective.take_unsaved() else { continue };
            let shared: Arc<str> = Arc::from(id.as_str());
            unsaved.since.push((id.clone(), from));
            unsaved.objectives.push((id.clone(), objective.keep()));
            for level in Level::ALL {
                for (start, counts) in objective.slots().at_level(level, from) {
                    let number = start.get() / level.width().get();
                    unsaved.slots.push((shared.clone(), level, Slot { number, counts }));
                }
            }
        }
        for (id, series) in self.series.iter_mut().filter(|(_, series)| series.is_unsaved) {
            series.is_unsaved = false;
            let marks = series.tracks.iter().filter(|track| track.is_slo());
            unsaved.marks.extend(marks.filter_map(|track| Some((track.id(*id), track.mark?))));
        }
        // A tree is written soonest in its own order; objectives are in theirs already.
        unsaved.slots.sort_by_key(|(_, level, slot)| (*level, slot.number));
        unsaved.marks.sort_unstable_by_key(|(id, _)| *id);
        unsaved
    }

    /// Everything that is known, at `now`.
    pub const fn at(&self, now: UnixNanos) -> WindowView<'_> {
        WindowView { known: self, now }
    }

    /// Takes back what the store did not take: the next [`Aggregate::unsaved`] has it again, at its value of
    /// then.
    pub fn redirty(&mut self, unsaved: &UnsavedCounts) {
        for (id, since) in &unsaved.since {
            if let Some(objective) = self.objectives.get_mut(id) {
                objective.touch(*since);
            }
        }
        // Which series they were is not told; writing one that did not change is no harm.
        self.series.values_mut().for_each(|series| series.is_unsaved = true);
    }

    /// Whether nothing counts towards a kept objective any more.
    fn is_gone(&self, kept: &KeptObjective) -> bool {
        let id = kept.definition.id();
        let is_configured = self.objectives.contains_key(&id) || self.group(&id).is_some();
        !is_configured
            && match kept.definition.about {
                objective::About::Metric(_) | objective::About::Derived(_) => true,
                objective::About::Map(_) | objective::About::Scope(_) => {
                    self.watching_since.since(UnixNanos::new(kept.covered_until)) >= ABANDONED
                }
            }
    }
}

/// A time for people and JSON; times that no calendar has are 1970.
pub fn timestamp(time: UnixNanos) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(time.get())).unwrap_or(Timestamp::UNIX_EPOCH)
}

//! The store: a sidecar that is killed and restarted continues from its last commit.

use std::path::PathBuf;
use std::sync::Arc;

use mapwarden_contract::names::{attribute, wire};
use mapwarden_contract::{Count, Nanos, UnixNanos};
use mapwarden_engine::aggregate::objective::{self, About};
use mapwarden_engine::aggregate::slot::{Counts, Level, Slot};
use mapwarden_engine::aggregate::{Aggregate, UnsavedCounts, Window, timestamp};
use mapwarden_engine::budget::Tier;
use mapwarden_engine::correction::{Action, AuditEntry};
use mapwarden_engine::ledger::{self, Boundary};
use mapwarden_engine::notice::{Notice, NoticeState, StoredNotice, StoredSketches};
use mapwarden_engine::observation::{Batch, Observation, Point, PointValue, Resource, Temporality};
use mapwarden_sidecar::store::{Commit, Removed, Restored, Store};

const START: u64 = 1_800_000_000;

fn at(second: u64) -> UnixNanos {
    UnixNanos::new((START + second) * 1_000_000_000)
}

/// A folder of this test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mapwarden-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The batch of the SDK at a second: 100 requests a second since the start, of which one in ten is bad.
fn batch(second: u64) -> Batch {
    let resource = Resource { id: 1, service: Arc::from("shop"), ..Resource::default() };
    let point = |metric: &str, pairs: &[(&str, &str)], value| {
        let attributes = pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect();
        Observation::Point(Point {
            metric: Arc::from(metric),
            attributes,
            start: at(0),
            time: at(second),
            value,
        })
    };
    let sum = |value: u64| PointValue::Sum {
        temporality: Temporality::Cumulative,
        value: f64::from(u32::try_from(value).unwrap()),
    };
    let objective = [(attribute::SCOPE, "checkout"), (attribute::SLI, "availability"), (attribute::SLO, "a")];
    let events = |verdict| [(attribute::SLO, "a"), (attribute::VERDICT, verdict)];
    let observations = vec![
        point(wire::OBJECTIVE.name, &objective, PointValue::Gauge(0.99)),
        point(wire::SLI_EVENTS.name, &events("good"), sum(second * 90)),
        point(wire::SLI_EVENTS.name, &events("bad"), sum(second * 10)),
    ];
    Batch { resource: Arc::new(resource), received: at(second), observations }
}

fn restored(store: &Store) -> Aggregate {
    let Restored { last_commit, objectives, marks, .. } = store.load().unwrap();
    let mut aggregate = Aggregate::new(Vec::new(), 1_000, last_commit);
    aggregate.restore(objectives, marks, |each| store.slots(each)).unwrap();
    aggregate
}

fn slices(store: &Store) -> Vec<(String, Level, Slot)> {
    let mut all = Vec::new();
    store.slots(&mut |id, level, slice| all.push((id.to_owned(), level, slice))).unwrap();
    all
}

fn commit(store: &Store, second: u64, unsaved: UnsavedCounts) {
    store.commit(&Commit { at: at(second), unsaved, ..Commit::default() }).unwrap();
}

fn totals(aggregate: &Aggregate, second: u64) -> Vec<(u64, u64)> {
    let view = aggregate.at(at(second));
    let (_, objective) = view.objectives().next().unwrap();
    let windows = Window::ALL.map(|window| objective.window(window, at(second)));
    std::iter::once(objective.totals)
        .chain(windows)
        .map(|counts| (counts.good.get(), counts.bad.get()))
        .collect()
}

#[test]
fn a_killed_sidecar_counts_every_event_once() {
    let folder = Folder::new("killed");
    let store = Store::open(&folder.0).unwrap();
    let mut whole = Aggregate::new(Vec::new(), 1_000, at(0));
    let mut killed = Aggregate::new(Vec::new(), 1_000, at(0));
    for second in 1..=400 {
        whole.take(&batch(second));
        // Up to a second of telemetry is received between a commit and the kill, and not saved.
        killed.take(&batch(second));
        if second % 7 == 0 {
            killed = restored(&store);
        } else {
            commit(&store, second, killed.unsaved());
        }
    }
    drop(store);
    let mut last = restored(&Store::open(&folder.0).unwrap());
    last.take(&batch(401));
    whole.take(&batch(401));
    assert_eq!(totals(&last, 401)[0], (401 * 90, 401 * 10));
    let (kept, truth) = (totals(&last, 401), totals(&whole, 401));
    for (window, (kept, truth)) in kept.iter().zip(&truth).enumerate() {
        let moved = truth.0.abs_diff(kept.0) + truth.1.abs_diff(kept.1);
        assert!(
            moved <= 100,
            "window {window}: {kept:?} instead of {truth:?}: one second may move, none may be lost"
        );
    }
    assert_eq!(kept.last(), truth.last());
}

#[test]
fn a_commit_includes_the_rows_of_failed_commits() {
    let folder = Folder::new("failed");
    let store = Store::open(&folder.0).unwrap();
    let mut aggregate = Aggregate::new(Vec::new(), 1_000, at(0));
    for second in 1..=50 {
        aggregate.take(&batch(second));
        let failed = aggregate.unsaved();
        let rows = (failed.since.len(), failed.objectives.len(), failed.marks.len());
        assert_eq!(rows, (1, 1, 2), "second {second}");
        aggregate.redirty(&failed);
    }
    commit(&store, 51, aggregate.unsaved());
    assert_eq!(totals(&restored(&store), 51), totals(&aggregate, 51));
    assert!(aggregate.unsaved().since.is_empty());
}

#[test]
fn an_objective_without_events_is_gone_after_a_restart() {
    let folder = Folder::new("gone");
    let store = Store::open(&folder.0).unwrap();
    let mut aggregate = Aggregate::new(Vec::new(), 1_000, at(0));
    aggregate.take(&batch(10));
    let mut unsaved = aggregate.unsaved();
    let mut configured = unsaved.objectives[0].1.clone();
    configured.definition.name = Arc::from("configured");
    configured.definition.about = About::Metric(Arc::from("http.server.requests"));
    let counted = unsaved.slots.clone();
    unsaved.slots.extend(counted.into_iter().map(|row| (Arc::from("shop/configured"), row.1, row.2)));
    unsaved.objectives.push(("shop/configured".to_owned(), configured));
    commit(&store, 10, unsaved);
    let known = |second: u64| {
        let Restored { objectives, marks, .. } = store.load().unwrap();
        let mut aggregate = Aggregate::new(Vec::new(), 1_000, at(second));
        let gone = aggregate.restore(objectives, marks, |each| store.slots(each)).unwrap();
        let known: Vec<_> = aggregate.at(at(second)).objectives().map(|(id, _)| id.clone()).collect();
        (known, gone)
    };
    let (a, metric) = (vec!["shop/a".to_owned()], vec!["shop/configured".to_owned()]);
    assert_eq!(known(20), (a.clone(), metric.clone()));
    assert_eq!(known(9 + 30 * 86_400).0, a);
    assert_eq!(known(10 + 30 * 86_400), (Vec::new(), [a.clone(), metric.clone()].concat()));
    let removed = Removed { objectives: metric.into_iter().collect(), ..Removed::default() };
    store.commit(&Commit { at: at(20), removed, ..Commit::default() }).unwrap();
    assert_eq!(known(20), (a, Vec::new()));
    assert!(slices(&store).iter().all(|(id, ..)| id == "shop/a"));
}

#[test]
fn marks_of_forgotten_and_of_silent_series_are_removed() {
    let folder = Folder::new("marks");
    let store = Store::open(&folder.0).unwrap();
    let mut aggregate = Aggregate::new(Vec::new(), 1_000, at(0));
    aggregate.take(&batch(10));
    commit(&store, 10, aggregate.unsaved());
    let series = aggregate.forget_silent(at(10 + 86_400));
    assert_eq!(series.len(), 2);
    let removed = Removed { series: series.into_iter().take(1).collect(), ..Removed::default() };
    store.commit(&Commit { at: at(20), removed, ..Commit::default() }).unwrap();
    assert_eq!(store.load().unwrap().marks.len(), 1);
    store.commit(&Commit { at: at(11 + 86_400), ..Commit::default() }).unwrap();
    assert_eq!(store.load().unwrap().marks.len(), 0);
    // The row itself is removed, not only hidden.
    store.commit(&Commit { at: at(20), ..Commit::default() }).unwrap();
    assert_eq!(store.load().unwrap().marks.len(), 0);
}

#[test]
fn a_second_process_and_a_wrong_file_are_refused_by_name() {
    let folder = Folder::new("refused");
    let store = Store::open(&folder.0).unwrap();
    let in_use = Store::open(&folder.0).err().unwrap().to_string();
    assert!(in_use.contains("that no other process uses"), "{in_use}");
    drop(store);
    std::fs::write(folder.0.join("mapwarden.redb"), vec![7; 8192]).unwrap();
    let wrong = Store::open(&folder.0).err().unwrap().to_string();
    assert!(wrong.contains("mapwarden.redb"), "{wrong}");
    let missing = Store::open(std::path::Path::new("/proc/mapwarden")).err().unwrap().to_string();
    assert!(missing.contains("data directory `/proc/mapwarden`: not writable"), "{missing}");
}

#[test]
fn a_series_that_returns_is_not_counted_twice() {
    let mut aggregate = Aggregate::new(Vec::new(), 1_000, at(0));
    let counted = |aggregate: &Aggregate| totals(aggregate, 10)[0];
    aggregate.take(&batch(10));
    aggregate.forget_silent(at(80_000));
    assert_eq!(aggregate.at(at(80_000)).series(), 2);
    aggregate.take(&batch(80_000));
    assert_eq!(counted(&aggregate), (80_000 * 90, 80_000 * 10));
    aggregate.forget_silent(at(80_000 + 86_400));
    assert_eq!(aggregate.at(at(80_000)).series(), 0);
    assert_eq!(counted(&aggregate), (80_000 * 90, 80_000 * 10));
}

#[test]
fn an_open_notice_is_kept_after_many_later_ones() {
    let folder = Folder::new("trimmed");
    let store = Store::open(&folder.0).unwrap();
    let kept = |number: u64| {
        let (id, is_open) = (format!("{number:026}"), number == 0);
        let state = if is_open { NoticeState::Open } else { NoticeState::Resolved };
        let notice = Notice { id, state, ..crate::output_fixture::measured() };
        let tier = is_open.then_some(Tier::SLOW_PAGE);
        let users = StoredSketches { affected: vec![1, 2], active: vec![3] };
        let tenants = StoredSketches { affected: vec![4], active: vec![5, 6] };
        StoredNotice { notice, tier, floor: at(number), users, tenants }
    };
    let notices = (0..502).map(kept).collect();
    store.commit(&Commit { at: at(1), notices, ..Commit::default() }).unwrap();
    let restored = store.load().unwrap().notices;
    let ids: Vec<_> = restored.iter().map(|kept| kept.notice.id.trim_start_matches('0')).collect();
    assert_eq!((ids.len(), &ids[..3]), (500, &["", "3", "4"][..]));
    let (open, truth) = (&restored[0], kept(0));
    assert_eq!((&open.notice, open.tier, open.floor), (&truth.notice, truth.tier, truth.floor));
    assert_eq!((&open.users, &open.tenants), (&truth.users, &truth.tenants));
}

/// Writes a store of format 1: without corrections and boundaries.
fn write_format_one(folder: &std::path::Path, kept: &objective::KeptObjective) {
    const META: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    const OBJECTIVES: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("objectives");
    const SLICES: redb::TableDefinition<'_, (&str, u8, u64), (u64, u64, u64)> =
        redb::TableDefinition::new("slices");
    const MARKS: redb::TableDefinition<'_, u128, (u64, u64, u64, u64)> = redb::TableDefinition::new("marks");
    const NOTICES: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("notices");
    const CHANGES: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("changes");
    std::fs::create_dir_all(folder).unwrap();
    let database = redb::Database::create(folder.join("mapwarden.redb")).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut meta = write.open_table(META).unwrap();
        meta.insert("format", 1).unwrap();
        meta.insert("last_commit", at(100).get()).unwrap();
        let row = postcard::to_stdvec(kept).unwrap();
        write.open_table(OBJECTIVES).unwrap().insert("shop/a", row.as_slice()).unwrap();
        let hour = at(0).get() / 7_200_000_000_000;
        write.open_table(SLICES).unwrap().insert(("shop/a", 4, hour), (900, 100, 7_000)).unwrap();
        write.open_table(MARKS).unwrap().insert(7, (1, at(99).get(), 900, 0)).unwrap();
        write.open_table(NOTICES).unwrap();
        write.open_table(CHANGES).unwrap();
    }
    write.commit().unwrap();
}

#[test]
fn a_store_of_an_older_format_is_converted() {
    let folder = Folder::new("upgraded");
    let mut aggregate = Aggregate::new(Vec::new(), 1_000, at(0));
    aggregate.take(&batch(10));
    let kept = aggregate.unsaved().objectives.remove(0).1;
    write_format_one(&folder.0, &kept);
    let store = Store::open(&folder.0).unwrap();
    let Restored { objectives, marks, corrections, cuts, .. } = store.load().unwrap();
    assert_eq!((objectives, marks.len()), (vec![kept], 1));
    let found: Vec<_> =
        slices(&store).into_iter().map(|(id, level, slice)| (id, level, slice.counts)).collect();
    let counts = Counts { good: Count::new(900), bad: Count::new(100), covered: Nanos::new(7_000) };
    assert_eq!(found, [("shop/a".to_owned(), Level::TwoHours, counts)]);
    assert_eq!((corrections.len(), cuts.len()), (0, 0));
    let entry = AuditEntry {
        id: "01".to_owned(),
        recorded: timestamp(at(101)),
        author: "ann".to_owned(),
        reason: "a test".to_owned(),
        key: "k".to_owned(),
        digest: "d".to_owned(),
        action: Action::Withdrawn { withdraws: "00".to_owned() },
    };
    let before = Counts { good: Count::new(3), bad: Count::new(2), covered: Nanos::new(1) };
    let boundary = Boundary { slo: "shop/a".to_owned(), at: at(60), before };
    let ledger =
        ledger::UnsavedCorrections { entries: vec![(0, entry.clone())], boundaries: vec![boundary.clone()] };
    store.commit(&Commit { at: at(101), ledger, ..Commit::default() }).unwrap();
    // An entry that has a number stays as first written.
    let other = AuditEntry { reason: "another reason".to_owned(), ..entry.clone() };
    let again = ledger::UnsavedCorrections { entries: vec![(0, other)], boundaries: Vec::new() };
    store.commit(&Commit { at: at(102), ledger: again, ..Commit::default() }).unwrap();
    drop(store);
    let restored = Store::open(&folder.0).unwrap().load().unwrap();
    assert_eq!((restored.corrections, restored.cuts), (vec![(0, entry)], vec![boundary]));
    assert_eq!(restored.last_commit, at(102));
}

#[test]
fn a_store_of_a_later_format_is_refused_by_name() {
    let folder = Folder::new("later");
    drop(Store::open(&folder.0).unwrap());
    let database = redb::Database::open(folder.0.join("mapwarden.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    write.open_table(meta).unwrap().insert("format", 99).unwrap();
    write.commit().unwrap();
    drop(database);
    let later = Store::open(&folder.0).err().unwrap().to_string();
    assert!(later.contains("format 99 is unknown: accepted are 1 to 3"), "{later}");
}

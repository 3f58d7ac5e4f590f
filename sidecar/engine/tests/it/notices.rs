//! From batches to notices, second by second, without a clock: what opens, what it reports, and when it ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::names::{attribute, wire};
use mapwarden_contract::{Nanos, UnixNanos, UserHash, UserSketch};
use mapwarden_engine::aggregate::{Aggregate, timestamp};
use mapwarden_engine::budget::{BudgetState, evaluate};
use mapwarden_engine::notice::{
    Notice, NoticeEvent, NoticeState, Notices, Suspicion, Transition, TriggerKind,
};
use mapwarden_engine::observation::{
    Attributes, Batch, Change, ChangeKind, ChangeSource, IdentityKind, Observation, Point, PointValue,
    Resource, Temporality, UserRole, Users,
};
use mapwarden_objective::Severity;

pub(crate) const START: u64 = 1_800_000_000;
const SLO: &str = "order-service/checkout-availability";

pub(crate) fn at(second: u64) -> UnixNanos {
    UnixNanos::new((START + second) * 1_000_000_000)
}

pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    let mut pairs: Vec<(Arc<str>, Arc<str>)> =
        pairs.iter().map(|(k, v)| (Arc::from(*k), Arc::from(*v))).collect();
    pairs.sort();
    pairs.into()
}

/// A process that sends cumulative counts by region once a second, as the SDK does.
pub(crate) struct Process {
    resource: Arc<Resource>,
    start: UnixNanos,
    counts: BTreeMap<(&'static str, &'static str), u64>,
    /// Users and tenants by slot and role.
    users: BTreeMap<(u64, &'static str), [UserSketch; 2]>,
}

impl Process {
    pub(crate) fn new(id: u64, version: &str, start: u64) -> Self {
        let resource = Resource {
            id,
            service: Arc::from("order-service"),
            version: Some(Arc::from(version)),
            team: Some(Arc::from("checkout")),
            ..Resource::default()
        };
        Self {
            resource: Arc::new(resource),
            start: at(start),
            counts: BTreeMap::new(),
            users: BTreeMap::new(),
        }
    }

    /// Events of one second in one region, each by a distinct user.
    fn serve(&mut self, second: u64, region: &'static str, good: u64, bad: u64) {
        *self.counts.entry((region, "good")).or_default() += good;
        *self.counts.entry((region, "bad")).or_default() += bad;
        let slot = (START + second) / 5 * 5;
        for (role, users) in [(wire::ACTIVE, good + bad), (wire::AFFECTED, bad)] {
            let [sketch, tenants] = self.users.entry((slot, role)).or_default();
            let hash = |id: u64| UserHash::keyed(&[7; 16], &format!("{region}-{id}"));
            for user in 0..users {
                sketch.insert(hash(user));
                tenants.insert(hash(user % 8));
            }
        }
    }

    fn batch(&self, second: u64) -> Batch {
        let point = |metric: &str, attributes, value| {
            Observation::Point(Point {
                metric: Arc::from(metric),
                attributes,
                start: self.start,
                time: at(second),
                value,
            })
        };
        let declared = attributes(&[
            (attribute::SLO, "checkout-availability"),
            (attribute::SLI, "availability"),
            (attribute::SCOPE, "checkout"),
        ]);
        let mut observations = vec![point(wire::OBJECTIVE.name, declared, PointValue::Gauge(0.999))];
        for ((region, verdict), count) in &self.counts {
            let pairs = [
                (attribute::SLO, "checkout-availability"),
                (attribute::VERDICT, *verdict),
                (attribute::REGION, *region),
            ];
            let value = f64::from(u32::try_from(*count).unwrap());
            let value = PointValue::Sum { temporality: Temporality::Cumulative, value };
            observations.push(point(wire::SLI_EVENTS.name, attributes(&pairs), value));
        }
        for ((slot, role), sketches) in self.users.iter().rev().take(4) {
            let role = match *role {
                wire::ACTIVE => UserRole::Active { scope: Arc::from("checkout") },
                _ => UserRole::Affected { slo: Arc::from("checkout-availability") },
            };
            let (region, slot) = (Arc::from(""), UnixNanos::new(slot * 1_000_000_000));
            for (who, sketch) in [IdentityKind::User, IdentityKind::Tenant].into_iter().zip(sketches) {
                let (role, region, width, sketch) =
                    (role.clone(), Arc::clone(&region), Nanos::from_secs(5), sketch.clone());
                observations.push(Observation::Users(Users { who, role, region, slot, width, sketch }));
            }
        }
        Batch { resource: self.resource.clone(), received: at(second), observations }
    }
}

/// The parts of the sidecar without IO.
pub(crate) struct Sidecar {
    pub(crate) aggregate: Aggregate,
    budgets: Arc<BTreeMap<String, BudgetState>>,
    pub(crate) notices: Notices,
    pub(crate) events: Vec<(u64, NoticeEvent)>,
}

impl Sidecar {
    pub(crate) fn new() -> Self {
        Self {
            aggregate: Aggregate::new(Vec::new(), 10_000, at(0)),
            budgets: Arc::default(),
            notices: Notices::default(),
            events: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, second: u64) {
        let view = self.aggregate.at(at(second));
        let evaluated = view
            .objectives()
            .map(|(id, objective)| (id.clone(), evaluate(objective, self.budgets.get(id), view.now)));
        self.budgets = Arc::new(evaluated.collect());
        let events = self.notices.step(&view, &self.budgets);
        self.events.extend(events.into_iter().map(|event| (second, event)));
    }

    pub(crate) fn run(
        &mut self,
        seconds: std::ops::Range<u64>,
        process: &mut Process,
        mut load: impl FnMut(u64, &mut Process),
    ) {
        for second in seconds {
            load(second, process);
            self.aggregate.take(&process.batch(second));
            self.step(second);
        }
    }

    fn deploy(&mut self, second: u64, version: &str) {
        self.aggregate.announce(Change {
            service: "order-service".into(),
            kind: ChangeKind::Deploy,
            version: Some(version.into()),
            sha: Some(format!("sha-of-{version}")),
            at: timestamp(at(second)),
            source: ChangeSource::Webhook,
            author: None,
            url: None,
        });
    }

    pub(crate) fn events(&self, event: Transition) -> Vec<(u64, &Notice)> {
        let of_kind = self.events.iter().filter(|(_, sent)| sent.event == event);
        of_kind.map(|(second, event)| (*second, &*event.notice)).collect()
    }
}

pub(crate) fn healthy(second: u64, process: &mut Process) {
    for (region, rate) in [("eu-west-1", 50), ("us-east-1", 30), ("ap-south-1", 20)] {
        process.serve(second, region, rate, 0);
    }
}

/// Two fifths of one region fail.
pub(crate) fn broken(second: u64, process: &mut Process) {
    process.serve(second, "eu-west-1", 30, 20);
    process.serve(second, "us-east-1", 30, 0);
    process.serve(second, "ap-south-1", 20, 0);
}

/// An hour of v1, then v2 breaks at 3,611 for a while, then v1 again.
fn bad_deploy(until: u64) -> Sidecar {
    let mut sidecar = Sidecar::new();
    sidecar.run(1..3_600, &mut Process::new(1, "v1", 0), healthy);
    sidecar.deploy(3_600, "v2");
    let mut second = Process::new(2, "v2", 3_599);
    sidecar.run(3_600..3_611, &mut second, healthy);
    sidecar.run(3_611..until, &mut second, broken);
    sidecar.deploy(until, "v1");
    sidecar.run(until..until + 120, &mut Process::new(3, "v1", until - 1), healthy);
    sidecar
}

#[test]
fn a_bad_deploy_is_one_notice_with_every_part() {
    let sidecar = bad_deploy(4_000);
    let (opened, updated, resolved) = (
        sidecar.events(Transition::Opened),
        sidecar.events(Transition::Updated),
        sidecar.events(Transition::Resolved),
    );
    assert_eq!((opened.len(), resolved.len()), (1, 1));
    assert!(updated.len() >= 4, "{}", updated.len());
    let (_, notice) = updated[updated.len() - 1];
    assert_eq!(
        (notice.slo.as_str(), notice.severity, notice.state),
        (SLO, Severity::Page, NoticeState::Open)
    );
    let onset = i64::try_from(START + 3_611).unwrap();
    assert!((notice.onset.as_second() - onset).abs() <= 1, "{}", notice.onset);

    let sli = &notice.slis[0];
    let seconds = u64::try_from(notice.updated.as_second() - notice.onset.as_second()).unwrap() + 1;
    assert_eq!(sli.baseline.value(), Some(&1.0));
    assert!((sli.current.value().unwrap() - 0.8).abs() < 0.01, "{sli:?}");
    assert_eq!(sli.total.get(), 100 * seconds);

    let changes = notice.recent_changes.value().unwrap();
    let suspicion = |version: &str| {
        changes.iter().find(|change| change.version.value().unwrap() == version).unwrap().suspicion
    };
    assert_eq!(suspicion("v2"), Suspicion::High, "{changes:?}");

    let impact = &notice.impact;
    assert_eq!((impact.affected_users.value(), impact.interval.value()), (Some(&20), Some(&(20, 20))));
    assert_eq!(impact.share_of_active.value().map(|share| share.get()), Some(0.2));
    assert_eq!((impact.affected_tenants.value(), impact.tenants_interval), (Some(&8), Some((8, 8))));
    assert_eq!(impact.share_of_active_tenants.map(|share| share.get()), Some(8.0 / 24.0));
    assert!(notice.summary.contains(", 20 users of 8 tenants, 100% eu-west-1"), "{}", notice.summary);
    let regions = impact.regions.value().unwrap();
    assert_eq!(regions.keys().collect::<Vec<_>>(), ["eu-west-1"]);
    assert_eq!(notice.hypotheses[0].pattern, "bad-deploy");
    assert!(notice.dependencies.value().is_none() && notice.map.value().is_none());
    assert!(notice.coverage.value().unwrap().get() > 0.99, "{:?}", notice.coverage);

    let (over, resolved) = resolved[0];
    assert!(over <= 4_000 + 40, "resolved at {over}");
    assert_eq!(resolved.id, notice.id);
    assert!(resolved.slis[0].current.value().unwrap() < &0.81, "events after the end do not dilute it");
    let parts = &sidecar.notices.counters().parts;
    assert_eq!((parts["sli_delta"], parts["impact"], parts["dependencies"]), ((1, 0), (1, 0), (0, 1)));
}

#[test]
fn the_sequential_test_pages_first_and_tiers_join() {
    let sidecar = bad_deploy(4_000);
    let (opened, notice) = sidecar.events(Transition::Opened)[0];
    // 100 events a second make 259,200 bad ones in 30 days that 99.9 % allows. A thousandth of them is 259.2: thirteen
    // seconds of 20, the last of which is 3,623. Before that, they are enough evidence, in runs of five, the assumed
    // length where no run was ever seen.
    assert_eq!((opened, notice.severity), (3_623, Severity::Page));
    let trigger = notice.trigger.clone().unwrap();
    assert_eq!((trigger.kind, trigger.tier), (TriggerKind::Sequential, None));
    let rise = trigger.sequential.unwrap();
    assert_eq!((rise.bad.get(), rise.total.get(), rise.limit.get()), (260, 1_300, 14.4 * (1.0 - 0.999)));
    assert_eq!(rise.since.as_second(), i64::try_from(START + 3_611).unwrap());
    assert!(rise.e_value > 31_557_600.0, "{rise:?}");
    // The tickets fire earlier and open no notice of their own; only a page confirms a page.
    let (_, resolved) = sidecar.events(Transition::Resolved)[0];
    assert_eq!(resolved.trigger.as_ref().unwrap().tier.as_deref(), Some("slow_page"));
}

#[test]
fn a_tier_pages_in_the_second_in_which_it_fires() {
    let mut sidecar = Sidecar::new();
    let mut process = Process::new(1, "v1", 0);
    sidecar.run(1..3_611, &mut process, healthy);
    sidecar.run(3_611..9_030, &mut process, |second, process| process.serve(second, "eu-west-1", 99, 1));
    let (_, ticket) = sidecar.events(Transition::Opened)[0];
    assert_eq!(ticket.severity, Severity::Ticket);
    assert_eq!(ticket.trigger.as_ref().map(|trigger| trigger.kind), Some(TriggerKind::Tier));
    let is_page = |event: &&(u64, NoticeEvent)| event.1.notice.severity == Severity::Page;
    let (paged, _) = sidecar.events.iter().find(is_page).unwrap();
    // 1 % is less than the sequential test detects. The slow page's long window holds all 100 s events until second
    // s, of which s - 3,610 are bad; they are more than 6 x 0.1 % of all from s = 9,026 on.
    assert_eq!(*paged, 9_026);
}

#[test]
fn a_second_fault_is_a_second_notice_with_its_own_onset() {
    let mut sidecar = bad_deploy(4_000);
    let mut process = Process::new(4, "v3", 4_119);
    sidecar.run(4_120..4_200, &mut process, healthy);
    sidecar.run(4_200..4_320, &mut process, broken);
    let opened = sidecar.events(Transition::Opened);
    assert_eq!(opened.len(), 2);
    let (second, notice) = opened[1];
    let late = notice.onset.as_second() - i64::try_from(START + 4_200).unwrap();
    assert!(late.abs() <= 1, "onset {late} s off");
    assert!(second <= 4_210, "the budget of the hour is spent already, so it is notified at once: {second}");
    assert_eq!(notice.impact.affected_users.value(), Some(&20));
}

#[test]
fn missing_telemetry_opens_its_own_notice() {
    let mut sidecar = Sidecar::new();
    let mut process = Process::new(1, "v1", 0);
    sidecar.run(1..60, &mut process, healthy);
    sidecar.run(60..90, &mut process, broken);
    assert_eq!(sidecar.events(Transition::Opened).len(), 1);
    (90..700).for_each(|second| sidecar.step(second));
    assert!(sidecar.events(Transition::Resolved).is_empty());
    let opened = sidecar.events(Transition::Opened);
    assert_eq!(opened.len(), 2);
    let (second, silence) = opened[1];
    assert_eq!((second, silence.severity), (89 + 300, Severity::Ticket));
    assert_eq!(silence.trigger.as_ref().map(|trigger| trigger.kind), Some(TriggerKind::NoData));
    assert_eq!(silence.onset.as_second(), i64::try_from(START + 89).unwrap());
    restart(&mut sidecar);
    sidecar.step(700);
    assert_eq!(sidecar.notices.all().len(), 2, "both are kept, and neither is sent twice");
    sidecar.run(701..760, &mut process, healthy);
    let resolved = sidecar.events(Transition::Resolved);
    assert_eq!(resolved.len(), 2);
    assert!(resolved[0].1.summary.ends_with("telemetry is back"), "{}", resolved[0].1.summary);
    assert_eq!(resolved[0].0, 701);
}

#[test]
fn a_gone_service_has_one_notice_and_an_idle_one_none() {
    let mut sidecar = Sidecar::new();
    let mut process = Process::new(1, "v1", 0);
    sidecar.run(1..10, &mut process, healthy);
    // Measured without events: a measured zero.
    sidecar.run(10..1_000, &mut process, |_, _| {});
    assert!(sidecar.events.is_empty());
    (1_000..88_000).step_by(100).for_each(|second| sidecar.step(second));
    let count = |event| sidecar.events(event).len();
    assert_eq!((count(Transition::Opened), count(Transition::Resolved)), (1, 1));
    let (second, resolved) = sidecar.events(Transition::Resolved)[0];
    assert!((999 + 86_400..999 + 86_500).contains(&second), "{second}");
    assert!(resolved.summary.ends_with("considered gone after a day"), "{}", resolved.summary);
}

#[test]
fn low_traffic_pages_for_an_outage_but_not_for_one_failure() {
    let each_minute = |good: u64| {
        move |second: u64, process: &mut Process| {
            if second.is_multiple_of(60) {
                process.serve(second, "eu-west-1", good, 1 - good);
            }
        }
    };
    let mut sidecar = Sidecar::new();
    let mut process = Process::new(1, "v1", 0);
    sidecar.run(1..3_600, &mut process, each_minute(1));
    sidecar.run(3_600..3_660, &mut process, each_minute(0));
    sidecar.run(3_660..9_000, &mut process, each_minute(1));
    assert!(sidecar.events.is_empty(), "{:?}", sidecar.events);
    sidecar.run(9_000..9_600, &mut process, each_minute(0));
    let (opened, notice) = sidecar.events(Transition::Opened)[0];
    assert!(opened <= 9_000 + 300, "a total outage at one request a minute pages after {} s", opened - 9_000);
    assert_eq!(notice.severity, Severity::Page);
}

#[test]
fn a_restart_keeps_the_notice_and_its_users() {
    let mut sidecar = Sidecar::new();
    let mut process = Process::new(1, "v1", 0);
    sidecar.run(1..60, &mut process, healthy);
    sidecar.run(60..90, &mut process, broken);
    let before = sidecar.notices.all()[0].clone();
    restart(&mut sidecar);
    sidecar.run(90..100, &mut process, broken);
    let now = &sidecar.notices.all()[0];
    assert_eq!((&now.id, now.onset), (&before.id, before.onset));
    assert_eq!(now.impact.affected_users.value(), Some(&20));
    assert_eq!((now.impact.affected_tenants.value(), now.impact.tenants_interval), (Some(&8), Some((8, 8))));
    assert_eq!(sidecar.events(Transition::Opened).len(), 1);
    assert!(
        now.updated > before.updated
            && now.updated <= Timestamp::from_second(i64::try_from(START + 100).unwrap()).unwrap()
    );
}

/// Restarts the notices from what the store keeps of them.
pub(crate) fn restart(sidecar: &mut Sidecar) {
    let kept = sidecar.notices.all().iter().map(|notice| sidecar.notices.keep(notice)).collect();
    sidecar.notices = Notices::default();
    sidecar.notices.restore(kept);
}

#[test]
fn a_restart_does_not_end_a_fault_that_burns_slowly() {
    let mut sidecar = Sidecar::new();
    let mut process = Process::new(1, "v1", 0);
    let slowly = |second: u64, process: &mut Process| process.serve(second, "eu-west-1", 248, 2);
    sidecar.run(1..600, &mut process, slowly);
    let id = sidecar.events(Transition::Opened)[0].1.id.clone();
    restart(&mut sidecar);
    sidecar.run(600..720, &mut process, slowly);
    assert_eq!(
        (sidecar.events(Transition::Opened).len(), sidecar.events(Transition::Resolved).len()),
        (1, 0)
    );
    assert_eq!(sidecar.notices.of(SLO), Some(id.as_str()));
}

#[test]
fn a_restart_does_not_repeat_the_updates_of_hours() {
    let mut sidecar = Sidecar::new();
    let mut process = Process::new(1, "v1", 0);
    sidecar.run(1..60, &mut process, healthy);
    sidecar.run(60..90, &mut process, broken);
    (90..20_000).step_by(10).for_each(|second| sidecar.step(second));
    let before = sidecar.events(Transition::Updated).len();
    restart(&mut sidecar);
    (20_000..20_100).for_each(|second| sidecar.step(second));
    let after = sidecar.events(Transition::Updated).len();
    assert!(after - before <= 1, "{} updates in 100 s", after - before);
}

#[test]
fn a_recurring_fault_makes_few_notices() {
    let mut sidecar = Sidecar::new();
    sidecar.run(1..3_600, &mut Process::new(1, "v1", 0), |second, process| match second % 30 {
        0..5 => broken(second, process),
        _ => healthy(second, process),
    });
    let opened = sidecar.events(Transition::Opened).len();
    assert!((1..=3).contains(&opened), "{opened} notices in an hour");
}

#[test]
fn a_notice_ends_with_its_objective() {
    let mut sidecar = Sidecar::new();
    let mut process = Process::new(1, "v1", 0);
    sidecar.run(1..60, &mut process, healthy);
    sidecar.run(60..90, &mut process, broken);
    restart(&mut sidecar);
    sidecar.aggregate = Aggregate::new(Vec::new(), 10_000, at(90));
    sidecar.step(91);
    let ended = sidecar.events(Transition::Resolved);
    assert_eq!(ended.len(), 1);
    assert!(ended[0].1.summary.ends_with("the objective no longer exists"), "{}", ended[0].1.summary);
    assert_eq!(sidecar.notices.of(SLO), None);
}

#[test]
fn a_weaker_fault_that_still_pages_keeps_its_notice() {
    let mut sidecar = Sidecar::new();
    let mut process = Process::new(1, "v1", 0);
    sidecar.run(1..60, &mut process, healthy);
    // Steep enough that the quick page is the first tier to fire.
    sidecar.run(60..260, &mut process, |second, process| process.serve(second, "eu-west-1", 0, 100));
    // Ten times what the objective allows: less than the quick page's 14.4, more than the slow page's 6.
    sidecar.run(260..1_000, &mut process, |second, process| process.serve(second, "eu-west-1", 99, 1));
    assert_eq!(
        (sidecar.events(Transition::Opened).len(), sidecar.events(Transition::Resolved).len()),
        (1, 0)
    );
    sidecar.run(1_000..1_060, &mut process, healthy);
    assert_eq!(sidecar.events(Transition::Resolved).len(), 1);
}

//! Every difference is found, however small.

use std::collections::BTreeMap;

use mapwarden_contract::Ratio;

use super::super::request_log::{AnsweredRequest, Endpoint};
use super::super::users::User;
use super::*;
use mapwarden_engine::notice::Known;

/// Checkouts by (user, status).
fn log(checkouts: &[(u64, u16)]) -> RequestLog {
    let mut log = RequestLog::default();
    for (user, status) in checkouts {
        log.record(&AnsweredRequest {
            version: "v1".into(),
            endpoint: Endpoint::Checkout,
            user: User(*user),
            status: *status,
            start: UnixNanos::new(5_000_000_000),
            end: UnixNanos::new(6_000_000_000),
            lookups: CatalogueLookups::default(),
        });
    }
    log
}

/// The checkouts that [`exact`] counts: the first succeeded, the second failed.
const CHECKOUTS: [(u64, u16); 2] = [(10, 200), (11, 503)];

fn exact() -> SidecarCounts {
    let (good, total) = (Count::new(1), Count::new(2));
    SidecarCounts { good, total, timed: total, catalogue: CatalogueLookups::default() }
}

fn differing(checks: &[LoadComparison]) -> Vec<&str> {
    checks.iter().filter(|check| !check.holds).map(|check| check.what.as_str()).collect()
}

#[test]
fn one_event_more_or_less_is_a_difference() {
    let one = Count::new(1);
    let hits = CatalogueLookups { hits: one, ..CatalogueLookups::default() };
    let cases: [(SidecarCounts, &[&str]); 5] = [
        (exact(), &[]),
        (SidecarCounts { good: exact().good + one, ..exact() }, &["checkouts that succeeded"]),
        (SidecarCounts { total: exact().total + one, ..exact() }, &["checkouts sent"]),
        (SidecarCounts { timed: exact().timed - one, ..exact() }, &["checkouts that were timed"]),
        (SidecarCounts { catalogue: hits, ..exact() }, &["catalogue hits"]),
    ];
    for (counted, expected) in cases {
        assert_eq!(differing(&counts(&log(&CHECKOUTS), &counted)), expected);
    }
    let mut cut_off = log(&CHECKOUTS);
    cut_off.record_unanswered("connection reset".into());
    assert_eq!(differing(&counts(&cut_off, &exact())), ["requests without a response"]);
    assert!(!replay((one, Count::new(2))).holds);
}

#[test]
fn earlier_counts_are_subtracted() {
    let before = SidecarCounts { good: Count::new(7), total: Count::new(9), ..SidecarCounts::default() };
    let now = SidecarCounts { good: Count::new(8), total: Count::new(11), ..exact() };
    assert_eq!(now.since(&before), exact());
}

fn right_notice() -> Notice {
    let sample = mapwarden_engine::notice::samples::MEASURED;
    let mut notice: Notice = serde_json::from_str(sample).unwrap();
    let region = |region: &str, share| (region.to_owned(), Ratio::new(share).unwrap());
    notice.impact.since = jiff::Timestamp::from_second(4).unwrap();
    notice.impact.until = jiff::Timestamp::from_second(9).unwrap();
    notice.impact.affected_users = Known::Value(1);
    notice.impact.interval = Known::Value((1, 1));
    notice.impact.regions =
        Known::Value(BTreeMap::from([region("ap-south-1", 0.1), region("us-east-1", 0.9)]));
    notice
}

/// The differences of a changed notice, when one user of us-east-1 had a failure.
fn verdicts(change: impl Fn(&mut Notice)) -> Vec<String> {
    let mut changed = right_notice();
    change(&mut changed);
    let checks = notice(&log(&[(7, 503)]), &changed, "a3f9c1d");
    differing(&checks).into_iter().map(str::to_owned).collect()
}

#[test]
fn one_wrong_fact_in_a_notice_is_a_difference() {
    let score = |notice: &mut Notice, score| {
        let Known::Value(changes) = &mut notice.recent_changes else { panic!("no changes") };
        changes.iter_mut().filter(|change| change.sha.value().is_some_and(|sha| sha == "a3f9c1d")).for_each(
            |change| {
                change.score = score;
            },
        );
    };
    assert_eq!(verdicts(|_| ()), Vec::<String>::new());
    assert_eq!(verdicts(|notice| score(notice, -1.0)), ["most suspicious change"]);
    assert_eq!(verdicts(|notice| notice.impact.interval = Known::Value((2, 3))), ["affected users"]);
    assert_eq!(verdicts(|notice| notice.impact.interval = Known::missing("?")), ["affected users"]);
    let elsewhere = BTreeMap::from([("eu-west-1".to_owned(), Ratio::ONE)]);
    let verdict = verdicts(|notice| notice.impact.regions = Known::Value(elsewhere.clone()));
    assert_eq!(verdict, ["region hit most"]);
}

#[test]
fn the_table_names_every_difference() {
    let counted = SidecarCounts { good: Count::ZERO, ..exact() };
    let table = table(&counts(&log(&CHECKOUTS), &counted));
    let wrong: Vec<&str> = table.lines().filter(|line| line.ends_with("DIFFERS")).collect();
    assert_eq!(wrong, ["  checkouts that succeeded        1        0  DIFFERS"]);
}

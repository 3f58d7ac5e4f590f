//! Objectives that are read from SLO files, and the problems of wrong files.

use std::fmt::Write as _;
use std::path::Path;

use mapwarden_contract::Nanos;
use mapwarden_objective::{Period, Severity, Slo};
use mapwarden_slo::{Loaded, load_text};

use crate::golden::assert_golden;

/// Reads a text as the file of a name.
fn read(name: &str, text: &str) -> Loaded {
    load_text(Path::new(name), text, &Period::DEFAULT)
}

/// Prints the objectives, the sources, the errors and the warnings.
fn printed(loaded: &Loaded) -> String {
    let mut text = String::new();
    for slo in &loaded.slos {
        writeln!(text, "{slo:#?}").unwrap();
    }
    for source in &loaded.sources {
        writeln!(text, "{source:#?}").unwrap();
    }
    for problem in &loaded.problems {
        writeln!(text, "error: {problem}").unwrap();
    }
    for warning in &loaded.warnings {
        writeln!(text, "warning: {warning}").unwrap();
    }
    text
}

fn without_problems(loaded: Loaded) -> Vec<Slo> {
    assert_eq!(loaded.problems, []);
    loaded.slos
}

#[test]
fn sloth_files_are_read_in_both_forms() {
    let loaded = read("sloth.yaml", include_str!("golden/sloth.yaml"));
    assert_golden("sloth.txt", &printed(&loaded));
    assert_eq!((loaded.problems.len(), loaded.warnings.len()), (0, 0));
}

#[test]
fn every_problem_of_a_sloth_file_has_its_line() {
    let loaded = read("wrong.yaml", include_str!("golden/sloth-problems.yaml"));
    assert_golden("sloth-problems.txt", &printed(&loaded));
}

#[test]
fn factors_of_a_catalogue_agree_with_the_workbook() {
    let slos = without_problems(read("sloth.yaml", include_str!("golden/sloth.yaml")));
    for slo in slos {
        let tiers: Vec<_> =
            slo.alerting.tiers.iter().map(|tier| (tier.severity, tier.factor, tier.short)).collect();
        let expected = [
            (Severity::Page, 14.4, Nanos::from_secs(300)),
            (Severity::Page, 6.0, Nanos::from_secs(1_800)),
            (Severity::Ticket, 3.0, Nanos::from_secs(7_200)),
            (Severity::Ticket, 1.0, Nanos::from_secs(21_600)),
        ];
        assert_eq!(tiers, expected, "{}", slo.id());
    }
}

#[test]
fn openslo_references_are_resolved_across_documents() {
    let loaded = read("openslo.yaml", include_str!("golden/openslo.yaml"));
    assert_golden("openslo.txt", &printed(&loaded));
    assert_eq!((loaded.problems.len(), loaded.warnings.len()), (0, 0));
    let ids: Vec<String> = loaded.slos.iter().map(Slo::id).collect();
    let expected = [
        "shop/answered-inner-goal",
        "shop/answered-contract",
        "shop/journey-answered",
        "shop/journey-fast",
        "shop/journey",
        "shop/raw",
        "shop/lag",
        "shop/held",
    ];
    assert_eq!(ids, expected);
}

#[test]
fn every_problem_of_an_openslo_file_has_its_line() {
    let loaded = read("wrong.yaml", include_str!("golden/openslo-problems.yaml"));
    assert_golden("openslo-problems.txt", &printed(&loaded));
}

#[test]
fn uncountable_numbers_are_refused() {
    let file = include_str!("golden/openslo.yaml");
    let cases = [
        ("compositeWeight: 3", "compositeWeight: 1e10", "`compositeWeight` is `10000000000`: accepted is"),
        ("compositeWeight: 3", "compositeWeight: .nan", "non-finite float `.nan`"),
        ("threshold: 14.4", "threshold: .inf", "non-finite float `.inf`"),
        ("threshold: 14.4", "threshold: 1e999", "non-finite float `1e999`"),
    ];
    for (before, after, expected) in cases {
        assert!(file.contains(before), "{before}");
        let problems = read("wrong.yaml", &file.replacen(before, after, 1)).problems;
        let found = problems.iter().filter(|problem| problem.message.contains(expected)).count();
        assert_eq!(found, 1, "{after}: {problems:?}");
    }
}

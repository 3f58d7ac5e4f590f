//! Comes in: alert policies, conditions and notification targets. Goes out: burn-rate tiers, and labels that route
//! alerts. Never contacts a target.

use mapwarden_contract::Nanos;
use mapwarden_objective::{Alert, Alerting, BurnTier, Comparison, Severity};

use super::catalogue::{ObjectKind, OpenSloObject};
use super::metadata::{self, Metadata};
use super::objective::comparison;
use super::resolver::{Resolver, follow};
use crate::field;
use crate::yaml::{Fields, Node, Reader, YamlValue};

/// Severities, in lower case, that page; every other severity makes a ticket.
const PAGES: [&str; 12] =
    ["page", "critical", "urgent", "emergency", "fatal", "high", "sev0", "sev1", "sev-1", "p0", "p1", "1"];

/// The label that holds the names of notification targets.
const TARGETS: &str = "notification_targets";

/// One condition.
pub(super) struct Condition {
    tier: BurnTier,
    severity: String,
}

/// The content of one policy.
#[derive(Default)]
struct Policy {
    conditions: Vec<Condition>,
    targets: Vec<String>,
}

/// Reads the policies of an objective. Without any the tiers are those of the period.
pub(super) fn alerting(
    resolver: &Resolver<'_>,
    reader: &mut Reader<'_>,
    metadata: &Metadata,
    node: Option<&Node>,
) -> Alerting {
    let mut alerting = Alerting { annotations: metadata.annotations.clone(), ..Alerting::default() };
    let nodes = reader.list("alertPolicies", node);
    for node in nodes {
        let policy = match reference(resolver, reader, node, "alertPolicyRef", ObjectKind::AlertPolicy) {
            Some(Referent::Inline(node)) => Some(policy(resolver, reader, node)),
            Some(Referent::Named(object)) => {
                Some(follow(reader, object, |reader, node| policy(resolver, reader, node)))
            }
            None => None,
        };
        let policy = policy.unwrap_or_default();
        for Condition { tier, severity } in policy.conditions {
            let alert = alerting.alert_mut(tier.severity);
            label(reader, node, alert, &severity, &policy.targets);
            alerting.tiers.push(tier);
        }
    }
    if !nodes.is_empty() {
        for severity in Severity::ALL {
            let is_raised = alerting.tiers.iter().any(|tier| tier.severity == severity);
            alerting.alert_mut(severity).is_disabled = !is_raised;
        }
    }
    alerting
}

fn label(reader: &mut Reader<'_>, node: &Node, alert: &mut Alert, severity: &str, targets: &[String]) {
    let known = alert.labels.entry("severity".to_owned()).or_insert_with(|| severity.to_owned());
    if known != severity {
        let message = format!(
            "the severity `{severity}` is sent as `{known}`, the severity of an earlier condition of its kind"
        );
        reader.warn(node.referenced, message);
    }
    let known = alert.labels.entry(TARGETS.to_owned()).or_default();
    for target in targets {
        if !known.split(',').any(|known| known == target) {
            if !known.is_empty() {
                known.push(',');
            }
            known.push_str(target);
        }
    }
}

/// The place of an object that another one uses.
enum Referent<'a, 'n> {
    /// Written in place: its `spec`.
    Inline(&'n Node),
    /// Referred to by name.
    Named(&'a OpenSloObject<'a>),
}

/// Reads an object that is written in place, or referred to by name in a field.
fn reference<'a, 'n>(
    resolver: &'a Resolver<'_>,
    reader: &mut Reader<'_>,
    node: &'n Node,
    field: &str,
    kind: ObjectKind,
) -> Option<Referent<'a, 'n>> {
    if let YamlValue::Text(_) = node.value {
        // The name alone, as the schema tests of the specification write it.
        return resolver.find(reader, kind, field, node).map(Referent::Named);
    }
    let fields = reader.object(kind.name(), node, &[field, "apiVersion", "kind", "metadata", "spec"])?;
    match (fields.get(field), fields.get("spec")) {
        (Some(node), None) => resolver.find(reader, kind, field, node).map(Referent::Named),
        (None, Some(spec)) => {
            if let Some(node) = fields.get("metadata") {
                metadata::read(reader, node);
            }
            if let Some(node) = reader.required(kind.name(), &fields, "kind") {
                reader.checked("kind", node, |text| {
                    let accepted = kind.name();
                    if text == accepted {
                        Ok(())
                    } else {
                        Err(format!("`{text}` is here: accepted is {accepted}"))
                    }
                });
            }
            Some(Referent::Inline(spec))
        }
        (None, None) | (Some(_), Some(_)) => {
            let message = format!("accepted is either `{field}` or the `spec` of an {}", kind.name());
            reader.problem(node.referenced, message);
            None
        }
    }
}

/// Reads a policy that no objective uses.
pub(super) fn check_policy(resolver: &Resolver<'_>, reader: &mut Reader<'_>, node: &Node) {
    policy(resolver, reader, node);
}

fn policy(resolver: &Resolver<'_>, reader: &mut Reader<'_>, node: &Node) -> Policy {
    let accepted = [
        "description",
        "alertWhenNoData",
        "alertWhenResolved",
        "alertWhenBreaching",
        "conditions",
        "notificationTargets",
    ];
    let Some(fields) = reader.object("spec", node, &accepted) else { return Policy::default() };
    let mut truth = |name: &str| fields.get(name).and_then(|node| reader.truth(name, node));
    let [no_data, resolved, breaching] =
        ["alertWhenNoData", "alertWhenResolved", "alertWhenBreaching"].map(&mut truth);
    warn_of_switches(reader, &fields, (no_data, resolved, breaching));
    let conditions = required_list(reader, &fields, "conditions");
    let read = conditions.iter().filter_map(|node| {
        match reference(resolver, reader, node, "conditionRef", ObjectKind::AlertCondition)? {
            Referent::Inline(node) => condition(resolver, reader, node),
            Referent::Named(object) => {
                follow(reader, object, |reader, node| condition(resolver, reader, node))
            }
        }
    });
    let read: Vec<Condition> = read.collect();
    let targets = required_list(reader, &fields, "notificationTargets");
    let targets = targets.iter().filter_map(|node| notification(resolver, reader, node)).collect();
    Policy { conditions: if breaching == Some(false) { Vec::new() } else { read }, targets }
}

/// Warns of switches that turn off what is always sent, as (no data, resolved, breaching).
fn warn_of_switches(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    (no_data, resolved, breaching): (Option<bool>, Option<bool>, Option<bool>),
) {
    if breaching == Some(false) {
        let message =
            "`alertWhenBreaching` is false, so that the conditions of the policy never raise an alert";
        reader.warn(fields.key("alertWhenBreaching").unwrap_or(fields.location()), message.to_owned());
    }
    if no_data == Some(false) {
        let message = "`alertWhenNoData` is false, but missing data always raises an alert of its own";
        reader.warn(fields.key("alertWhenNoData").unwrap_or(fields.location()), message.to_owned());
    }
    if resolved == Some(false) {
        let message =
            "`alertWhenResolved` is false, but the end of an alert is always sent: the receiver may drop it";
        reader.warn(fields.key("alertWhenResolved").unwrap_or(fields.location()), message.to_owned());
    }
}

fn required_list<'n>(reader: &mut Reader<'_>, fields: &Fields<'n>, name: &str) -> &'n [Node] {
    let nodes = reader.list(name, fields.get(name));
    if nodes.is_empty() {
        reader.problem(fields.location(), format!("`{name}` is empty: accepted is at least one"));
    }
    nodes
}

/// Reads the `spec` of a condition.
pub(super) fn condition(resolver: &Resolver<'_>, reader: &mut Reader<'_>, node: &Node) -> Option<Condition> {
    let fields = reader.object("spec", node, &["description", "severity", "condition"])?;
    let severity = reader.required_text("spec", &fields, "severity");
    let node = reader.required("spec", &fields, "condition")?;
    let accepted = ["kind", "op", "threshold", "lookbackWindow", "alertAfter"];
    let fields = reader.object("condition", node, &accepted)?;
    if let Some(node) = fields.get("kind") {
        reader.checked("kind", node, |text| match text {
            "burnrate" => Ok(()),
            _ => Err(format!("`{text}` is not a kind of condition: accepted is burnrate")),
        });
    }
    if let Some(node) = fields.get("op")
        && let Some(Comparison::Lt | Comparison::Lte) = reader.checked("op", node, comparison)
    {
        let message =
            format!("`op` is {}, which would alert while all is well: accepted are gt and gte", node.value);
        resolver.refuse(reader, node, message);
        return None;
    }
    let factor = reader.required("condition", &fields, "threshold").and_then(|node| {
        let factor = reader.number("threshold", node)?;
        if factor <= 0.0 {
            reader.problem(
                node.referenced,
                format!("`threshold` is {factor}: accepted is a burn rate above 0"),
            );
        }
        Some(factor).filter(|factor| *factor > 0.0)
    });
    let long = reader.required("condition", &fields, "lookbackWindow");
    let long = long.and_then(|node| field::shorthand(reader, "lookbackWindow", node));
    let after = fields.get("alertAfter").map(|node| after(reader, node));
    let (name, factor, long) = (severity?, factor?, long?.rolling());
    let short = after.unwrap_or_default().unwrap_or(Nanos::new(long.get() / 12));
    if long <= short {
        let message = "`lookbackWindow` is not longer than `alertAfter`, so that it adds nothing";
        reader.warn(node.referenced, message.to_owned());
    }
    let is_page = PAGES.contains(&name.to_ascii_lowercase().as_str());
    let severity = if is_page { Severity::Page } else { Severity::Ticket };
    Some(Condition { tier: BurnTier { severity, long, short, factor }, severity: name })
}

/// Reads how long the burn must go on; none for `0m`.
fn after(reader: &mut Reader<'_>, node: &Node) -> Option<Nanos> {
    let zero = ["0m", "0h", "0d"].contains(&node.value.to_string().trim_matches('`'));
    if zero { None } else { field::shorthand(reader, "alertAfter", node).map(|after| after.rolling()) }
}

/// Reads a notification target and returns its name.
fn notification(resolver: &Resolver<'_>, reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    match reference(resolver, reader, node, "targetRef", ObjectKind::AlertNotificationTarget)? {
        Referent::Named(object) => {
            follow(reader, object, target);
            Some(object.metadata.name.clone())
        }
        Referent::Inline(spec) => {
            target(reader, spec);
            let fields = reader.any_object("notificationTargets[]", node)?;
            let named = fields.get("metadata").and_then(|node| metadata::read(reader, node));
            named.map(|metadata| metadata.name)
        }
    }
}

/// Reads the `spec` of a target. Only the receiver of alerts knows how to reach it.
pub(super) fn target(reader: &mut Reader<'_>, node: &Node) {
    if let Some(fields) = reader.object("spec", node, &["description", "target"]) {
        reader.required_text("spec", &fields, "target");
    }
}

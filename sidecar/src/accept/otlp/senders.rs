//! Comes in: the attributes of OTLP resources. Goes out: each [`Sender`], parsed once and checked against the resource
//! contract. Never refuses one: the receiver decides by the mode of the contract.

use std::hash::Hasher as _;
use std::sync::Arc;

use mapwarden_contract::names::attribute::{
    CLOUD_REGION, ENVIRONMENT, REVISION, SERVICE_INSTANCE, SERVICE_NAME, SERVICE_VERSION, TEAM,
};
use metrics::counter;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use papaya::HashMap;
use siphasher::sip::SipHasher24;

use super::attributes::{find, text};
use crate::config::Contract;
use crate::metric_names::CONTRACT_WARNINGS;
use mapwarden_engine::observation::Resource;

/// How many resources are remembered. When one more arrives, all are forgotten: each then costs one parse (and one count of
/// its missing attributes) again. Raised, more senders fit into more memory (about 1 KiB each).
const MAX_SENDERS: usize = 4096;

/// A process that sends telemetry, and the required attributes that it lacks.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) resource: Arc<Resource>,
    /// The required attributes that the resource lacks.
    pub(super) missing: Arc<[String]>,
}

/// The senders seen so far.
#[derive(Debug)]
pub(super) struct Senders {
    contract: Contract,
    known: HashMap<u64, Sender>,
}

impl Senders {
    pub(super) fn new(contract: Contract) -> Self {
        for attribute in &contract.required {
            counter!(CONTRACT_WARNINGS.name, "attribute" => attribute.clone()).increment(0);
        }
        Self { contract, known: HashMap::new() }
    }

    pub(super) fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Returns the sender with these attributes; missing ones are counted when the sender is first seen.
    pub(super) fn sender(&self, attributes: &[KeyValue]) -> Sender {
        let id = identity(attributes);
        let known = self.known.pin();
        if let Some(sender) = known.get(&id) {
            return sender.clone();
        }
        if known.len() >= MAX_SENDERS {
            known.clear();
        }
        let sender = self.parse(id, attributes);
        // If two requests contain a new sender at once, only the one that creates the entry counts.
        match known.try_insert(id, sender) {
            Ok(sender) => {
                for attribute in sender.missing.iter() {
                    counter!(CONTRACT_WARNINGS.name, "attribute" => attribute.clone()).increment(1);
                }
                sender.clone()
            }
            Err(occupied) => occupied.current.clone(),
        }
    }

    fn parse(&self, id: u64, attributes: &[KeyValue]) -> Sender {
        let value = |name| find(attributes, name).map(Arc::<str>::from);
        let resource = Resource {
            id,
            service: value(SERVICE_NAME).unwrap_or_else(|| Arc::from("unknown_service")),
            version: value(SERVICE_VERSION),
            revision: value(REVISION),
            environment: value(ENVIRONMENT),
            team: value(TEAM),
            instance: value(SERVICE_INSTANCE),
            region: value(CLOUD_REGION),
        };
        let required = self.contract.required.iter();
        let missing = required.filter(|name| find(attributes, name).is_none()).cloned().collect();
        Sender { resource: Arc::new(resource), missing }
    }
}

/// Returns a hash of all attributes in any order. Its key is fixed, so that a sender keeps its identity across a
/// restart of the sidecar.
fn identity(attributes: &[KeyValue]) -> u64 {
    let mut pairs: Vec<_> =
        attributes.iter().map(|pair| (pair.key.as_str(), text(pair.value.as_ref()))).collect();
    pairs.sort();
    let mut hasher = SipHasher24::new();
    for (name, value) in pairs {
        // Lengths keep (`ab`, `c`) and (`a`, `bc`) apart.
        hasher.write_usize(name.len());
        hasher.write(name.as_bytes());
        hasher.write_usize(value.len());
        hasher.write(value.as_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::AnyValue;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;

    use super::*;
    use crate::config::ContractMode;

    fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
        let value = |text: &str| Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) });
        pairs
            .iter()
            .map(|(key, text)| KeyValue { key: (*key).to_owned(), value: value(text), ..KeyValue::default() })
            .collect()
    }

    fn senders() -> Senders {
        let required = vec!["service.name".to_owned(), "mapwarden.team".to_owned()];
        Senders::new(Contract { required, mode: ContractMode::Warn })
    }

    #[test]
    fn a_resource_is_the_same_in_any_order_and_parsed_once() {
        let senders = senders();
        let one = senders.sender(&attributes(&[("service.name", "shop"), ("mapwarden.team", "checkout")]));
        let two = senders.sender(&attributes(&[("mapwarden.team", "checkout"), ("service.name", "shop")]));
        assert!(Arc::ptr_eq(&one.resource, &two.resource));
        assert_eq!((&*one.resource.service, one.resource.team.as_deref()), ("shop", Some("checkout")));
        assert!(one.missing.is_empty());
    }

    #[test]
    fn lengths_keep_attributes_apart() {
        let a = identity(&attributes(&[("ab", "c")]));
        let b = identity(&attributes(&[("a", "bc")]));
        assert_ne!(a, b);
    }

    #[test]
    fn absent_and_empty_attributes_are_missing() {
        let sender = senders().sender(&attributes(&[("mapwarden.team", "")]));
        assert_eq!(&*sender.resource.service, "unknown_service");
        assert_eq!(&*sender.missing, ["service.name", "mapwarden.team"]);
    }

    #[test]
    fn a_missing_attribute_counts_once_per_resource() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let senders = senders();
            for name in ["a", "b", "a", "a"] {
                senders.sender(&attributes(&[("service.name", name)]));
            }
        });
        let page = recorder.handle().render();
        for (attribute, count) in [("mapwarden.team", 2), ("service.name", 0)] {
            let line = format!("{}{{attribute=\"{attribute}\"}} {count}\n", CONTRACT_WARNINGS.name);
            assert!(page.contains(&line), "{line} in {page}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let senders = senders();
        for number in 0..=MAX_SENDERS {
            senders.sender(&attributes(&[("service.instance.id", &number.to_string())]));
        }
        assert_eq!(senders.known.pin().len(), 1);
    }
}

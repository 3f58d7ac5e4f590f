//! The resource attributes of this process, from the builder and the environment.

use uuid::Uuid;

use super::install_error::InstallError;
use mapwarden_contract::names::attribute;

/// ResourceAttributes by name, each once; the first to set one wins.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ResourceAttributes(Vec<(String, String)>);

impl ResourceAttributes {
    /// Sets an attribute, unless it has a value or this one is empty.
    pub(crate) fn offer(&mut self, name: &str, value: &str) {
        if !value.is_empty() && !self.0.iter().any(|(known, _)| known == name) {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Adds what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say, where the code said nothing.
    ///
    /// # Errors
    /// An entry that is not `key=value` with percent-encoded values (OpenTelemetry specification, resource SDK).
    pub(crate) fn offer_environment(
        &mut self,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<(), InstallError> {
        self.offer(attribute::SERVICE_NAME, &read("OTEL_SERVICE_NAME").unwrap_or_default());
        let entries = read("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        for entry in entries.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let refused = || InstallError::ResourceAttributes { entry: entry.to_owned() };
            let (name, value) = entry.split_once('=').ok_or_else(refused)?;
            let value = percent_decoded(value.trim()).ok_or_else(refused)?;
            self.offer(name.trim(), &value);
        }
        Ok(())
    }

    /// The required attributes that have no value.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let known = |name: &str| self.0.iter().any(|(known, _)| known == name);
        attribute::REQUIRED.into_iter().filter(|name| !known(name)).collect()
    }

    /// Adds the identity of this process, and hands everything out.
    pub(crate) fn of_process(mut self, instance: Uuid) -> Vec<(String, String)> {
        self.offer(attribute::SERVICE_INSTANCE, &instance.to_string());
        self.0
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: Option<&str>, attributes: &str) -> impl Fn(&str) -> Option<String> {
        let (name, attributes) = (name.map(str::to_owned), attributes.to_owned());
        move |variable| match variable {
            "OTEL_SERVICE_NAME" => name.clone(),
            "OTEL_RESOURCE_ATTRIBUTES" => Some(attributes.clone()),
            _ => None,
        }
    }

    #[test]
    fn code_takes_precedence_over_the_environment() {
        let mut attributes = ResourceAttributes::default();
        attributes.offer("service.version", "v1");
        let read =
            environment(Some("orders"), "service.name=x,service.version=v0, mapwarden.team = check%20out,");
        attributes.offer_environment(read).unwrap();
        let expected =
            [("service.version", "v1"), ("service.name", "orders"), ("mapwarden.team", "check out")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(attributes.0, expected);
        assert_eq!(attributes.missing(), ["deployment.environment.name"]);
    }

    #[test]
    fn invalid_entries_are_named() {
        for entry in ["team", "a=%zz", "a=%f", "a=%ff"] {
            let refused =
                ResourceAttributes::default().offer_environment(environment(None, entry)).unwrap_err();
            assert!(refused.to_string().contains(entry), "{refused}");
        }
    }
}

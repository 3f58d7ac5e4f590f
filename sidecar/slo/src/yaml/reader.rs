//! Comes in: nodes of a document, and texts of flags. Goes out: valid values, and every problem found on the way. Never
//! stops at the first problem.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use mapwarden_contract::Nanos;
use mapwarden_objective::Origin;
use serde_saphyr::{Location, Spanned};
use url::Url;

use super::problem::Problem;
use super::value::{Node, YamlValue, parse_all};

/// Reads nodes of one file and collects problems.
#[derive(Debug)]
pub struct Reader<'a> {
    path: &'a Path,
    source: &'a str,
    /// The errors found so far.
    pub problems: Vec<Problem>,
    /// The warnings found so far.
    pub warnings: Vec<Problem>,
}

/// The fields of an object, with checked names.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'n> {
    location: Location,
    fields: &'n [(Spanned<String>, Node)],
}

impl<'n> Fields<'n> {
    /// Returns the location at which the object begins.
    pub fn location(&self) -> Location {
        self.location
    }

    /// Returns the names of the fields, in their order, each with its location.
    pub fn keys(&self) -> impl Iterator<Item = (&'n str, Location)> + use<'n> {
        self.fields.iter().map(|(key, _)| (key.value.as_str(), key.referenced))
    }

    /// Returns the location of the name of a field.
    pub fn key(&self, name: &str) -> Option<Location> {
        self.fields.iter().find(|(key, _)| key.value == name).map(|(key, _)| key.referenced)
    }

    /// Returns the value of a field; none where it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&'n Node> {
        let (_, node) = self.fields.iter().find(|(key, _)| key.value == name)?;
        Some(node).filter(|node| node.value != YamlValue::Nothing)
    }
}

impl<'a> Reader<'a> {
    /// Returns a reader for a file of which only the values are read.
    pub fn new(path: &'a Path) -> Self {
        Self::of(path, "")
    }

    /// Returns a reader for a file with its text, so that numbers can be read as they were written.
    pub fn of(path: &'a Path, source: &'a str) -> Self {
        Self { path, source, problems: Vec::new(), warnings: Vec::new() }
    }

    /// Returns the origin of a location.
    pub fn origin(&self, location: Location) -> Origin {
        // The parser gives 0 where it does not know.
        let known = |number| Some(number).filter(|number| *number > 0);
        let (line, column) = (known(location.line()), known(location.column()));
        Origin::File { path: self.path.to_owned(), line, column }
    }

    /// Returns the origin of a line and column, which count from 1.
    pub fn origin_at(&self, line: u64, column: u64) -> Origin {
        Origin::File { path: self.path.to_owned(), line: Some(line), column: Some(column) }
    }

    /// Adds an error at a location.
    pub fn problem(&mut self, location: Location, message: String) {
        let origin = self.origin(location);
        self.problem_at(origin, message);
    }

    /// Adds an error at an origin.
    pub fn problem_at(&mut self, origin: Origin, message: String) {
        self.problems.push(Problem { origin, message });
    }

    /// Adds a warning: the text is accepted, but hardly what its author means.
    pub fn warn(&mut self, location: Location, message: String) {
        let origin = self.origin(location);
        self.warnings.push(Problem { origin, message });
    }

    /// Returns the text of the file.
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// Reads an object that has no other fields than the accepted ones.
    pub fn object<'n>(&mut self, name: &str, node: &'n Node, accepted: &[&str]) -> Option<Fields<'n>> {
        let fields = self.open(name, node, &format!(" with {}", accepted.join(", ")))?;
        for (key, _) in fields.fields {
            if !accepted.contains(&key.value.as_str()) {
                let accepted = accepted.join(", ");
                let message =
                    format!("`{name}` has an unknown field `{}`: accepted are {accepted}", key.value);
                self.problem(key.referenced, message);
            }
        }
        Some(fields)
    }

    /// Reads an object with any fields.
    pub fn any_object<'n>(&mut self, name: &str, node: &'n Node) -> Option<Fields<'n>> {
        self.open(name, node, "")
    }

    fn open<'n>(&mut self, name: &str, node: &'n Node, with: &str) -> Option<Fields<'n>> {
        if let YamlValue::Object(fields) = &node.value {
            return Some(Fields { location: node.referenced, fields });
        }
        let message = format!("`{name}` is {}: accepted is an object{with}", node.value);
        self.problem(node.referenced, message);
        None
    }

    /// Reads the members of a list. An absent list is empty.
    pub fn list<'n>(&mut self, name: &str, node: Option<&'n Node>) -> &'n [Node] {
        match node.map(|node| (&node.value, node.referenced)) {
            None => &[],
            Some((YamlValue::List(values), _)) => values,
            Some((other, location)) => {
                self.problem(location, format!("`{name}` is {other}: accepted is a list"));
                &[]
            }
        }
    }

    /// Reads all fields of an object as texts, for names that users choose.
    pub fn texts(&mut self, name: &str, node: Option<&Node>) -> Vec<(String, String)> {
        match node.map(|node| (&node.value, node.referenced)) {
            None => Vec::new(),
            Some((YamlValue::Object(fields), _)) => fields
                .iter()
                .filter_map(|(key, node)| Some((key.value.clone(), self.text(&key.value, node)?)))
                .collect(),
            Some((other, location)) => {
                self.problem(
                    location,
                    format!("`{name}` is {other}: accepted is an object of names and values"),
                );
                Vec::new()
            }
        }
    }

    /// Reads a required field.
    pub fn required<'n>(&mut self, of: &str, fields: &Fields<'n>, name: &str) -> Option<&'n Node> {
        let node = fields.get(name);
        if node.is_none() {
            self.problem(fields.location, format!("`{of}` lacks `{name}`"));
        }
        node
    }

    /// Reads a required field as text.
    pub fn required_text(&mut self, of: &str, fields: &Fields<'_>, name: &str) -> Option<String> {
        let node = self.required(of, fields, name)?;
        self.text(name, node)
    }

    /// Reads a text. Whole numbers and truths are read as they were written; floats are not accepted: 1.10 would become
    /// 1.1.
    pub fn text(&mut self, name: &str, node: &Node) -> Option<String> {
        match &node.value {
            YamlValue::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            YamlValue::Integer(number) => Some(number.to_string()),
            YamlValue::Truth(truth) => Some(truth.to_string()),
            other @ (YamlValue::Nothing
            | YamlValue::Float(_)
            | YamlValue::Text(_)
            | YamlValue::List(_)
            | YamlValue::Object(_)) => {
                let message = format!("`{name}` is {other}: accepted is a text, a number in quotes");
                self.problem(node.referenced, message);
                None
            }
        }
    }

    /// Reads a text, or a number or truth as it was written: `1.10` is `1.10`.
    pub fn scalar(&mut self, name: &str, node: &Node) -> Option<String> {
        let span = node.defined.span();
        let written = span.byte_offset().zip(span.byte_len()).and_then(|(offset, length)| {
            let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
            self.source.get(offset..offset.checked_add(length)?)
        });
        let is_plain =
            matches!(node.value, YamlValue::Float(_) | YamlValue::Integer(_) | YamlValue::Truth(_));
        match written.map(str::trim).filter(|written| is_plain && !written.is_empty()) {
            Some(written) => Some(written.to_owned()),
            None => self.text(name, node),
        }
    }

    /// Reads `true` or `false`.
    pub fn truth(&mut self, name: &str, node: &Node) -> Option<bool> {
        if let YamlValue::Truth(truth) = node.value {
            return Some(truth);
        }
        self.problem(node.referenced, format!("`{name}` is {}: accepted are true and false", node.value));
        None
    }

    /// Reads a number, whole or not.
    pub fn number(&mut self, name: &str, node: &Node) -> Option<f64> {
        let number = match &node.value {
            YamlValue::Float(number) => Some(*number),
            YamlValue::Integer(number) => i32::try_from(*number).ok().map(f64::from),
            YamlValue::Nothing
            | YamlValue::Truth(_)
            | YamlValue::Text(_)
            | YamlValue::List(_)
            | YamlValue::Object(_) => None,
        };
        if number.is_none() {
            self.problem(node.referenced, format!("`{name}` is {}: accepted is a number", node.value));
        }
        number
    }

    /// Reads a whole number within bounds, with `KiB` or `MiB` after it or without a unit.
    pub fn size(&mut self, name: &str, node: &Node, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
        let size = match &node.value {
            YamlValue::Integer(number) => usize::try_from(*number).ok(),
            YamlValue::Text(text) => bytes(text),
            YamlValue::Nothing
            | YamlValue::Truth(_)
            | YamlValue::Float(_)
            | YamlValue::List(_)
            | YamlValue::Object(_) => None,
        };
        let size = size.filter(|size| range.contains(size));
        if size.is_none() {
            let (low, high) = range.into_inner();
            let accepted = format!("accepted is a whole number from {low} to {high}, or with a unit as 4MiB");
            self.problem(node.referenced, format!("`{name}` is {}: {accepted}", node.value));
        }
        size
    }

    /// Reads a duration above zero.
    pub fn duration(&mut self, name: &str, node: &Node) -> Option<Nanos> {
        self.parsed(name, node, duration, "a time above zero with its unit: 250ms, 10s, 1m30s")
    }

    /// Reads a text that `parse` accepts. `accepted` describes the form in the message.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        node: &Node,
        parse: impl FnOnce(&str) -> Option<T>,
        accepted: &str,
    ) -> Option<T> {
        let parsed = match &node.value {
            YamlValue::Text(text) => parse(text),
            YamlValue::Nothing
            | YamlValue::Truth(_)
            | YamlValue::Integer(_)
            | YamlValue::Float(_)
            | YamlValue::List(_)
            | YamlValue::Object(_) => None,
        };
        if parsed.is_none() {
            self.problem(node.referenced, format!("`{name}` is {}: accepted is {accepted}", node.value));
        }
        parsed
    }

    /// Reads a text that passes a check, see [`address`] and [`web_url`].
    pub fn checked<T>(
        &mut self,
        name: &str,
        node: &Node,
        check: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(name, node)?;
        check(&text).map_err(|message| self.problem(node.referenced, format!("`{name}`: {message}"))).ok()
    }

    /// Reads a path, relative to the folder of the file that names it.
    pub fn path(&mut self, name: &str, node: &Node) -> Option<PathBuf> {
        let text = self.text(name, node)?;
        Some(self.path.parent().map_or_else(|| PathBuf::from(&text), |folder| folder.join(&text)))
    }
}

fn bytes(text: &str) -> Option<usize> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20)];
    let (number, factor) =
        units.into_iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    number.trim().parse::<usize>().ok()?.checked_mul(factor)
}

fn duration(text: &str) -> Option<Nanos> {
    let duration = text.trim().parse::<SignedDuration>().ok()?;
    std::time::Duration::try_from(duration).ok().filter(|duration| !duration.is_zero()).map(Nanos::from)
}

/// Reads all documents of a file; empty ones are left out.
///
/// # Errors
/// The text is not YAML, or exceeds a limit; the problem has the location.
pub fn read_all(path: &Path, text: &str) -> Result<Vec<Node>, Problem> {
    parse_all(text).map_err(|error| {
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let message = format!("is not YAML: {}", error.without_snippet());
        Problem { origin: Reader::new(path).origin(location), message }
    })
}

/// Parses an address to listen on.
///
/// # Errors
/// The text is not `IP:port`; the message says what is accepted.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let accepted = "accepted is IP:port, e.g. 127.0.0.1:4318, port 0 for a free one";
    text.parse().map_err(|_| format!("`{text}` is not an address: {accepted}"))
}

/// Checks a URL to send to.
///
/// # Errors
/// The text is not an `http` or `https` URL; the message says what is accepted.
pub fn web_url(text: &str) -> Result<String, String> {
    let is_web =
        Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let problem = || format!("`{text}` is not a URL: accepted are http://host... and https://host...");
    is_web.then(|| text.to_owned()).ok_or_else(problem)
}

/// Checks a host and a port to connect to.
///
/// # Errors
/// The text is not `host:port`; the message says what is accepted.
pub fn host_port(text: &str) -> Result<String, String> {
    let is_there = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
    is_there
        .then(|| text.to_owned())
        .ok_or_else(|| format!("`{text}` is not an address: accepted is host:port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        let cases = [
            ("250ms", Some(Nanos::from_millis(250))),
            ("10s", Some(Nanos::from_secs(10))),
            ("1m30s", Some(Nanos::from_secs(90))),
            ("50us", Some(Nanos::new(50_000))),
            ("0s", None),
            ("-1s", None),
            ("10", None),
            ("soon", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_addresses_and_urls_are_checked() {
        assert_eq!((bytes("4MiB"), bytes("8 KiB"), bytes("4MB")), (Some(4 << 20), Some(8192), None));
        assert!(address("127.0.0.1:0").is_ok() && address("[::1]:4318").is_ok());
        assert!(address("localhost:4318").is_err() && address("4318").is_err());
        assert!(web_url("https://example.org/hook?x=1").is_ok());
        assert!(web_url("ftp://example.org").is_err() && web_url("example.org").is_err());
        assert!(host_port("redis:6379").is_ok() && host_port("[::1]:6379").is_ok());
        assert!(host_port("redis").is_err() && host_port(":6379").is_err() && host_port("redis:0").is_err());
    }
}

//! Comes in: an object of either of Sloth's forms. Goes out: its fields by one name each, and what is unknown among
//! them.

use crate::spelling::Spelling;
use crate::yaml::{Fields, Node, Reader};

/// The fields of an object, by their names as `prometheus/v1` spells them.
pub(super) struct SlothFields<'n> {
    pub(super) fields: Fields<'n>,
    pub(super) spelling: Spelling,
}

impl<'n> SlothFields<'n> {
    /// Opens an object. A field in the spelling of the other form is read, with a warning.
    pub(super) fn open(
        reader: &mut Reader<'_>,
        name: &str,
        node: &'n Node,
        accepted: &[&str],
        spelling: Spelling,
    ) -> Option<Self> {
        let name = spelling.of(name);
        let fields = reader.any_object(&name, node)?;
        let spelled = |spelling: Spelling| accepted.iter().map(move |name| spelling.of(name));
        for (key, location) in fields.keys() {
            if spelled(spelling).any(|accepted| accepted == key) {
                continue;
            }
            let other = spelled(spelling.other()).position(|accepted| accepted == key);
            let meant = other.and_then(|at| accepted.get(at)).map(|name| spelling.of(name));
            match meant {
                Some(meant) => {
                    reader.warn(
                        location,
                        format!("`{key}` is read as `{meant}`, the spelling of Sloth for this form"),
                    );
                }
                None => {
                    let accepted = spelled(spelling).collect::<Vec<_>>().join(", ");
                    let message = format!("`{name}` has an unknown field `{key}`: accepted are {accepted}");
                    reader.problem(location, message);
                }
            }
        }
        Some(Self { fields, spelling })
    }

    /// Returns the value of a field in either spelling.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        let spelled = |spelling: Spelling| self.fields.get(&spelling.of(name));
        spelled(self.spelling).or_else(|| spelled(self.spelling.other()))
    }

    /// Returns a required field.
    pub(super) fn required(&self, reader: &mut Reader<'_>, of: &str, name: &str) -> Option<&'n Node> {
        let node = self.get(name);
        if node.is_none() {
            let (of, name) = (self.spelling.of(of), self.spelling.of(name));
            reader.problem(self.fields.location(), format!("`{of}` lacks `{name}`"));
        }
        node
    }

    pub(super) fn spelled(&self, name: &str) -> String {
        self.spelling.of(name)
    }
}

//! The operations of a map. A closed set.

/// An operation on an instrumented map, under the name of papaya's method.
///
/// Exhaustive, so that the SDK handles every operation; see [Compatibility](crate#compatibility).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// `get`
    Get,
    /// `get_key_value`
    GetKeyValue,
    /// `contains_key`
    ContainsKey,
    /// `insert`
    Insert,
    /// `try_insert`
    TryInsert,
    /// `get_or_insert`, `get_or_insert_with`
    GetOrInsert,
    /// `try_get_or_insert_with` and the loads of a single flight: an operation with a fallible loader in it
    Load,
    /// `update`, `try_update`
    Update,
    /// `update_or_insert`, `update_or_insert_with`
    UpdateOrInsert,
    /// `compute`
    Compute,
    /// `remove`, `remove_entry`
    Remove,
    /// `remove_if`
    RemoveIf,
    /// `retain`, one event a call
    Retain,
    /// `clear`
    Clear,
    /// `iter`, `keys`, `values`: one event a call
    Iter,
    /// `len`, `is_empty`
    Len,
    /// `reserve`
    Reserve,
}

impl Op {
    /// Every operation, in the order of their declaration.
    pub const ALL: [Self; 17] = [
        Self::Get,
        Self::GetKeyValue,
        Self::ContainsKey,
        Self::Insert,
        Self::TryInsert,
        Self::GetOrInsert,
        Self::Load,
        Self::Update,
        Self::UpdateOrInsert,
        Self::Compute,
        Self::Remove,
        Self::RemoveIf,
        Self::Retain,
        Self::Clear,
        Self::Iter,
        Self::Len,
        Self::Reserve,
    ];

    /// Returns the value of the attribute `mapwarden.op`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::GetKeyValue => "get_key_value",
            Self::ContainsKey => "contains_key",
            Self::Insert => "insert",
            Self::TryInsert => "try_insert",
            Self::GetOrInsert => "get_or_insert",
            Self::Load => "load",
            Self::Update => "update",
            Self::UpdateOrInsert => "update_or_insert",
            Self::Compute => "compute",
            Self::Remove => "remove",
            Self::RemoveIf => "remove_if",
            Self::Retain => "retain",
            Self::Clear => "clear",
            Self::Iter => "iter",
            Self::Len => "len",
            Self::Reserve => "reserve",
        }
    }
}

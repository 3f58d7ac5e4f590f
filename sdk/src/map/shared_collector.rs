//! Makes every call of papaya's `shared_collector` a compile error with the reason.

/// A collector that maps can share soundly. No type implements it.
#[diagnostic::on_unimplemented(
    message = "`shared_collector` is not offered: when one of the maps is dropped, papaya frees entries that guards of \
               the others still protect (papaya #102)",
    label = "a collector cannot be shared between maps",
    note = "use `collector` and give each map a collector of its own",
    note = "until https://github.com/ibraheemdev/papaya/issues/102 is resolved, safe code could read freed memory"
)]
pub trait SharedCollector {
    /// Returns any type, since no value can be passed.
    fn never<T>(self) -> T;
}

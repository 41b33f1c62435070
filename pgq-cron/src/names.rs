//! The names of the time zones, for those who only check them.

/// One name a line, in their order.
const NAMES: &str = include_str!("zones.txt");

/// The names of all time zones in the IANA database, such as `Europe/Berlin`, in their order.
///
/// They are those that `Zone::parse` accepts, without the rules of the zones.
pub fn zone_names() -> impl Iterator<Item = &'static str> {
    NAMES.lines()
}

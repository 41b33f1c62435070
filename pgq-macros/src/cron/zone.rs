//! The names of time zones.

use pgq_cron::zone_names;

use crate::suggest;

/// Why no time zone has that name; `None` if one has.
pub(super) fn problem(name: &str) -> Option<String> {
    if zone_names().any(|known| known == name) {
        return None;
    }
    let meant = match closest(name) {
        Some(zone) => format!("did you mean `{zone}`? "),
        None => String::new(),
    };
    Some(format!(
        "is not a time zone; {meant}write a name of the IANA database, such as `\"Europe/Berlin\"` or \
         `\"UTC\"`"
    ))
}

/// The zone that was probably meant: by its name in another case, by its city, or misspelled.
fn closest(given: &str) -> Option<&'static str> {
    let spelled = given.replace([' ', '-'], "_");
    let by_name = zone_names().find(|zone| zone.eq_ignore_ascii_case(&spelled));
    let by_city = || zone_names().find(|zone| city(zone).eq_ignore_ascii_case(&spelled));
    if let Some(zone) = by_name.or_else(by_city) {
        return Some(zone);
    }
    if given.contains('/') {
        return suggest::closest(&spelled, zone_names());
    }
    // Abbreviations such as `PST` are all alike.
    if given.len() < 5 {
        return None;
    }
    let city_meant = suggest::closest(&spelled, zone_names().map(city))?;
    zone_names().find(|zone| city(zone) == city_meant)
}

/// The last part of the name.
fn city(zone: &str) -> &str {
    zone.rsplit('/').next().unwrap_or(zone)
}

#[cfg(test)]
mod tests {
    use super::{closest, problem};

    #[test]
    fn a_zone_that_exists_is_no_problem() {
        for name in [
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Ushuaia",
            "Etc/GMT+1",
        ] {
            assert_eq!(problem(name), None);
        }
    }

    #[test]
    fn the_zone_that_was_meant_is_found() {
        for (given, meant) in [
            ("Europe/Berln", Some("Europe/Berlin")),
            ("europe/berlin", Some("Europe/Berlin")),
            ("Berlin", Some("Europe/Berlin")),
            ("New York", Some("America/New_York")),
            ("Singapor", Some("Asia/Singapore")),
            ("America/NewYork", Some("America/New_York")),
            ("utc", Some("UTC")),
            ("PST", None),
            ("+02:00", None),
            ("", None),
        ] {
            assert_eq!(closest(given), meant, "{given}");
        }
    }
}

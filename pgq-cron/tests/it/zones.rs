//! Which zones there are.

use chrono_tz::TZ_VARIANTS;
use pgq_cron::{Zone, zone_names};

#[test]
fn the_names_are_those_of_the_database_in_their_order() {
    let mut known: Vec<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
    known.sort_unstable();

    assert_eq!(zone_names().collect::<Vec<_>>(), known);
    for name in zone_names() {
        let zone = Zone::parse(name).unwrap();
        assert_eq!((zone.name(), zone.to_string()), (name, name.to_owned()));
    }
}

#[test]
fn a_name_that_no_zone_has_is_refused() {
    for name in [
        "",
        "europe/berlin",
        "Europe/Berln",
        "CEST",
        "+02:00",
        "UTC ",
    ] {
        let error = Zone::parse(name).unwrap_err();

        assert!(
            error
                .to_string()
                .starts_with(&format!("`{name}` is not a time zone")),
            "{error}"
        );
    }
}

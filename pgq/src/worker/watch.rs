//! Looks at the health of the storage: before the start all of it, later what changes by itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::config::LEASES_PER_WATCH;
use super::hub::limited;
use crate::driver::{Driver, DriverError, Finding, FindingCode, HealthCheck};

/// Looks at everything, and warns of what a worker can live with.
///
/// # Errors
///
/// Fails with every finding that it cannot live with, or if the storage cannot be asked.
pub(crate) async fn check_start(
    driver: &dyn Driver,
    check: HealthCheck,
) -> Result<(), DriverError> {
    let findings = limited(driver.check_health(check)).await?;
    if let Some(error) = DriverError::of_findings(&findings) {
        return Err(error);
    }
    findings.iter().for_each(warn);
    Ok(())
}

/// Looks about once a minute, for as long as it is polled, and warns once of each change.
pub(crate) async fn run(driver: Arc<dyn Driver>, lease: Duration) {
    let mut known = Known::default();
    loop {
        // Spread, so that the workers of a fleet do not all look at once.
        let pause = lease * LEASES_PER_WATCH;
        tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        let checked = limited(driver.check_health(HealthCheck::Running)).await;
        // If it cannot be asked, the other loops say so.
        if let Ok(findings) = checked {
            let (new, over) = known.change(&findings);
            new.into_iter().for_each(warn);
            for code in over {
                tracing::info!(code = code.as_str(), "the database is well again");
            }
        }
    }
}

fn warn(finding: &Finding) {
    let Finding {
        code,
        problem,
        advice,
        ..
    } = finding;
    tracing::warn!(code = code.as_str(), "{problem}; {advice}");
}

/// What has been said.
#[derive(Debug, Default)]
struct Known(BTreeSet<FindingCode>);

impl Known {
    /// Takes in what was found; returns what is new of it, and what is not the case any more.
    fn change<'a>(&mut self, findings: &'a [Finding]) -> (Vec<&'a Finding>, Vec<FindingCode>) {
        let found: BTreeSet<_> = findings.iter().map(|finding| finding.code).collect();
        let new = findings
            .iter()
            .filter(|finding| !self.0.contains(&finding.code))
            .collect();
        let over = self.0.difference(&found).copied().collect();
        self.0 = found;
        (new, over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_said_once_until_it_is_over() {
        let standby = [Finding::new(FindingCode::Standby, "it is a standby", "go")];
        let mut known = Known::default();
        let mut change = |findings: &[Finding]| {
            let (new, over) = known.change(findings);
            (new.len(), over)
        };

        assert_eq!(change(&standby), (1, vec![]));
        assert_eq!(change(&standby), (0, vec![]));
        assert_eq!(change(&[]), (0, vec![FindingCode::Standby]));
        assert_eq!(change(&[]), (0, vec![]));
        assert_eq!(change(&standby), (1, vec![]));
    }
}

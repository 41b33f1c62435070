//! The cron expressions of `pgq`.
/// Stub until the branch is merged.
#[derive(Clone, Debug)]
pub struct Expression;
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct ParseError;
impl Expression {
    /// x
    /// # Errors
    /// x
    pub fn parse(_: &str) -> Result<Self, ParseError> {
        Ok(Self)
    }
}

//! `pgq schedules delete`.

use clap::Args;
use serde::Serialize;

use super::{Name, found};
use crate::error::Failure;
use crate::session::Session;

/// Deletes a schedule; its jobs stay, those that wait included.
///
/// One that code has declared can be deleted once no worker lives whose code does. Until then, pause it.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pgq schedules delete report/7")]
pub(super) struct Delete {
    #[command(flatten)]
    name: Name,
}

#[derive(Serialize)]
struct Answer<'a> {
    name: &'a str,
    deleted: bool,
}

impl Delete {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let name = &self.name.name;
        found(session, self.name.handle().delete(&session.pgq).await).await?;
        let line = format!("schedule `{name}` is deleted");
        let answer = Answer {
            name,
            deleted: true,
        };
        session.output.answer(&answer, &line)
    }
}

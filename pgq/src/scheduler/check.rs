//! Reads inputs that somebody has given who does not know their tasks: before a schedule is made of them, and
//! before it ticks.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::fire::by_size;
use super::{Problem, Scheduler};
use crate::driver::{
    AskedInput, DriverError, InputAnswer, InputCheck, ScheduleVersion, StoredSchedule,
};
use crate::task::{TaskDescriptor, refusal};
use crate::worker::{limited, report};

/// How many questions are read at once: their inputs may be large.
const QUESTIONS: usize = 8;

/// What this build of a task makes of an input.
fn answer_of(task: &TaskDescriptor, input: &[u8]) -> InputAnswer {
    match refusal(task, input) {
        None => InputAnswer::Taken(task.fingerprint()),
        Some(problem) => InputAnswer::Refused(problem),
    }
}

impl Scheduler {
    /// Reads the inputs of those of which it is not known whether this build takes them, and takes note of that
    /// for everybody. Returns the names of those that it does not tick now: as it does not take their input,
    /// which is noted and told, or as that is still to be found out.
    pub(super) async fn check(
        &mut self,
        stored: &[StoredSchedule],
        now: DateTime<Utc>,
        problem: &mut Problem,
    ) -> HashSet<String> {
        let unread = stored.iter().filter(|stored| self.is_unread(stored));
        let mut batches = by_size(unread.collect(), |stored| stored.input_bytes);
        let mut left_out = HashSet::new();
        while let Some(mut batch) = batches.pop() {
            match self.check_those(&batch, now).await {
                Ok(names) => left_out.extend(names),
                // Until the one is alone that fails.
                Err(error) if batch.len() > 1 && !error.is_transient() => {
                    let half = batch.split_off(batch.len() / 2);
                    batches.extend([half, batch]);
                }
                Err(error) => {
                    for one in batch {
                        let name = &one.schedule.name;
                        self.hold(name, now);
                        left_out.insert(name.clone());
                    }
                    problem.note_unless_its_own(error, "failed to check the input of a schedule");
                }
            }
        }
        left_out
    }

    /// Answers what others want to know about inputs of the tasks that this build knows. What fails for the moment
    /// is tried again with the next look; nothing else depends on it.
    pub(super) async fn answer_questions(&mut self) {
        let last = self.last_question;
        if last <= self.answered {
            return;
        }
        let mut after = self.answered;
        loop {
            let asked = self.driver.asked_inputs(&self.tasks, after, QUESTIONS);
            let answered = match limited(asked).await {
                Ok(asked) => self.answer_those(&asked).await.map(|()| asked),
                Err(error) => Err(error),
            };
            match answered {
                Ok(asked) if asked.len() == QUESTIONS => {
                    after = asked.last().map_or(last, |one| one.question);
                }
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(error = %report(&error), "failed to answer questions about inputs");
                    if error.is_transient() {
                        return;
                    }
                    break;
                }
            }
        }
        self.answered = last;
    }

    async fn answer_those(&self, asked: &[AskedInput]) -> Result<(), DriverError> {
        for one in asked {
            let Some(task) = self.registry.task(&one.task) else {
                continue;
            };
            let answer = answer_of(task, &one.input);
            match limited(self.driver.answer_input(one.question, &answer)).await {
                Err(error) if !error.is_transient() => {
                    tracing::warn!(error = %report(&error), "failed to answer a question about an input");
                }
                answered => answered?,
            }
        }
        Ok(())
    }

    /// Whether it is not known if this build takes the input of a schedule.
    fn is_unread(&self, stored: &StoredSchedule) -> bool {
        let Some(task) = self.registry.task(&stored.schedule.task) else {
            return false;
        };
        let is_unsaid = stored.made && stored.schedule.template.fingerprint.is_none();
        is_unsaid && !stored.takes.contains(&task.fingerprint())
    }

    async fn check_those(
        &mut self,
        unread: &[&StoredSchedule],
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, DriverError> {
        let versions: Vec<ScheduleVersion<'_>> =
            unread.iter().map(|stored| stored.version()).collect();
        let inputs = limited(self.driver.schedule_inputs(&versions)).await?;
        let mut left_out = Vec::new();
        let mut checks = Vec::new();
        for (stored, input) in unread.iter().zip(inputs) {
            let name = &stored.schedule.name;
            match (self.registry.task(&stored.schedule.task), input) {
                (Some(task), Some(read)) => checks.push(InputCheck {
                    schedule: stored.version(),
                    answer: answer_of(task, &read.input),
                }),
                // It is not what it was when it was looked at, which is told.
                _ => left_out.push(name.clone()),
            }
        }
        let noted = limited(self.driver.note_checks(&checks)).await?;
        for (check, is_noted) in checks.iter().zip(noted) {
            let ScheduleVersion { name, revision } = check.schedule;
            match &check.answer {
                _ if !is_noted => self.hold(name, now),
                InputAnswer::Taken(_) => continue,
                InputAnswer::Refused(problem) => {
                    tracing::warn!(
                        schedule = name,
                        problem,
                        "the task of the schedule does not take its input, so this worker does not tick it; \
                         edit its input"
                    );
                    self.agenda.set(name, revision, None);
                }
            }
            left_out.push(name.to_owned());
        }
        Ok(left_out)
    }
}

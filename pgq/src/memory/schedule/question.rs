//! Questions about inputs.

use std::ops::Bound;

use chrono::{DateTime, TimeDelta, Utc};

use super::Schedules;
use crate::driver::{AskedInput, InputAnswer, Wake};
use crate::memory::store::Store;

/// For how long one is kept that nobody has forgotten, at least.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// Somebody wants to know whether a task takes an input.
#[derive(Debug)]
pub(super) struct Question {
    task: String,
    input: Vec<u8>,
    asked_at: DateTime<Utc>,
    answer: Option<InputAnswer>,
}

impl Schedules {
    /// The number of the last question.
    pub(super) fn asked(&self) -> i64 {
        let last = self.questions.last_key_value();
        last.map_or(0, |(number, _)| *number)
    }
}

impl Store {
    pub(super) fn ask_input(&mut self, task: &str, input: &[u8], now: DateTime<Utc>) -> i64 {
        let is_new = |question: &Question| now - question.asked_at < KEPT;
        self.schedules
            .questions
            .retain(|_, question| is_new(question));
        self.schedules.revision += 1;
        let number = self.schedules.revision;
        let question = Question {
            task: task.to_owned(),
            input: input.to_vec(),
            asked_at: now,
            answer: None,
        };
        self.schedules.questions.insert(number, question);
        self.wake(Wake::Directives);
        number
    }

    pub(super) fn asked_inputs(
        &self,
        tasks: &[String],
        after: i64,
        limit: usize,
    ) -> Vec<AskedInput> {
        let is_open =
            |question: &Question| question.answer.is_none() && tasks.contains(&question.task);
        let later = (Bound::Excluded(after), Bound::Unbounded);
        let questions = self.schedules.questions.range(later);
        let open = questions.filter(|(_, question)| is_open(question));
        let asked = open.take(limit).map(|(&number, question)| AskedInput {
            question: number,
            task: question.task.clone(),
            input: question.input.clone(),
        });
        asked.collect()
    }

    pub(super) fn answer_input(&mut self, question: i64, answer: &InputAnswer) {
        if let Some(question) = self.schedules.questions.get_mut(&question) {
            question.answer.get_or_insert_with(|| answer.clone());
        }
    }

    pub(super) fn input_answer(&self, question: i64) -> Option<InputAnswer> {
        let question = self.schedules.questions.get(&question);
        question.and_then(|question| question.answer.clone())
    }

    pub(super) fn forget_input(&mut self, question: i64) {
        self.schedules.questions.remove(&question);
    }
}

//! What the code says of its tasks, for those who enqueue their jobs without it.

use crate::driver::DeclaredTask;
use crate::task::{Registry, TaskDescriptor};

/// What is declared of each task.
pub(crate) fn declared_tasks(registry: &Registry) -> Vec<DeclaredTask> {
    registry.tasks().map(declared).collect()
}

fn declared(task: &TaskDescriptor) -> DeclaredTask {
    let options = task.options();
    let unique = options.unique.unwrap_or_default();
    DeclaredTask {
        names: task.names().map(str::to_owned).collect(),
        key_name: task.key_name().to_owned(),
        queue: options.queue.to_owned(),
        priority: options.priority,
        max_attempts: options.max_attempts,
        delay: options.delay,
        expires: options.expires,
        input_max: options.input_max,
        tags: options.tags.iter().map(|&tag| tag.to_owned()).collect(),
        unique_within: unique.within,
        conflict: unique.conflict,
    }
}

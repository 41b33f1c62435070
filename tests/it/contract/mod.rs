//! Contracts: what queued jobs hold, and what becomes of them when the code is edited.

mod edits;
mod lock;
mod worker;

use std::marker::PhantomData;

use pgq::{Context, Input, Registration, Registry, Source, Task, TaskDescriptor, TaskError};
use serde::{Deserialize, Serialize};

/// A task in one of its versions, by its input.
struct Send<I>(PhantomData<I>);

impl<I: Input + Version> Task for Send<I> {
    const NAME: &'static str = "send";
    type Input = I;
    type Output = String;

    async fn run(_: &Context, input: I) -> Result<String, TaskError> {
        Ok(input.to())
    }
}

trait Version {
    fn to(self) -> String;
}

macro_rules! version {
    ($name:ident { $($field:ident: $type:ty),* }, $to:expr) => {
        #[derive(Serialize, Deserialize)]
        struct $name {
            $($field: $type,)*
        }

        impl Version for $name {
            fn to(self) -> String {
                let to: fn(Self) -> String = $to;
                to(self)
            }
        }
    };
}

version!(First { to: String }, |input| input.to);
version!(WithCopy { to: String, cc: Option<String> }, |input| {
    format!("{} {}", input.to, input.cc.unwrap_or_default())
});
version!(WithNumber { to: u64 }, |input| input.to.to_string());
version!(
    WithSubject {
        to: String,
        subject: String
    },
    |input| { format!("{} {}", input.to, input.subject) }
);

/// The tasks of a build that has only this version.
fn build<I: Input + Version>() -> Registry {
    registry::<Send<I>>()
}

fn registry<T: Task>() -> Registry {
    let mut registry = Registry::new();
    let source = Source {
        file: file!(),
        line: line!(),
    };
    registry.add(Registration::Task(TaskDescriptor::of::<T>(source)));
    registry
}

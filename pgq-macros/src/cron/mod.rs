//! `#[pgq::cron]`: a task, and a schedule that enqueues it.

mod args;
mod dates;
mod expand;
mod input;
mod policy;
mod timing;
mod zone;

use proc_macro2::TokenStream;
use quote::quote;

use self::args::Args;
use self::dates::Dates;
use self::expand::Schedule;
use self::policy::Policy;
use self::timing::Timing;
use crate::diagnostics::Diagnostics;
use crate::function;
use crate::task::{self, Options, Shape};

pub(crate) fn expand(tokens: &TokenStream, item: TokenStream) -> TokenStream {
    if let Some(error) = function::another_task(&item) {
        return quote!(#item #error);
    }
    let mut diagnostics = Diagnostics::default();
    let args = Args::parse(tokens.clone(), &mut diagnostics);
    let again = || task::again(&args.task, &quote!(cron), tokens);
    let timing = Timing::new(&args, &mut diagnostics);
    let dates = Dates::new(&args, timing.as_ref(), &mut diagnostics);
    let policy = Policy::new(&args, &mut diagnostics);
    task::finish(item, again, diagnostics, |function, diagnostics| {
        let options = Options::new(&args.task, function, diagnostics);
        refuse_options(&args.task, diagnostics);
        let Some(shape) = Shape::new(function, &options, diagnostics) else {
            return task::stub(&options, function);
        };
        let values = args.values.of(&shape, diagnostics);
        match (timing, values) {
            (Some(timing), Some(values)) => Schedule {
                timing,
                dates,
                policy,
                values,
            }
            .code(&options, &shape),
            _ => task::code(&options, &shape, None),
        }
    })
}

/// Options of a task that a schedule cannot have.
const REFUSED: [(&str, &str); 4] = [
    (
        "aliases",
        "a schedule that was renamed would tick twice while both builds run; give it its old name \
         with `name` instead of `aliases`",
    ),
    (
        "batch",
        "a schedule has one job at each tick; remove `batch`",
    ),
    (
        "delay",
        "a job of a schedule starts at its tick; remove `delay`",
    ),
    (
        "register",
        "a schedule is registered together with its task; remove `register`",
    ),
];

fn is_refused(option: &str) -> bool {
    REFUSED.iter().any(|(refused, _)| *refused == option)
}

fn refuse_options(args: &task::Args, diagnostics: &mut Diagnostics) {
    for (option, message) in REFUSED {
        if let Some(span) = args.span(option) {
            diagnostics.push(syn::Error::new(span, message));
        }
    }
}

//! `#[pgq::cron]`: a task, and a schedule that enqueues it.

mod args;

use pgq_cron::Expression;
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::LitStr;

use self::args::Args;
use crate::diagnostics::Diagnostics;
use crate::task::{self, Options, Shape};

pub(crate) fn expand(tokens: &TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let args = Args::parse(tokens.clone(), &mut diagnostics);
    let again = || task::again(&args.task, &quote!(cron), tokens);
    let expression = args
        .expression
        .clone()
        .and_then(|lit| diagnostics.ok(check_expression(lit)));
    task::finish(item, again, diagnostics, |function, diagnostics| {
        let options = Options::new(&args.task, function, diagnostics);
        refuse_options(&args.task, diagnostics);
        let Some(shape) = Shape::new(function, &options, diagnostics) else {
            return task::stub(&options, function);
        };
        let has_input = diagnostics.ok(check_input(&shape)).is_none();
        let schedule = expression
            .filter(|_| !has_input)
            .map(|expression| schedule(&options, &shape, &expression));
        task::code(&options, &shape, schedule.as_ref())
    })
}

/// Options of a task that mean nothing for a schedule.
const REFUSED: [(&str, &str); 2] = [
    (
        "delay",
        "a job of a schedule starts at its tick; remove `delay`",
    ),
    (
        "register",
        "a schedule is registered together with its task; remove `register`",
    ),
];

fn refuse_options(args: &task::Args, diagnostics: &mut Diagnostics) {
    for (option, message) in REFUSED {
        if let Some(span) = args.span(option) {
            diagnostics.push(syn::Error::new(span, message));
        }
    }
}

fn check_expression(lit: LitStr) -> syn::Result<LitStr> {
    match Expression::parse(&lit.value()) {
        Ok(_) => Ok(lit),
        Err(error) => {
            let message = format!("not a cron expression: {error}");
            Err(syn::Error::new(lit.span(), message))
        }
    }
}

/// A tick has no input to give.
fn check_input(shape: &Shape<'_>) -> syn::Result<()> {
    let errors = shape.owned().map(|(ident, _)| {
        let message = format!(
            "a scheduled task starts without input, so nothing can be given for `{ident}`; compute \
             it in the body, or take it as `&T`: state that `run()` is given"
        );
        syn::Error::new(ident.span(), message)
    });
    let all = errors.reduce(|mut all, error| {
        all.combine(error);
        all
    });
    all.map_or(Ok(()), Err)
}

fn schedule(options: &Options, shape: &Shape<'_>, expression: &LitStr) -> TokenStream {
    let private = options.private(Span::call_site());
    let name = &shape.function.sig.ident;
    let source = task::source(&private, name);
    quote! {
        #private::inventory::submit! {
            #private::Registration::Schedule(#private::ScheduleDescriptor::of::<#name>(
                #expression,
                || #private::InputWriter::new(0u8).finish(),
                #source,
            ))
        }
    }
}

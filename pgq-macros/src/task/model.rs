//! A task that is known to be valid: [`expand`](super::expand) cannot fail.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Expr, Path, Type, parse_quote};

use super::args::Args;
use super::parameter::Parameter;
use super::retain::Retain;
use super::signature;
use crate::diagnostics::Diagnostics;
use crate::function::Function;
use crate::{literal, path};

pub(crate) const ATTEMPTS_MAX: i16 = 1000;
pub(crate) const PRIORITY_MAX: i16 = 9;

/// The options of a task. Those that are `None` are left to the library's defaults.
pub(crate) struct Options {
    /// Where the library is found, if not at `::pgq`.
    krate: Option<Path>,
    pub(crate) name: String,
    pub(crate) queue: Option<String>,
    pub(crate) priority: Option<i16>,
    pub(crate) max_attempts: Option<i16>,
    pub(crate) timeout: Option<Duration>,
    /// In bytes.
    pub(crate) input_max: Option<u32>,
    pub(crate) retain: Option<Times>,
}

/// How long what is left of jobs is kept.
pub(crate) struct Times {
    pub(crate) completed: Option<Duration>,
    pub(crate) failed: Option<Duration>,
    pub(crate) result: Option<Duration>,
}

/// The fn of a task, taken apart.
pub(crate) struct Shape<'a> {
    pub(crate) function: &'a Function,
    pub(crate) parameters: Vec<Parameter<'a>>,
    pub(crate) output: Type,
}

impl Options {
    /// Reports what is wrong, and goes on as if it had not been written.
    pub(crate) fn new(args: &Args, function: &Function, diagnostics: &mut Diagnostics) -> Self {
        let mut check = Check(diagnostics);
        let krate = check.option("crate", args.krate.as_ref(), path::parse);
        let name = check.option("name", args.name.as_ref(), literal::name);
        let own_name = function.name();
        if args.name.is_none()
            && let Some(problem) = literal::name_problem(&own_name)
        {
            let message = format!("the name of a task {problem}; give it one with `name = \"…\"`");
            check
                .0
                .push(syn::Error::new(function.sig.ident.span(), message));
        }
        Self {
            krate,
            name: name.unwrap_or(own_name),
            queue: check.option("queue", args.queue.as_ref(), literal::name),
            priority: check.option("priority", args.priority.as_ref(), |value| {
                literal::number(value, &(0..=PRIORITY_MAX))
            }),
            max_attempts: check.option("max_attempts", args.max_attempts.as_ref(), |value| {
                literal::number(value, &(1..=ATTEMPTS_MAX))
            }),
            timeout: check.option("timeout", args.timeout.as_ref(), literal::duration),
            retain: args.retain.as_ref().map(|retain| check.times(retain)),
            input_max: check.option("input_max", args.input_max.as_ref(), literal::size),
        }
    }
}

impl Options {
    /// The module that generated code names things of. What the compiler says about them, it says
    /// at `span`.
    pub(crate) fn private(&self, span: Span) -> TokenStream {
        let default = || quote_spanned!(span=> ::pgq::__private);
        self.krate.as_ref().map_or_else(default, |krate| {
            path::located(quote!(#krate::__private), span)
        })
    }
}

struct Check<'a>(&'a mut Diagnostics);

impl Check<'_> {
    fn option<T>(
        &mut self,
        option: &str,
        value: Option<&Expr>,
        parse: impl FnOnce(&Expr) -> Result<T, String>,
    ) -> Option<T> {
        let value = value?;
        let parsed = parse(value)
            .map_err(|problem| syn::Error::new_spanned(value, format!("`{option}` {problem}")));
        self.0.ok(parsed)
    }
}

impl Check<'_> {
    fn times(&mut self, retain: &Retain) -> Times {
        let times = Times {
            completed: self.option("completed", retain.completed.as_ref(), literal::retention),
            failed: self.option("failed", retain.failed.as_ref(), literal::retention),
            result: self.option("result", retain.result.as_ref(), literal::retention),
        };
        if let (Some(completed), Some(result)) = (times.completed, times.result)
            && result > completed
        {
            let message = "`result` must not be longer than `completed`: a result is found by its \
                           job";
            self.0
                .push(syn::Error::new_spanned(&retain.result, message));
        }
        times
    }
}

impl<'a> Shape<'a> {
    /// Returns `None` if the fn cannot be a task; then it reported why.
    pub(crate) fn new(function: &'a Function, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut valid = true;
        for error in signature::problems(&function.sig) {
            diagnostics.push(error);
            valid = false;
        }
        let parameters: Vec<_> = function
            .arguments()
            .map(|argument| diagnostics.ok(Parameter::new(argument)))
            .collect();
        for error in signature::repeated(function) {
            diagnostics.push(error);
            valid = false;
        }
        let parameters = parameters.into_iter().collect::<Option<Vec<_>>>();
        let output = diagnostics.ok(signature::output(&function.sig));
        Some(Self {
            function,
            parameters: parameters.filter(|_| valid)?,
            output: output?,
        })
    }

    /// The parameters that form the input.
    pub(crate) fn owned(&self) -> impl Iterator<Item = (&'a syn::Ident, &'a Type)> {
        self.parameters
            .iter()
            .filter_map(|parameter| match parameter {
                Parameter::Owned { ident, ty } => Some((*ident, *ty)),
                Parameter::Injected { .. } => None,
            })
    }
}

/// `()`, as a type.
pub(crate) fn unit() -> Type {
    parse_quote!(())
}

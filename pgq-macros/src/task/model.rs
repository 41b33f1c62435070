//! A task that is known to be valid: [`expand`](super::expand) cannot fail.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Path, Type, parse_quote};

use super::args::Args;
use super::check::Check;
use super::helper::Helpers;
use super::options::backoff::Backoff;
use super::options::batch::Batch;
use super::options::concurrency::Concurrency;
use super::options::durability::Durability;
use super::options::rate::Rate;
use super::options::retain::Retain;
use super::options::unique::Unique;
use super::parameter::Parameter;
use super::{signature, types};
use crate::diagnostics::Diagnostics;
use crate::function::Function;
use crate::{literal, path};

pub(crate) const ATTEMPTS_MAX: i16 = 1000;
pub(crate) const PRIORITY_MAX: i16 = 9;
const TAGS_MAX: usize = 16;

/// The options of a task. Those that are `None` are left to the library's defaults.
pub(crate) struct Options {
    /// Where the library is found, if not at `::pgq`.
    krate: Option<Path>,
    /// Whether it is a plain fn; the span is of the option.
    pub(crate) blocking: Option<Span>,
    /// Where the option `batch` is: a call is given the input of many jobs.
    pub(crate) batch_span: Option<Span>,
    pub(crate) batch: Option<Batch>,
    pub(crate) name: String,
    /// Where the name is written.
    pub(crate) name_span: Span,
    pub(crate) aliases: Vec<String>,
    /// Whether the task registers itself.
    pub(crate) register: bool,
    pub(crate) queue: Option<String>,
    pub(crate) priority: Option<i16>,
    pub(crate) max_attempts: Option<i16>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) delay: Option<Duration>,
    pub(crate) retain: Option<Retain>,
    /// In bytes.
    pub(crate) input_max: Option<u32>,
    pub(crate) durability: Option<Durability>,
    pub(crate) expires: Option<Duration>,
    pub(crate) unique: Option<Unique>,
    pub(crate) concurrency: Option<Concurrency>,
    /// Parameters; empty if jobs have no order.
    pub(crate) ordered_by: Vec<String>,
    pub(crate) rate: Option<Rate>,
    pub(crate) tags: Vec<String>,
}

/// The fn of a task, taken apart.
pub(crate) struct Shape<'a> {
    pub(crate) function: &'a Function,
    pub(crate) parameters: Vec<Parameter<'a>>,
    /// Whether a call is given the input of many jobs. The type of the parameter is then that of one.
    pub(crate) is_batch: bool,
    pub(crate) output: Type,
}

impl Options {
    /// Reports what is wrong, and goes on as if it had not been written.
    pub(crate) fn new(args: &Args, function: &Function, diagnostics: &mut Diagnostics) -> Self {
        let mut check = Check {
            args,
            function,
            diagnostics,
        };
        let name = name(&mut check);
        let options = Self {
            krate: check.option("crate", path::parse),
            blocking: args.span("blocking"),
            batch_span: args.span("batch"),
            batch: check.with("batch", Batch::new),
            name_span: args
                .value("name")
                .map_or_else(|| function.sig.ident.span(), Spanned::span),
            aliases: aliases(&mut check, &name),
            name,
            register: check.option("register", literal::boolean).unwrap_or(true),
            queue: check.option("queue", literal::name),
            priority: check.option("priority", |value| {
                literal::number(value, &(0..=PRIORITY_MAX))
            }),
            max_attempts: check.option("max_attempts", |value| {
                literal::number(value, &(1..=ATTEMPTS_MAX))
            }),
            timeout: check.option("timeout", literal::duration),
            backoff: check.with("backoff", Backoff::new),
            delay: check.option("delay", literal::duration),
            retain: check.with("retain", Retain::new),
            input_max: check.option("input_max", literal::size),
            durability: check.option("durability", Durability::parse),
            expires: check.option("expires", literal::duration),
            unique: check.with("unique", Unique::new),
            concurrency: check.with("concurrency", Concurrency::new),
            ordered_by: ordered_by(&mut check),
            rate: check.with("rate", Rate::new),
            tags: check.names("tags", |_| None),
        };
        options.check(&mut check);
        options
    }

    /// Checks what options say together.
    fn check(&self, check: &mut Check<'_>) {
        if let (Some(expires), Some(delay)) = (self.expires, self.delay)
            && expires <= delay
        {
            check.refuse(
                check.args.value("expires"),
                "`expires` must be longer than `delay`, or no job could start",
            );
        }
        if let (Some(span), Some(_)) = (self.batch_span, self.blocking) {
            check.diagnostics.push(syn::Error::new(
                span,
                "`batch` and `blocking` do not go together; remove one of them, or call the code that \
                 blocks with `tokio::task::spawn_blocking`",
            ));
        }
        let tags = check.args.value("tags").map(literal::peel);
        if let Some(Expr::Array(tags)) = tags
            && let Some(tag) = tags.elems.iter().nth(TAGS_MAX)
        {
            check.refuse(
                tag,
                format!("a task has at most {TAGS_MAX} tags; remove some"),
            );
        }
        if let Some(concurrency) = &self.concurrency
            && concurrency.has_key(&self.ordered_by)
        {
            check.refuse(
                check.args.value("ordered_by"),
                "jobs of one key run one at a time, so `concurrency` by the same parameters has no \
                 effect; remove one of them",
            );
        }
    }
}

fn name(check: &mut Check<'_>) -> String {
    let own = check.function.name();
    if check.args.value("name").is_none()
        && let Some(problem) = literal::name_problem(&own)
    {
        check.refuse(
            &check.function.sig.ident,
            format!("the name of a task {problem}; give it one with `name = \"…\"`"),
        );
    }
    check.option("name", literal::name).unwrap_or(own)
}

fn aliases(check: &mut Check<'_>, name: &str) -> Vec<String> {
    check.names("aliases", |alias| {
        (alias == name).then(|| {
            format!("`{name}` is the name of the task itself; `aliases` are names it had before")
        })
    })
}

fn ordered_by(check: &mut Check<'_>) -> Vec<String> {
    let value = check.args.value("ordered_by");
    value
        .map(|value| check.parameters("ordered_by", value))
        .unwrap_or_default()
}

impl Options {
    /// The module that generated code names things of. What the compiler says about them, it says
    /// at `span`.
    pub(crate) fn private(&self, span: Span) -> TokenStream {
        path::private(self.krate.as_ref(), span)
    }
}

impl<'a> Shape<'a> {
    /// Returns `None` if the fn cannot be a task; then it reported why.
    pub(crate) fn new(
        function: &'a Function,
        options: &Options,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let mut valid = true;
        for error in signature::problems(&function.sig, options.blocking) {
            diagnostics.push(error);
            valid = false;
        }
        let parameters: Vec<_> = function
            .arguments()
            .map(|argument| {
                let helpers = Helpers::new(&argument.attrs, diagnostics);
                diagnostics.ok(Parameter::new(argument, helpers))
            })
            .collect();
        for error in signature::repeated(function) {
            diagnostics.push(error);
            valid = false;
        }
        let is_batch = options.batch_span.is_some() && options.blocking.is_none();
        let parameters = parameters.into_iter().collect::<Option<Vec<_>>>();
        let parameters = match parameters {
            Some(parameters) if is_batch => diagnostics.ok(of_one_job(function, parameters)),
            parameters => parameters,
        };
        let output = diagnostics.ok(match is_batch {
            true => signature::batch_output(&function.sig),
            false => signature::output(&function.sig),
        });
        Some(Self {
            function,
            parameters: parameters.filter(|_| valid)?,
            is_batch,
            output: output?,
        })
    }

    /// The parameters that form the input.
    pub(crate) fn owned(&self) -> impl Iterator<Item = (&'a syn::Ident, &'a Type)> {
        self.parameters
            .iter()
            .filter_map(|parameter| match parameter {
                Parameter::Owned { ident, ty, .. } => Some((*ident, *ty)),
                Parameter::Injected { .. } => None,
            })
    }

    /// The names of the parameters whose values are shown nowhere.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.parameters
            .iter()
            .filter_map(|parameter| match parameter {
                Parameter::Owned {
                    ident,
                    secret: true,
                    ..
                } => Some(ident.unraw().to_string()),
                _ => None,
            })
            .collect()
    }
}

/// The parameters of a task that takes the input of many jobs, as they are for one job.
fn of_one_job<'a>(
    function: &Function,
    mut parameters: Vec<Parameter<'a>>,
) -> syn::Result<Vec<Parameter<'a>>> {
    for parameter in &parameters {
        if let Parameter::Injected { ty } = parameter {
            types::shared_by_jobs(ty)?;
        }
    }
    let mut inputs = parameters
        .iter_mut()
        .filter_map(|parameter| match parameter {
            Parameter::Owned { ident, ty, .. } => Some((*ident, ty)),
            Parameter::Injected { .. } => None,
        });
    let Some((_, ty)) = inputs.next() else {
        return Err(syn::Error::new_spanned(
            &function.sig.ident,
            "a task with the option `batch` takes the input of many jobs; give it a parameter, such \
             as `orders: Vec<Order>`",
        ));
    };
    *ty = types::item_of_vec(ty)?;
    if let Some((another, _)) = inputs.next() {
        return Err(syn::Error::new_spanned(
            another,
            "with the option `batch` one parameter is input; put what a job needs into one struct, \
             and take a `Vec` of that",
        ));
    }
    Ok(parameters)
}

/// `()`, as a type.
pub(crate) fn unit() -> Type {
    parse_quote!(())
}

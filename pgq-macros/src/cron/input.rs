//! The option `args(…)`: the input of each job of a schedule, by the names of parameters.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Expr, Ident, Pat, PatType, Token, Type, parenthesized};

use crate::diagnostics::Diagnostics;
use crate::suggest;
use crate::task::{self, Args as TaskArgs, Shape};

/// The values as written.
#[derive(Default)]
pub(crate) struct Values {
    /// Where the option is.
    given: Option<Span>,
    values: Vec<(Ident, Expr)>,
}

/// A value of a parameter.
pub(crate) struct Value<'a> {
    /// The constant that writes the parameter.
    pub(crate) constant: Ident,
    pub(crate) ty: &'a Type,
    pub(crate) value: &'a Expr,
}

impl Values {
    /// Reads what is between the parentheses, and reports what is wrong there.
    pub(super) fn read(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Self> {
        let content;
        let parentheses = parenthesized!(content in input);
        let mut values = Vec::new();
        if content.is_empty() {
            let message = "`args` needs a value for a parameter, such as `args(limit = 100)`";
            diagnostics.push(syn::Error::new(parentheses.span.join(), message));
        }
        while !content.is_empty() {
            let read = diagnostics.ok(value(&content));
            if read.is_some() && !content.is_empty() && !content.peek(Token![,]) {
                diagnostics.push(content.error("expected `,` between two values"));
            }
            values.extend(read);
            TaskArgs::skip_option(&content);
        }
        Ok(Self {
            given: Some(parentheses.span.join()),
            values,
        })
    }

    /// Whether the option is written.
    pub(super) fn are_given(&self) -> bool {
        self.given.is_some()
    }

    /// The values in the order of the parameters. A parameter that has none must do without.
    pub(super) fn of<'a>(
        &'a self,
        shape: &'a Shape<'a>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<Value<'a>>> {
        let problems: Vec<_> = self
            .wrong(shape)
            .into_iter()
            .chain(self.missing(shape))
            .collect();
        let valid = problems.is_empty();
        for problem in problems {
            diagnostics.push(problem);
        }
        let values = task::fields(shape).filter_map(|(constant, parameter, ty)| {
            let value = self.get(parameter)?;
            Some(Value {
                constant,
                ty,
                value,
            })
        });
        valid.then(|| values.collect())
    }

    fn get(&self, parameter: &Ident) -> Option<&Expr> {
        let mut values = self.values.iter();
        let (_, value) = values.find(|(name, _)| is_same(name, parameter))?;
        Some(value)
    }

    /// Names that are those of no parameter, or that are there twice.
    fn wrong(&self, shape: &Shape<'_>) -> Vec<syn::Error> {
        let parameters: Vec<String> = shape
            .owned()
            .map(|(name, _)| name.unraw().to_string())
            .collect();
        let known = || parameters.iter().map(String::as_str);
        let mut problems = Vec::new();
        for (index, (name, _)) in self.values.iter().enumerate() {
            let plain = name.unraw().to_string();
            let before = &self.values[..index];
            let message = if before.iter().any(|(other, _)| is_same(other, name)) {
                format!("`{plain}` is given twice; remove one of them")
            } else if known().any(|parameter| parameter == plain) {
                continue;
            } else if is_state(shape, name) {
                format!(
                    "`{plain}` is state that `run()` is given, not input; remove it from `args`"
                )
            } else if parameters.is_empty() {
                format!("the fn takes no input, so there is no parameter `{plain}`; remove it")
            } else {
                let (meant, list) = (suggest::meant(&plain, known()), suggest::list(known()));
                format!("no parameter of this name; {meant}the input is {list}")
            };
            problems.push(syn::Error::new(name.span(), message));
        }
        problems
    }

    /// Parameters that have no value, and cannot do without.
    fn missing(&self, shape: &Shape<'_>) -> Vec<syn::Error> {
        let arguments = shape.function.arguments();
        let needed = arguments.filter(|argument| !is_optional(argument));
        let needed: Vec<&Ident> = needed
            .filter_map(|argument| plain_name(&argument.pat))
            .collect();
        shape
            .owned()
            .map(|(parameter, _)| parameter)
            .filter(|parameter| needed.contains(parameter) && self.get(parameter).is_none())
            .map(|parameter| {
                let message = format!(
                    "a tick has no value for `{parameter}`; give one with `args({parameter} = …)`, or \
                     let it do without: `#[default]`, or an `Option`"
                );
                syn::Error::new(parameter.span(), message)
            })
            .collect()
    }
}

/// Reads `limit = 100`.
fn value(input: ParseStream<'_>) -> syn::Result<(Ident, Expr)> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected a parameter and its value, such as `limit = 100`"));
    }
    let name = input.call(Ident::parse_any)?;
    if !input.peek(Token![=]) {
        let message = format!("`{name}` needs a value, such as `{name} = 100`");
        return Err(syn::Error::new(name.span(), message));
    }
    input.parse::<Token![=]>()?;
    Ok((name, input.parse()?))
}

fn is_same(name: &Ident, other: &Ident) -> bool {
    name.unraw() == other.unraw()
}

/// Whether an input without the parameter is read: it has a default, or none is an answer.
fn is_optional(argument: &PatType) -> bool {
    let has_default = argument
        .attrs
        .iter()
        .any(|attr| attr.path().is_ident("default"));
    let is_option = match &*argument.ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Option"),
        _ => false,
    };
    has_default || is_option
}

fn plain_name(pat: &Pat) -> Option<&Ident> {
    match pat {
        Pat::Ident(pat) => Some(&pat.ident),
        _ => None,
    }
}

fn is_state(shape: &Shape<'_>, name: &Ident) -> bool {
    let arguments = shape.function.arguments();
    let mut names = arguments.filter_map(|argument| plain_name(&argument.pat));
    names.any(|argument| is_same(argument, name))
}

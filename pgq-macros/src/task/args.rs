//! The options of `#[pgq::task(…)]`, as written.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, Token, token};

use super::keys::{Key, Keys};
use super::options::{backoff, batch, concurrency, rate, retain, unique};
use crate::diagnostics::Diagnostics;
use crate::suggest;

/// Every option with an example of it.
const OPTIONS: [(&str, &str, Form); 21] = [
    ("aliases", "aliases = [\"old_name\"]", Form::Value),
    (
        "backoff",
        "backoff(exponential = \"1s\", max = \"1h\")",
        Form::Keys(&backoff::KEYS),
    ),
    (
        "batch",
        "batch(max = 100, wait = \"50ms\")",
        Form::Keys(&batch::KEYS),
    ),
    ("blocking", "blocking", Form::Word),
    (
        "concurrency",
        "concurrency = 10",
        Form::ValueOrKeys(&concurrency::KEYS),
    ),
    ("crate", "crate = my_jobs", Form::Value),
    ("delay", "delay = \"10m\"", Form::Value),
    ("durability", "durability = \"relaxed\"", Form::Value),
    ("expires", "expires = \"1h\"", Form::Value),
    ("input_max", "input_max = \"16MiB\"", Form::Value),
    ("max_attempts", "max_attempts = 5", Form::Value),
    ("name", "name = \"send_email\"", Form::Value),
    ("ordered_by", "ordered_by = [customer]", Form::Value),
    ("priority", "priority = 5", Form::Value),
    ("queue", "queue = \"mail\"", Form::Value),
    ("rate", "rate = \"100/m\"", Form::ValueOrKeys(&rate::KEYS)),
    ("register", "register = false", Form::Value),
    (
        "retain",
        "retain(completed = \"1d\")",
        Form::Keys(&retain::KEYS),
    ),
    ("tags", "tags = [\"billing\"]", Form::Value),
    ("timeout", "timeout = \"30s\"", Form::Value),
    (
        "unique",
        "unique(by = [customer])",
        Form::WordOrKeys(&unique::KEYS),
    ),
];

/// How an option may be written.
#[derive(Clone, Copy)]
enum Form {
    /// `blocking`
    Word,
    /// `queue = "mail"`
    Value,
    /// `retain(completed = "1d")`
    Keys(&'static [Key]),
    /// `rate = "100/m"`, or with keys.
    ValueOrKeys(&'static [Key]),
    /// `unique`, or with keys.
    WordOrKeys(&'static [Key]),
}

/// What is given for an option. It keeps its tokens, and so its span.
pub(crate) enum Given {
    Word,
    Value(Expr),
    Keys(Keys),
}

/// Each option that is given.
#[derive(Default)]
pub(crate) struct Args {
    given: BTreeMap<&'static str, (Span, Given)>,
}

impl Args {
    /// Reads what it can, and reports the rest.
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let parser = |input: ParseStream<'_>| Ok(Self::read(input, diagnostics));
        parser.parse2(tokens).unwrap_or_default()
    }

    /// The name of every option.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        OPTIONS.iter().map(|(option, ..)| *option)
    }

    /// Reads options to the end of the input.
    pub(crate) fn read(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut args = Self::default();
        while !input.is_empty() {
            let set = args.set(input, diagnostics);
            let read = diagnostics.ok(set).is_some();
            if read && !input.is_empty() && !input.peek(Token![,]) {
                diagnostics.push(input.error("expected `,` between two options"));
            }
            Self::skip_option(input);
        }
        args
    }

    /// Skips what is left of an option, and the comma after it, so that the next one is read.
    pub(crate) fn skip_option(input: ParseStream<'_>) {
        skip_value(input);
        let _ = input.parse::<Token![,]>();
    }

    /// What is given for `option`.
    pub(crate) fn get(&self, option: &str) -> Option<&Given> {
        self.given.get(option).map(|(_, given)| given)
    }

    /// Where `option` is given.
    pub(crate) fn span(&self, option: &str) -> Option<Span> {
        self.given.get(option).map(|(span, _)| *span)
    }

    /// The value that is given for `option`.
    pub(crate) fn value(&self, option: &str) -> Option<&Expr> {
        match self.get(option) {
            Some(Given::Value(value)) => Some(value),
            _ => None,
        }
    }

    fn set(&mut self, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected an option, such as `queue = \"mail\"`"));
        }
        let name = input.call(Ident::parse_any)?;
        let error = |message: String| {
            skip_value(input);
            Err(syn::Error::new(name.span(), message))
        };
        let known = OPTIONS.iter().find(|(option, ..)| name == option);
        let Some((option, example, form)) = known else {
            return error(unknown(&name.to_string()));
        };
        let Some(given) = form.read(option, input, diagnostics)? else {
            if let Form::Word = form {
                // It is meant, so nothing else is wrong for the lack of it.
                self.given.insert(option, (name.span(), Given::Word));
            }
            return error(form.wanted(option, example));
        };
        if self.given.contains_key(option) {
            return error(format!(
                "option `{option}` is given twice; remove one of them"
            ));
        }
        self.given.insert(option, (name.span(), given));
        Ok(())
    }
}

impl Form {
    /// Reads what stands after the name of `option`; `None` if it is not of this form.
    fn read(
        self,
        option: &'static str,
        input: ParseStream<'_>,
        diagnostics: &mut Diagnostics,
    ) -> syn::Result<Option<Given>> {
        match self {
            Self::Value | Self::ValueOrKeys(_) if input.peek(Token![=]) => {
                input.parse::<Token![=]>()?;
                Ok(Some(Given::Value(input.parse()?)))
            }
            Self::Keys(known) | Self::ValueOrKeys(known) | Self::WordOrKeys(known)
                if input.peek(token::Paren) =>
            {
                let keys = Keys::read(option, known, input, diagnostics)?;
                Ok(Some(Given::Keys(keys)))
            }
            Self::Word | Self::WordOrKeys(_) if input.is_empty() || input.peek(Token![,]) => {
                Ok(Some(Given::Word))
            }
            _ => Ok(None),
        }
    }

    /// How `option` is to be written, as a sentence.
    fn wanted(self, option: &str, example: &str) -> String {
        match self {
            Self::Word => format!("option `{option}` has no value; write `{example}`"),
            Self::Value | Self::ValueOrKeys(_) => {
                format!("option `{option}` needs a value, such as `{example}`")
            }
            Self::Keys(_) => {
                format!("option `{option}` is written with parentheses, as in `{example}`")
            }
            Self::WordOrKeys(_) => format!(
                "option `{option}` is written alone, or with parentheses, as in `{example}`"
            ),
        }
    }
}

fn unknown(given: &str) -> String {
    let meant = suggest::meant(given, Args::names());
    let options = suggest::list(Args::names());
    format!("unknown option; {meant}the options are {options}")
}

/// Skips what is left of a wrong option.
pub(super) fn skip_value(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}

//! Which types a task may take and return. What only the compiler knows, it checks later.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    GenericArgument, Lifetime, PathArguments, Type, TypeFnPtr, TypeImplTrait, TypeReference,
};

/// Removes what `macro_rules` and parentheses put around a type.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        _ => ty,
    }
}

/// The type that a reference injects.
pub(crate) fn injected(reference: &TypeReference) -> syn::Result<&Type> {
    let elem = peel(&reference.elem);
    if let Some(mutability) = &reference.mutability {
        let shown = display(elem);
        return Err(syn::Error::new_spanned(
            mutability,
            format!(
                "state is shared by all running tasks; take `&{shown}`, or `&Mutex<{shown}>` to \
                 change it"
            ),
        ));
    }
    if let Some(lifetime) = &reference.lifetime
        && lifetime.ident == "static"
    {
        let shown = display(elem);
        return Err(syn::Error::new_spanned(
            lifetime,
            format!(
                "shared state is borrowed while the task runs; take `&{shown}`, and put what must \
                 live longer into an `Arc`"
            ),
        ));
    }
    let instead = match elem {
        Type::Path(path) if path.path.is_ident("str") => {
            "input is stored, so it is owned; take `String`".to_owned()
        }
        Type::Slice(slice) => {
            let elem = display(&slice.elem);
            format!("input is stored, so it is owned; take `Vec<{elem}>`")
        }
        Type::TraitObject(_) => {
            let elem = display(elem);
            format!("shared state must have a size; take `&Arc<{elem}>`")
        }
        Type::Reference(inner) => {
            let elem = display(&inner.elem);
            format!("shared state is taken by one reference; take `&{elem}`")
        }
        _ => {
            check(elem, &|_| {
                "shared state lives as long as the program, so its type cannot borrow; use an \
                 owned type, or `'static`"
                    .to_owned()
            })?;
            return Ok(&reference.elem);
        }
    };
    Err(syn::Error::new_spanned(reference, instead))
}

/// Returns `true` for `&str` and `&[T]`, which mean input that is not owned.
pub(crate) fn is_borrowed_input(ty: &Type) -> bool {
    let Type::Reference(reference) = peel(ty) else {
        return false;
    };
    match peel(&reference.elem) {
        Type::Path(path) => path.path.is_ident("str"),
        Type::Slice(_) => true,
        _ => false,
    }
}

/// Checks the type of a part of the input.
pub(crate) fn owned(ty: &Type) -> syn::Result<()> {
    check(ty, &|borrowed| {
        format!(
            "input is stored, so it cannot hold {borrowed}; take an owned type here, and shared \
             state as a parameter `&T` of its own"
        )
    })
}

/// Checks a return type.
pub(crate) fn returned(ty: &Type) -> syn::Result<()> {
    if let Type::Never(_) = peel(ty) {
        return Err(syn::Error::new_spanned(
            ty,
            "a task must come to an end; return `()` or a `Result`",
        ));
    }
    if is_plain(peel(ty)) {
        let shown = display(ty);
        return Err(syn::Error::new_spanned(
            ty,
            format!(
                "a task returns `()`, or a `Result` that says whether it failed; return \
                 `Result<{shown}, E>`, where `E` is an error of yours or `anyhow::Error`"
            ),
        ));
    }
    result_type(ty)
}

/// Checks that what a task returns can be stored.
pub(crate) fn result_type(ty: &Type) -> syn::Result<()> {
    check(ty, &|borrowed| {
        format!(
            "the result of a task is stored, so it cannot hold {borrowed}; return an owned type"
        )
    })
}

/// `T` of a `Vec<T>`.
pub(crate) fn item_of_vec(ty: &Type) -> syn::Result<&Type> {
    let last = match peel(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    if let Some(last) = last
        && last.ident == "Vec"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let [GenericArgument::Type(item)] = arguments.args.iter().collect::<Vec<_>>()[..]
    {
        return Ok(item);
    }
    let shown = display(ty);
    Err(syn::Error::new_spanned(
        ty,
        format!(
            "with the option `batch` the input of many jobs comes together; take `Vec<{shown}>`"
        ),
    ))
}

/// Checks a type that is injected into a call for many jobs. One that has another name is found when a
/// worker starts.
pub(crate) fn shared_by_jobs(ty: &Type) -> syn::Result<()> {
    let last = match peel(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    match last {
        Some(last) if last.ident == "JobTransaction" => Err(syn::Error::new_spanned(
            ty,
            "with the option `batch` a call is of many jobs, and `JobTransaction` commits with one; \
             take `&sqlx::PgPool`, or remove `batch`",
        )),
        _ => Ok(()),
    }
}

/// Checks what a task returns for one job of many.
pub(crate) fn outcome_of_one(ty: &Type) -> syn::Result<()> {
    if !is_plain(peel(ty)) {
        return Ok(());
    }
    let shown = display(ty);
    Err(syn::Error::new_spanned(
        ty,
        format!(
            "with the option `batch` a `Result` says for each job whether it failed; return \
             `Vec<Result<{shown}, E>>`, where `E` is an error of yours or `pgq::TaskError`"
        ),
    ))
}

/// Returns `true` for the types that are known to be no `Result`. The compiler says so of others,
/// but it says it once for each fn that is made of the task.
fn is_plain(ty: &Type) -> bool {
    const PLAIN: [&str; 19] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16",
        "u32", "u64", "u128", "usize", "Option", "String", "Vec",
    ];

    match ty {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| PLAIN.iter().any(|plain| last.ident == plain))
        }
        Type::Tuple(tuple) => !tuple.elems.is_empty(),
        Type::Array(_) => true,
        _ => false,
    }
}

/// Refuses `impl Trait` and everything that borrows for less than `'static`.
fn check(ty: &Type, borrows: &dyn Fn(&str) -> String) -> syn::Result<()> {
    let mut finder = Finder {
        borrows,
        error: None,
    };
    finder.visit_type(ty);
    finder.error.map_or(Ok(()), Err)
}

struct Finder<'a> {
    borrows: &'a dyn Fn(&str) -> String,
    error: Option<syn::Error>,
}

impl Finder<'_> {
    fn refuse(&mut self, tokens: impl ToTokens, message: String) {
        let error = syn::Error::new_spanned(tokens, message);
        self.error.get_or_insert(error);
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        let shown = display(ty);
        let message = format!("a task cannot be generic, and `{shown}` is; name a type");
        self.refuse(ty, message);
    }

    fn visit_type_reference(&mut self, ty: &'ast TypeReference) {
        let is_static = ty.lifetime.as_ref().is_some_and(|l| l.ident == "static");
        if is_static {
            visit::visit_type(self, &ty.elem);
        } else {
            self.refuse(
                ty,
                (self.borrows)(&format!("the reference `{}`", display(ty))),
            );
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.refuse(
                lifetime,
                (self.borrows)(&format!("something of lifetime `{lifetime}`")),
            );
        }
    }

    // Lifetimes of a fn pointer are its own.
    fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}
}

/// The tokens as a person would write them.
pub(crate) fn display(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    write(tokens.to_token_stream(), &mut text);
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    use proc_macro2::Delimiter::{Brace, Bracket, None, Parenthesis};

    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Parenthesis => ("(", ")"),
                    Bracket => ("[", "]"),
                    Brace => ("{", "}"),
                    None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                ',' | ';' => text.extend([punct.as_char(), ' ']),
                '+' | '=' => text.extend([' ', punct.as_char(), ' ']),
                other => text.push(other),
            },
            word => {
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                if text.ends_with(is_word) {
                    text.push(' ');
                }
                text.push_str(&word.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::display;
    use quote::quote;

    #[test]
    fn tokens_are_shown_as_a_person_writes_them() {
        for (tokens, text) in [
            (quote!(dyn Mailer + Send), "dyn Mailer + Send"),
            (quote!(HashMap<String, Vec<u8>>), "HashMap<String, Vec<u8>>"),
            (quote!(&'a str), "&'a str"),
            (quote!([u8; 4]), "[u8; 4]"),
            (quote!(impl Iterator<Item = u8>), "impl Iterator<Item = u8>"),
            (quote!(std::sync::Arc<Mailer>), "std::sync::Arc<Mailer>"),
        ] {
            assert_eq!(display(tokens), text);
        }
    }
}

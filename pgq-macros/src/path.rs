//! Where the library is found: `crate = path`, else `::pgq`.

use syn::{Expr, Path, parse_quote};

use crate::literal;

/// The path of the library unless the attribute names another.
pub(crate) fn default() -> Path {
    parse_quote!(::pgq)
}

/// Reads the value of `crate`: a path, also as a string.
pub(crate) fn parse(value: &Expr) -> Result<Path, String> {
    let problem = || {
        "must be the path at which pgq is found, such as `my_jobs` or `::facade::pgq`".to_owned()
    };
    if let Some(lit) = literal::string(value) {
        return lit.parse_with(Path::parse_mod_style).map_err(|_| problem());
    }
    match literal::peel(value) {
        Expr::Path(expr) if expr.qself.is_none() => Ok(expr.path.clone()),
        _ => Err(problem()),
    }
}

//! The fingerprint of an input: which names and types it has, as they are written.

use quote::ToTokens;
use syn::ext::IdentExt;

use super::model::Shape;

/// FNV-1a over the list of `name:Type`, without whitespace.
pub(crate) fn fingerprint(shape: &Shape<'_>) -> i64 {
    let parameters: Vec<String> = shape
        .owned()
        .map(|(ident, ty)| format!("{}:{}", ident.unraw(), ty.to_token_stream()))
        .collect();
    fnv1a(&parameters.join(",")).cast_signed()
}

fn fnv1a(text: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    text.bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .fold(OFFSET, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        })
}

#[cfg(test)]
mod tests {
    use super::fnv1a;

    #[test]
    fn the_hash_is_fnv1a_without_whitespace() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fnv1a("to: Vec < u8 >"), fnv1a("to:Vec<u8>"));
    }
}

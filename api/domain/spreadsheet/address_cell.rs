//! The cell of an address, as mail programs fill it.

/// What stands in the cell of an address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AddressCell {
    /// The address, not trimmed.
    pub(super) address: String,
    /// The name of its owner, which mail programs copy with it: `Mira Muster <mira@x.example>` (RFC 5322,
    /// name-addr).
    pub(super) name: Option<String>,
}

impl AddressCell {
    pub(super) fn of(cell: &str) -> Self {
        match named(cell) {
            Some((name, address)) => Self {
                address: without_scheme(address).to_owned(),
                name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            },
            None => Self {
                address: without_scheme(cell).to_owned(),
                name: None,
            },
        }
    }
}

/// The name and the address, where the cell is both and nothing besides. Of two addresses in one cell, which it is
/// cannot be told.
fn named(cell: &str) -> Option<(&str, &str)> {
    let (name, address) = cell.trim().strip_suffix('>')?.split_once('<')?;
    let name = name.trim();
    let quoted = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    let is_one = |part: &str| !part.contains(['<', '>']);
    let is_named = is_one(address) && is_one(name) && !name.contains(['@', ';']);
    is_named.then(|| (quoted.unwrap_or(name).trim(), address))
}

/// An address as a link: `mailto:mira@x.example`.
fn without_scheme(address: &str) -> &str {
    const SCHEME: &str = "mailto:";
    let trimmed = address.trim();
    match trimmed.split_at_checked(SCHEME.len()) {
        Some((scheme, behind)) if scheme.eq_ignore_ascii_case(SCHEME) => behind,
        Some(_) | None => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_beside_the_name_of_its_owner() {
        for (cell, address, name) in [
            ("mira@x.example", "mira@x.example", None),
            (
                "Mira Muster <mira@x.example>",
                "mira@x.example",
                Some("Mira Muster"),
            ),
            (
                " \"Muster, Mira\" <mira@x.example> ",
                "mira@x.example",
                Some("Muster, Mira"),
            ),
            (
                "Muster, Mira<mira@x.example>",
                "mira@x.example",
                Some("Muster, Mira"),
            ),
            ("<mira@x.example>", "mira@x.example", None),
            ("mailto:mira@x.example", "mira@x.example", None),
            (
                "Mira <MAILTO:mira@x.example>",
                "mira@x.example",
                Some("Mira"),
            ),
        ] {
            let expected = AddressCell {
                address: address.to_owned(),
                name: name.map(str::to_owned),
            };
            assert_eq!(AddressCell::of(cell), expected, "{cell}");
        }
    }

    #[test]
    fn what_is_more_than_one_address_stays_as_it_is() {
        for cell in [
            "",
            "ben@x.example, Mira <mira@x.example>",
            "Ben <ben@x.example>; Mira <mira@x.example>",
            "Mira <mira@x.example",
            "mira@x.example>",
            "Mira <mira@x.example> (home)",
            "<<mira@x.example>>",
        ] {
            let expected = AddressCell {
                address: cell.to_owned(),
                name: None,
            };
            assert_eq!(AddressCell::of(cell), expected, "{cell}");
        }
    }
}

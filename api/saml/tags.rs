//! The tags of a document, looked at before it is parsed.
//!
//! The parser compares each attribute of an element with all others, and each namespace with all that are in scope:
//! without these limits a small document would keep it busy for minutes. It also takes a default namespace that is
//! declared twice. What is not well-formed may be read wrongly here, but not before the place where the parser stops.

use crate::saml::c14n::escape_attribute;

/// The most elements inside each other. What descends into a document relies on it.
const DEPTH: usize = 64;
/// The most attributes of one element, namespaces among them.
const ATTRIBUTES: usize = 64;
/// The most declarations of namespaces that are in scope at one place.
const NAMESPACES: usize = 64;
/// The most bytes of a name or a namespace. The parser tells where longer names end wrongly.
const LONGEST_NAME: usize = 256;

/// A start tag as it is written.
struct Tag<'a> {
    attributes: Vec<(&'a str, &'a str)>,
    is_empty: bool,
}

/// Checks the tags of a document.
///
/// # Errors
/// Words for what there is too much of, or what no document may have.
pub fn check(text: &str) -> Result<(), &'static str> {
    let mut rest = text;
    // How many namespaces each open element declares.
    let mut open: Vec<usize> = Vec::new();
    while let Some((_, markup)) = rest.split_once('<') {
        rest = if let Some(section) = markup.strip_prefix("![CDATA[") {
            behind(section, "]]>")
        } else if let Some(comment) = markup.strip_prefix("!--") {
            behind(comment, "-->")
        } else if markup.starts_with('!') {
            return Err("a document type declaration (DOCTYPE)");
        } else if let Some(instruction) = markup.strip_prefix('?') {
            behind(instruction, "?>")
        } else if let Some(end) = markup.strip_prefix('/') {
            open.pop();
            behind(end, ">")
        } else {
            let (tag, rest) = read(markup)?;
            enter(&tag, &mut open)?;
            rest
        };
    }
    Ok(())
}

fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

fn enter(tag: &Tag, open: &mut Vec<usize>) -> Result<(), &'static str> {
    let mut declared = 0;
    for (place, (name, value)) in tag.attributes.iter().enumerate() {
        let mut later = tag.attributes.iter().skip(place + 1);
        if later.any(|(other, _)| other == name) {
            return Err("an attribute or a namespace that is declared twice at one element");
        }
        if *name == "xmlns" || name.starts_with("xmlns:") {
            declared += 1;
            let is_undeclaration = value.is_empty() && *name == "xmlns";
            if !is_undeclaration && !is_absolute(value) {
                return Err("a namespace that is not an absolute URI of plain characters");
            }
        }
    }
    if declared + open.iter().sum::<usize>() > NAMESPACES {
        return Err("more than 64 namespaces at one place");
    }
    if open.len() >= DEPTH {
        return Err("more than 64 elements inside each other");
    }
    if !tag.is_empty {
        open.push(declared);
    }
    Ok(())
}

/// Reads a start tag, and gives what follows it.
fn read(markup: &str) -> Result<(Tag<'_>, &str), &'static str> {
    let mut attributes = Vec::new();
    let mut rest = markup;
    loop {
        let end = rest.find(['"', '\'', '>']).unwrap_or(rest.len());
        let (before, from) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let mut following = from.chars();
        let quote = following.next().unwrap_or('>');
        if before
            .split([' ', '\t', '\n', '='])
            .any(|name| name.len() > LONGEST_NAME)
        {
            return Err("a name of more than 256 bytes");
        }
        if quote == '>' {
            let is_empty = before.ends_with('/');
            let tag = Tag {
                attributes,
                is_empty,
            };
            return Ok((tag, following.as_str()));
        }
        let name = before.trim_end().trim_end_matches('=').trim_end();
        let name = name.rsplit([' ', '\t', '\n']).next().unwrap_or(name);
        let (value, behind) = following.as_str().split_once(quote).unwrap_or_default();
        attributes.push((name, value));
        if attributes.len() > ATTRIBUTES {
            return Err("more than 64 attributes at one element");
        }
        rest = behind;
    }
}

/// A serialized element as a document of its own: with the namespaces of where it stood, by prefix, but for those that it
/// declares itself. Some leave them to the elements around.
pub fn with_namespaces<'a>(
    element: &str,
    around: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let start = element.trim_ascii_start().strip_prefix('<');
    let is_end = |c: char| c.is_ascii_whitespace() || "/>".contains(c);
    let parts = start.and_then(|markup| Some((markup, read(markup).ok()?.0, markup.find(is_end)?)));
    let Some((markup, tag, end)) = parts.filter(|it| !it.0.starts_with(['?', '!'])) else {
        return element.to_owned();
    };
    let (name, rest) = markup.split_at_checked(end).unwrap_or_default();
    let mut document = format!("<{name}");
    for (prefix, uri) in around.filter(|(prefix, _)| *prefix != "xml") {
        let name = match prefix {
            "" => "xmlns".to_owned(),
            prefix => format!("xmlns:{prefix}"),
        };
        if !tag.attributes.iter().any(|(known, _)| *known == name) {
            document.push_str(&format!(" {name}=\""));
            escape_attribute(uri, &mut document);
            document.push('"');
        }
    }
    document + rest
}

/// Whether a namespace is an absolute URI, of characters that every canonicalization writes alike.
fn is_absolute(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let in_uri = |c: char| c.is_ascii_graphic() && !"&<>\"'`{}|\\^".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(in_scheme)
        && uri.len() <= LONGEST_NAME
        && !rest.is_empty()
        && rest.chars().all(in_uri)
}

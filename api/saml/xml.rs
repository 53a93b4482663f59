//! XML as it is taken from others: parsed within limits, and refused where two readers could read it differently.

use std::collections::HashSet;

use roxmltree::{Attribute, Document, Node, ParsingOptions};

use crate::domain::diagnosis::{Step, StepName};
use crate::domain::shown;
use crate::saml::names::Name;
use crate::saml::tags;

/// What a kind of document may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: usize,
    pub nodes: u32,
    /// Whether there may be comments and processing instructions. They are nothing that is read.
    pub comments: bool,
}

/// What a response of an identity provider may be.
pub const RESPONSE: Limits = Limits {
    bytes: 256 * 1024,
    nodes: 20_000,
    comments: false,
};

/// What metadata may be: people write it, and federations put thousands of entities into one document.
pub const METADATA: Limits = Limits {
    bytes: 5 * 1024 * 1024,
    nodes: 500_000,
    comments: true,
};

/// The text of a document, ready for [`parse`].
#[derive(Debug)]
pub struct Source {
    text: String,
    limits: Limits,
}

impl Source {
    /// Takes a document as it came: UTF-8, with the ends of lines that XML 1.0 (2.11) has a parser see.
    ///
    /// # Errors
    /// A failed step `document`.
    pub fn new(bytes: &[u8], limits: Limits) -> Result<Self, Step> {
        if bytes.len() > limits.bytes {
            let most = format!("at most {} KiB", limits.bytes / 1024);
            return Err(refused(most, format!("{} KiB", bytes.len() / 1024)));
        }
        let text =
            std::str::from_utf8(bytes).map_err(|_| refused("UTF-8", "bytes that are not UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(other) = something_else(text) {
            return Err(refused("an XML document of SAML 2.0", other));
        }
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        check_declaration(&text)?;
        tags::check(&text).map_err(|words| refused("a plain document", words))?;
        Ok(Self { text, limits })
    }
}

/// Parses a document, and refuses what is ambiguous.
///
/// # Errors
/// A failed step `document`.
pub fn parse(source: &Source) -> Result<Document<'_>, Step> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: source.limits.nodes,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&source.text, options)
        .map_err(|error| refused("well-formed XML", broken(&error)))?;
    check_nodes(&document, source.limits)?;
    Ok(document)
}

/// What a text is that does not even begin as XML.
fn something_else(text: &str) -> Option<&'static str> {
    let start: String = text.trim_ascii_start().chars().take(14).collect();
    let start = start.to_ascii_lowercase();
    match start.as_str() {
        "" => Some("nothing"),
        "<!doctype html" => Some("a web page (HTML)"),
        page if page.starts_with("<html") => Some("a web page (HTML)"),
        xml if xml.starts_with('<') => None,
        _ => Some("a text that is no XML"),
    }
}

fn broken(error: &roxmltree::Error) -> String {
    shown::value(&format!("a document that is broken: {error}"))
}

/// XML 1.1 has other ends of lines and characters; in another encoding other bytes would have been signed.
fn check_declaration(text: &str) -> Result<(), Step> {
    let declaration = text.strip_prefix("<?xml");
    let Some(rest) = declaration.filter(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace()))
    else {
        return Ok(());
    };
    let declaration = rest.split_once("?>").map_or(rest, |(inside, _)| inside);
    let quoted = declaration.replace('\'', "\"");
    let mut parts = quoted.split('"');
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let name: String = name.split_ascii_whitespace().collect();
        let is_right = match name.as_str() {
            "version=" => value == "1.0",
            "encoding=" => value.eq_ignore_ascii_case("utf-8"),
            "standalone=" => value == "yes" || value == "no",
            _ => false,
        };
        if !is_right {
            let received = shown::value(&format!("{name}\"{value}\""));
            return Err(refused("XML 1.0 in UTF-8", received));
        }
    }
    Ok(())
}

fn check_nodes(document: &Document, limits: Limits) -> Result<(), Step> {
    let mut ids = HashSet::new();
    for node in document.descendants() {
        if !limits.comments && (node.is_comment() || node.is_pi()) {
            let received = "a comment or a processing instruction";
            let expected = "a document without comments and processing instructions";
            return Err(refused(expected, received));
        }
        for id in node.attributes().filter(is_id) {
            if !ids.insert(id.value()) {
                return Err(id_twice(id.value()));
            }
        }
    }
    Ok(())
}

/// The IDs of a document.
pub fn ids<'a>(document: &'a Document) -> HashSet<&'a str> {
    let attributes = document.descendants().flat_map(|node| node.attributes());
    attributes.filter(is_id).map(|id| id.value()).collect()
}

/// Refuses a document that has an ID of another one.
///
/// # Errors
/// A failed step `document`.
pub fn check_common_ids(outer: &HashSet<&str>, inner: &Document) -> Result<(), Step> {
    match outer.intersection(&ids(inner)).next() {
        None => Ok(()),
        Some(id) => Err(id_twice(id)),
    }
}

fn id_twice(id: &str) -> Step {
    refused("each ID once", format!("the ID {} twice", shown::value(id)))
}

/// Other readers take `ID`, `Id`, `id` or `xml:id` for what a signature refers to.
fn is_id(attribute: &Attribute) -> bool {
    attribute.name().eq_ignore_ascii_case("id")
}

fn refused(expected: impl Into<String>, received: impl Into<String>) -> Step {
    let advice = "Have the identity provider send a plain SAML 2.0 document: XML 1.0 in UTF-8, without a DOCTYPE. If \
                  a proxy or plug-in changes it on the way, or a page answers in its place, turn that off.";
    Step::failed(StepName::Document, expected, received, advice)
}

/// The attribute of this name that stands in no namespace, as all of SAML do. The parser's own look-up takes one of any
/// namespace.
pub fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut attributes = node.attributes();
    attributes
        .find(|it| it.namespace().is_none() && it.name() == name)
        .map(|it| it.value())
}

/// The elements among the children.
pub fn elements<'a, 'input>(
    node: Node<'a, 'input>,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    node.children().filter(Node::is_element)
}

/// The elements among the children that have this name.
pub fn named<'a, 'input>(
    node: Node<'a, 'input>,
    name: Name,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    elements(node).filter(move |child| child.has_tag_name(name))
}

/// The child of this name where there is exactly one.
pub fn only<'a, 'input>(node: Node<'a, 'input>, name: Name) -> Option<Node<'a, 'input>> {
    let mut children = named(node, name);
    let first = children.next()?;
    children.next().is_none().then_some(first)
}

/// The text of an element that has nothing but text.
pub fn text(node: Node) -> Option<String> {
    let pieces = node.children().map(|child| match child.is_text() {
        true => child.text(),
        false => None,
    });
    pieces.collect()
}

/// Whether there is nothing but spaces between an element's children.
pub fn holds_elements_only(node: Node) -> bool {
    let is_blank = |text: &str| text.trim_ascii().is_empty();
    node.children()
        .all(|child| child.is_element() || child.text().is_some_and(is_blank))
}

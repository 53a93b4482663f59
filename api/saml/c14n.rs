//! Exclusive XML Canonicalization 1.0 without comments, of one element of a parsed document.
//!
//! It is equal to that of libxml2, which the tests hold by pairs and `tests/peers/saml/run` by random documents.

use roxmltree::{Node, NodeId};

/// What is left out, and which prefixes are written wherever they are in scope (`InclusiveNamespaces`, the default
/// namespace as "").
#[derive(Clone, Debug, Default)]
pub struct Form<'a> {
    pub without: Option<NodeId>,
    pub inclusive: Vec<&'a str>,
}

/// The canonical form of an element. It descends as deep as the document is, which `tags` limits.
pub fn canonical(element: Node, form: &Form<'_>) -> String {
    let mut writer = Writer {
        form,
        rendered: Vec::new(),
        out: String::new(),
    };
    writer.element(element);
    writer.out
}

struct Writer<'a, 'f> {
    form: &'f Form<'f>,
    /// The declarations that the output has at this place, by prefix; the last of a prefix counts.
    rendered: Vec<(&'a str, &'a str)>,
    out: String,
}

/// An attribute as it is sorted: by namespace, then by local name.
struct Sorted<'a> {
    namespace: &'a str,
    local: &'a str,
    qualified: &'a str,
    value: &'a str,
}

impl<'a> Writer<'a, '_> {
    fn element(&mut self, node: Node<'a, '_>) {
        if self.form.without == Some(node.id()) {
            return;
        }
        let outside = self.rendered.len();
        let prefix = prefix(node);
        let attributes = sorted_attributes(node);
        self.out.push('<');
        self.name(prefix, node.tag_name().name());
        self.namespaces(node, self.visible(node, &attributes));
        for attribute in attributes {
            self.attribute(attribute.qualified, attribute.value);
        }
        self.out.push('>');
        for child in node.children() {
            self.child(child);
        }
        self.out.push_str("</");
        self.name(prefix, node.tag_name().name());
        self.out.push('>');
        self.rendered.truncate(outside);
    }

    fn child(&mut self, node: Node<'a, '_>) {
        if node.is_element() {
            self.element(node);
        } else if node.is_text() {
            escape_text(node.text().unwrap_or_default(), &mut self.out);
        } else if let Some(instruction) = node.pi() {
            self.out.push_str("<?");
            self.out.push_str(instruction.target);
            if let Some(value) = instruction.value {
                self.out.push(' ');
                self.out.push_str(value);
            }
            self.out.push_str("?>");
        }
    }

    /// The prefixes that an element uses, and those that are always written, in their order.
    fn visible(&self, node: Node<'a, '_>, attributes: &[Sorted<'a>]) -> Vec<&'a str> {
        let of_attributes = attributes
            .iter()
            .filter_map(|it| it.qualified.split_once(':'));
        let mut prefixes: Vec<&str> = vec![prefix(node)];
        prefixes.extend(of_attributes.map(|(prefix, _)| prefix));
        let in_scope = node.namespaces().map(|it| it.name().unwrap_or_default());
        prefixes.extend(in_scope.filter(|it| self.form.inclusive.contains(it)));
        prefixes.retain(|prefix| *prefix != "xml");
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes
    }

    fn namespaces(&mut self, node: Node<'a, '_>, prefixes: Vec<&'a str>) {
        for prefix in prefixes {
            let uri = uri_of(node, prefix);
            let written = self
                .rendered
                .iter()
                .rev()
                .find(|(known, _)| *known == prefix);
            if written.map_or("", |(_, uri)| uri) == uri {
                continue;
            }
            match prefix {
                "" => self.attribute("xmlns", uri),
                prefix => self.attribute(&format!("xmlns:{prefix}"), uri),
            }
            self.rendered.push((prefix, uri));
        }
    }

    fn name(&mut self, prefix: &str, local: &str) {
        if !prefix.is_empty() {
            self.out.push_str(prefix);
            self.out.push(':');
        }
        self.out.push_str(local);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape_attribute(value, &mut self.out);
        self.out.push('"');
    }
}

/// The prefix as it was written: the parser resolves it, but tells where the element stands.
fn prefix<'a>(node: Node<'a, '_>) -> &'a str {
    let source = node.document().input_text();
    let tag = source.get(node.range()).unwrap_or_default();
    let name = tag.strip_prefix('<').unwrap_or_default();
    let is_end = |c: char| c.is_ascii_whitespace() || c == '/' || c == '>';
    let name = name.split(is_end).next().unwrap_or_default();
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

fn sorted_attributes<'a>(node: Node<'a, '_>) -> Vec<Sorted<'a>> {
    let source = node.document().input_text();
    let mut attributes: Vec<Sorted> = node
        .attributes()
        .map(|attribute| Sorted {
            namespace: attribute.namespace().unwrap_or_default(),
            local: attribute.name(),
            qualified: source.get(attribute.range_qname()).unwrap_or_default(),
            value: attribute.value(),
        })
        .collect();
    attributes.sort_by_key(|it| (it.namespace, it.local));
    attributes
}

fn uri_of<'a>(node: Node<'a, '_>, prefix: &str) -> &'a str {
    let named = (!prefix.is_empty()).then_some(prefix);
    node.lookup_namespace_uri(named).unwrap_or_default()
}

/// Writes text as canonical XML has it.
pub fn escape_text(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
}

/// Writes an attribute's value as canonical XML has it.
pub fn escape_attribute(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, canonical};
    use crate::saml::xml::{METADATA, Source, parse};

    /// A document, and what libxml2 makes of it.
    #[derive(serde::Deserialize)]
    struct Pair {
        document: String,
        inclusive: Vec<String>,
        canonical: String,
    }

    /// The pairs that are stored, or those of the file that `ROLLCALL_SAML_PAIRS` names.
    fn pairs() -> Vec<Pair> {
        let file = std::env::var("ROLLCALL_SAML_PAIRS");
        let file = file.unwrap_or_else(|_| "tests/fixtures/saml/canonical.jsonl".to_owned());
        let lines = std::fs::read_to_string(file).unwrap();
        let pairs = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        pairs.collect()
    }

    #[test]
    fn the_canonical_form_is_that_of_libxml2() {
        let pairs = pairs();
        assert!(pairs.len() >= 300);
        for pair in pairs {
            let source = Source::new(pair.document.as_bytes(), METADATA).unwrap();
            let document = parse(&source).unwrap();
            let prefixes = pair.inclusive.iter().map(|prefix| match prefix.as_str() {
                "#default" => "",
                prefix => prefix,
            });
            let form = Form {
                without: None,
                inclusive: prefixes.collect(),
            };
            let ours = canonical(document.root_element(), &form);
            assert_eq!(
                ours, pair.canonical,
                "{:?} {}",
                pair.inclusive, pair.document
            );
        }
    }

    /// What is read of a signed document is its canonical form, parsed once more.
    #[test]
    fn the_canonical_form_of_a_canonical_form_is_itself() {
        for pair in pairs() {
            let source = Source::new(pair.canonical.as_bytes(), METADATA).unwrap();
            let document = parse(&source).unwrap();
            let again = canonical(document.root_element(), &Form::default());
            if pair.inclusive.is_empty() {
                assert_eq!(again, pair.canonical);
            }
        }
    }
}

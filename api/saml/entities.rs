//! One entity out of metadata that may be about thousands.

use roxmltree::Node;

use crate::domain::diagnosis::{Step, StepName};
use crate::domain::shown;
use crate::saml::names::md;
use crate::saml::xml::{attribute, elements, named};

/// The most entity ids that a refusal names.
const NAMED: usize = 10;

/// An entity, and the groups of entities around it.
pub struct Entity<'a, 'input> {
    pub id: &'a str,
    pub node: Node<'a, 'input>,
    pub around: Vec<Node<'a, 'input>>,
}

/// Finds the entity of this id; without one, the only identity provider.
///
/// # Errors
/// A failed step `issuer` where it is not there, or not alone; `shape` where this is no metadata, or of no identity
/// provider.
pub fn find<'a, 'input>(
    root: Node<'a, 'input>,
    id: Option<&str>,
) -> Result<Entity<'a, 'input>, Step> {
    let all = descriptors(root);
    if all.is_empty() {
        return Err(no_metadata(root));
    }
    let is_wanted = |node: &Node| match id {
        Some(id) => attribute(*node, "entityID") == Some(id),
        None => named(*node, md("IDPSSODescriptor")).next().is_some(),
    };
    let mut found = all.iter().copied().filter(is_wanted);
    match (found.next(), found.next()) {
        (Some(node), None) => {
            let id = attribute(node, "entityID").filter(|id| is_entity_id(id));
            Ok(Entity {
                id: id.ok_or_else(|| no_metadata(root))?,
                node,
                around: node.ancestors().skip(1).filter(Node::is_element).collect(),
            })
        }
        (None, _) if id.is_none() => Err(no_identity_provider()),
        _ => Err(not_one(id, &all)),
    }
}

/// SAML Core 2.0, 8.3.6: at most 1,024 characters.
fn is_entity_id(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= 1_024
}

/// All entities, in the order of the document: those of the root and of its groups, and none of extensions.
fn descriptors<'a, 'input>(root: Node<'a, 'input>) -> Vec<Node<'a, 'input>> {
    let (mut open, mut found) = (vec![root], Vec::new());
    while let Some(node) = open.pop() {
        if node.has_tag_name(md("EntityDescriptor")) {
            found.push(node);
        } else if node.has_tag_name(md("EntitiesDescriptor")) {
            let mut inside: Vec<Node> = elements(node).collect();
            inside.reverse();
            open.append(&mut inside);
        }
    }
    found
}

fn no_metadata(root: Node) -> Step {
    Step::failed(
        StepName::Shape,
        "metadata: an EntityDescriptor with an entityID, or an EntitiesDescriptor with some",
        shown::value(root.tag_name().name()),
        "Give Rollcall the metadata of the identity provider, an XML document that it offers for download or at an \
         address of its own.",
    )
}

/// As when an application's own metadata is given, that of Rollcall too.
fn no_identity_provider() -> Step {
    Step::failed(
        StepName::Shape,
        "metadata of an identity provider (IDPSSODescriptor)",
        "metadata of something else, such as an application (a service provider)",
        "Give Rollcall the metadata of the identity provider, which people sign in with. That of an application, as Rollcall's \
         own is, goes to the identity provider.",
    )
}

fn not_one(id: Option<&str>, all: &[Node]) -> Step {
    let ids: Vec<String> = all
        .iter()
        .filter_map(|it| attribute(*it, "entityID"))
        .take(NAMED)
        .map(shown::value)
        .collect();
    let received = match all.len() {
        1 => format!("metadata of {}", ids.join(", ")),
        entities => format!("metadata of {entities} entities: {}", ids.join(", ")),
    };
    let expected = match id {
        Some(id) => format!("the identity provider {} once", shown::value(id)),
        None => "one identity provider".to_owned(),
    };
    let advice = "Name the entity ID of the identity provider that people sign in with, exactly as its metadata has it, or \
                  none where the metadata is of that one alone.";
    Step::failed(StepName::Issuer, expected, received, advice)
}

//! Resources of other systems, as requests name them (`docs/grants.md#resources`).

use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::{FieldReason, Form};
use crate::domain::resource::{Resource, ResourceError, ResourceId, ResourceType};
use crate::error::{Error, FieldError, Result};

/// A resource, by its type and its id in the system that has it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceReference {
    /// A word of lower-case letters, digits, and `-`, `_`, `.` or `:`.
    #[serde(rename = "type")]
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[a-z0-9][a-z0-9_.:-]*$",
        examples("course")
    )]
    pub resource_type: String,
    /// As the other system writes it, compared letter by letter.
    #[schema(min_length = 1, max_length = 255, examples("algebra-1"))]
    pub id: String,
}

/// The resource that two parameters name.
///
/// # Errors
/// `validation_failed`, which points at those at fault.
pub fn parse_resource(
    (type_name, resource_type): (&'static str, &str),
    (id_name, id): (&'static str, &str),
) -> Result<Resource> {
    let mut form = Form::new();
    let resource_type = form.take(type_name, ResourceType::parse(resource_type));
    let id = form.take(id_name, ResourceId::parse(id));
    match (resource_type, id) {
        (Some(resource_type), Some(id)) => Ok(Resource { resource_type, id }),
        _ => Err(form.refusal()),
    }
}

/// The resources that a body lists.
///
/// # Errors
/// `validation_failed`, which points at each that is none.
pub fn parse_resources(listed: &[ResourceReference]) -> Result<Vec<Resource>> {
    let (mut resources, mut faults) = (Vec::new(), Vec::new());
    for (place, resource) in listed.iter().enumerate() {
        let fault = |field: &str, reason: ResourceError| {
            let pointer = format!("/resources/{place}/{field}");
            FieldError::new(pointer, reason.code(), reason.detail())
        };
        let resource_type = ResourceType::parse(&resource.resource_type);
        let id = ResourceId::parse(&resource.id);
        match (resource_type, id) {
            (Ok(resource_type), Ok(id)) => resources.push(Resource { resource_type, id }),
            (resource_type, id) => {
                faults.extend(resource_type.err().map(|reason| fault("type", reason)));
                faults.extend(id.err().map(|reason| fault("id", reason)));
            }
        }
    }
    if faults.is_empty() {
        return Ok(resources);
    }
    Err(Error::invalid_fields(faults))
}

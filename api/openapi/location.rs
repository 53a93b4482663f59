//! `Location` in the document: each response with 201 or 202 and a body has it.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Components, Ref, RefOr};

const LOCATION: &str = "Location";

/// Adds the part that operations share.
pub fn add_components(components: &mut Components) {
    let header = RefOr::T(header());
    components.headers.insert(LOCATION.to_owned(), header);
}

/// Names the header where a response of the operation has it.
pub fn describe(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let is_made = matches!(status.as_str(), "201" | "202");
        if let (true, RefOr::T(response)) = (is_made, response)
            && !response.content.is_empty()
        {
            let header = Ref::new(format!("#/components/headers/{LOCATION}"));
            let headers = &mut response.headers;
            headers.insert(LOCATION.to_owned(), RefOr::Ref(header));
        }
    }
}

fn header() -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some("The path of what was created."))
        .build()
}

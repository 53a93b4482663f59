//! The paths and operations of the document, found by the path of a request.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use actix_web::dev::{ResourceDef, ServiceRequest};
use actix_web::http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::{Error, Result};

/// Every path of the document. Each request is looked up here once, which costs the same wherever its path stands.
pub struct DocumentedPaths {
    paths: matchit::Router<Arc<DocumentedPath>>,
    ids: HashSet<String>,
}

/// A path, and what can be done there.
pub struct DocumentedPath {
    /// With its parameters in braces.
    pub pattern: String,
    /// Reads the parameters. It takes a regular expression, which is made for the paths that are asked for.
    parameters: OnceLock<ResourceDef>,
    /// The id of each operation by its method. `HEAD` is served wherever `GET` is.
    operations: HashMap<&'static str, String>,
    /// Whether browsers come here, and are sent on by redirects (303), whatever they bring.
    is_for_browsers: bool,
}

/// What is read of a document.
#[derive(Deserialize)]
struct Document {
    paths: HashMap<String, PathItem>,
}

/// The operations of a path by their methods, as a document writes these.
type PathItem = HashMap<String, Operation>;

#[derive(Deserialize)]
struct Operation {
    #[serde(rename = "operationId")]
    id: String,
    responses: HashMap<String, IgnoredAny>,
}

const METHODS: [&str; 6] = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"];

impl DocumentedPaths {
    /// Those of a document.
    ///
    /// # Errors
    /// Never, for a document that the generator made: where two paths exclude each other.
    pub fn of(document: &str) -> Result<Self> {
        let document: Document = serde_json::from_str(document).map_err(Error::internal)?;
        let mut paths = matchit::Router::new();
        let mut ids = HashSet::new();
        for (pattern, operations) in document.paths {
            ids.extend(operations.values().map(|operation| operation.id.clone()));
            let path = Arc::new(DocumentedPath::new(&pattern, operations));
            paths.insert(pattern, path).map_err(Error::internal)?;
        }
        Ok(Self { paths, ids })
    }

    /// Whether there is an operation with this id.
    pub fn have_operation(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// The documented path that a request means: one that stands there literally, before one with a parameter.
    pub fn find(&self, path: &str) -> Option<Arc<DocumentedPath>> {
        let found = self.paths.at(path).ok()?;
        Some(found.value.clone())
    }
}

impl DocumentedPath {
    fn new(pattern: &str, mut described: PathItem) -> Self {
        let is_for_browsers = described
            .values()
            .any(|operation| operation.responses.contains_key("303"));
        let operations = METHODS.into_iter().filter_map(|method| {
            let described = described.remove(method.to_lowercase().as_str());
            Some((method, described?.id))
        });
        let mut operations: HashMap<_, _> = operations.collect();
        if let Some(get) = operations.get("GET").cloned() {
            operations.entry("HEAD").or_insert(get);
        }
        Self {
            pattern: pattern.to_owned(),
            parameters: OnceLock::new(),
            operations,
            is_for_browsers,
        }
    }

    /// The id of the operation that a request with this method is for.
    pub fn operation(&self, method: &str) -> Option<&str> {
        self.operations.get(method).map(String::as_str)
    }

    /// Reads the parameters of the path into the request, and tells whether that went well.
    pub fn read_parameters(&self, request: &mut ServiceRequest) -> bool {
        let parameters = self
            .parameters
            .get_or_init(|| ResourceDef::new(self.pattern.as_str()));
        parameters.capture_match_info(request)
    }

    /// Whether something can be done here by this method.
    pub fn has(&self, method: &Method) -> bool {
        self.operations.contains_key(method.as_str())
    }

    /// The methods that the path has, as the header `Allow` lists them.
    pub fn allowed(&self) -> String {
        let allowed = METHODS
            .into_iter()
            .filter(|it| self.operations.contains_key(it));
        allowed.collect::<Vec<_>>().join(", ")
    }

    /// The method by which a browser is served that came by one which the path does not have.
    pub fn method_for_browsers(&self, came_by: &Method) -> Option<Method> {
        let is_of_browsers = [Method::GET, Method::HEAD, Method::POST].contains(came_by);
        if !self.is_for_browsers || !is_of_browsers {
            return None;
        }
        Some(if self.has(&Method::GET) {
            Method::GET
        } else {
            Method::POST
        })
    }
}

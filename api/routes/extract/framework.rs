//! The framework's own extractors: their limits, and their refusals in our words.

use actix_web::http::StatusCode;
use actix_web::web;

use crate::routes::problem::Problem;

/// The most bytes of a body that is read whole.
const MAX_BODY: usize = 1024 * 1024;

/// How the framework's extractors refuse: as problems, in our words.
pub fn extract_settings(config: &mut web::ServiceConfig) {
    let path = web::PathConfig::default()
        .error_handler(|_, _| Problem::of_framework(StatusCode::NOT_FOUND).into());
    config
        .app_data(path)
        .app_data(web::PayloadConfig::new(MAX_BODY));
}

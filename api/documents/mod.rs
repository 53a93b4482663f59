//! Documents that people print or scan: a leaf without HTTP or a database.

pub mod qr_code;

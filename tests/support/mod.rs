//! What the tests stand on: an application of its own for each test, on either database, with a
//! second busy organization in it, and callers that ask and receive.

pub mod app;
pub mod browser;
pub mod collector;
pub mod command;
pub mod contract;
pub mod crowd;
pub mod database;
pub mod dns;
pub mod identity_provider;
pub mod import_file;
pub mod invariants;
pub mod locks;
pub mod mail;
pub mod members;
pub mod operations;
pub mod people;
pub mod pgbouncer;
pub mod postgres;
pub mod process;
pub mod response;
pub mod schema;
pub mod settings;
pub mod sign_on;
pub mod smtp;
pub mod wire;

pub use app::App;
pub use mail::ReceivedMail;
pub use response::TestResponse;

/// Runs a test on both databases: `both_databases!(name, |app| async { … })` makes the tests `name::sqlite`
/// and `name::postgres`.
macro_rules! both_databases {
    ($(#[$meta:meta])* $name:ident, |$app:ident| $body:block) => {
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn scenario($app: &$crate::support::App) $body

            #[test]
            fn sqlite() {
                let app = $crate::support::App::on_sqlite();
                $crate::support::app::block_on(scenario(&app));
            }

            #[test]
            fn postgres() {
                if let Some(app) = $crate::support::App::on_postgres() {
                    $crate::support::app::block_on(scenario(&app));
                }
            }
        }
    };
}
pub(crate) use both_databases;

/// The same, with a mail server.
macro_rules! with_mail_server {
    ($name:ident, |$app:ident| $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn scenario($app: &$crate::support::App) $body

            #[test]
            fn sqlite() {
                let app = $crate::support::App::on_sqlite_with_mail_server();
                $crate::support::app::block_on(scenario(&app));
            }

            #[test]
            fn postgres() {
                if let Some(app) = $crate::support::App::on_postgres_with_mail_server() {
                    $crate::support::app::block_on(scenario(&app));
                }
            }
        }
    };
}
pub(crate) use with_mail_server;

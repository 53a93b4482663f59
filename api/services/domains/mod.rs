//! Email domains of organizations: added, proven, checked, changed, removed (`docs/domains.md`).

mod check;
pub mod daily;
mod lookup;
mod manage;
mod notice;
mod proof;
mod publication;

pub use check::{begin_check, finish_check};
pub use lookup::{RecordAnswer, look_up};
pub use manage::{
    DomainChanges, NewDomain, add, added_already, find, for_everybody, list, remove, update,
};
pub use proof::{Checked, no_record, taken};

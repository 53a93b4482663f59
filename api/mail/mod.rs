//! Mail: what it says, in which words, and how it leaves (PRODUCT 3.10).
//!
//! A [`Letter`] is queued in the transaction of what it tells of, by the [`Outbox`]; a worker writes
//! it out and hands it to a transport later.

pub mod letter;
pub mod links;
pub mod outbox;

pub use letter::Letter;
pub use links::Links;
pub use outbox::Outbox;

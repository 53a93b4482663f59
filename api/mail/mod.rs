//! Mail: what it says, in which words, and how it leaves (PRODUCT 3.10).
//!
//! | step | file | what it does |
//! |---|---|---|
//! | the cause | [`outbox`] | queues a [`MailContent`], sealed, in the transaction of what it tells of |
//! | the pace | [`send_rate`] | how many mails leave in a minute |
//! | the turn | [`sending`] | sends one mail under the lease of its job |
//! | the words | [`templates`] | the content in the reader's language, as text and as HTML |
//! | the form | [`message`] | headers and parts (RFC 5322, MIME) |
//! | the look | [`preview`] | every mail in every language, and a mail to try the way |
//! | the way | [`transport`] | a mail server, or a folder |

pub mod content;
pub mod links;
pub mod message;
pub mod outbox;
pub mod preview;
pub mod send_rate;
pub mod sending;
pub mod templates;
pub mod transport;

pub use content::MailContent;
pub use links::Links;
pub use outbox::Outbox;

//! Mail: what it says, in which words, and how it leaves (`docs/mail.md`).
//!
//! | step | file | what it does |
//! |---|---|---|
//! | the content | [`content`] | the fields of each mail: a new mail begins there |
//! | the queue | [`outbox`] | queues a [`MailContent`], sealed, in the transaction of what it tells of |
//! | the sending | [`sending`] | sends one mail under the lease of its job, at the configured rate |
//! | the words | [`templates`] | the content in the reader's language, as text and as HTML |
//! | the form | [`message`] | headers and parts (RFC 5322, MIME) |
//! | the look | [`preview`], [`samples`] | every mail in every language, and a mail to test the delivery |
//! | the delivery | [`transport`] | a mail server, or a folder |

pub mod content;
pub mod links;
pub mod mailbox_limit;
pub mod message;
pub mod outbox;
pub mod preview;
pub mod samples;
pub mod send_rate;
pub mod sending;
pub mod templates;
pub mod transport;

pub use content::MailContent;
pub use links::Links;
pub use outbox::Outbox;

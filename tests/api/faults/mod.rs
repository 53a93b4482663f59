//! What goes wrong around a server, and what it does then (`docs/deployment.md#what-can-go-wrong`).

mod backups;
mod clocks;
mod poolers;
mod starts;
mod stops;
mod storage;
mod waits;

//! `rollcall keys`: changes the keys that sign and seal, a step at a time, each of which is safe beside servers that
//! have not taken it yet (`docs/operations.md#changing-keys`).

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::error::CommandError;
use super::output::print;
use super::start::open_state;
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::key_ring::{Change, KeyKind, KeyRing, WrittenKey};
use crate::domain::timestamp::Timestamp;
use crate::services::resealing;
use crate::state::{State, key_files};

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Print the keys, which of them are used, and what each has sealed.
    List,
    /// Make a key behind the others: it is published, verifies or opens, and is not used yet.
    Add {
        /// What it is for: `signing` or `sealing`.
        kind: KeyKind,
    },
    /// Have a key sign or seal from now on. The others go on verifying or opening.
    Promote(KeyArguments),
    /// Seal with the first key, beside servers that run, what others have sealed.
    Reseal,
    /// Take a key out that is not used any more.
    Retire(KeyArguments),
}

#[derive(Args)]
pub struct KeyArguments {
    /// What it is for: `signing` or `sealing`.
    kind: KeyKind,
    /// Which one, as `rollcall keys list` names it.
    id: String,
    /// Do it at once, where every server has been started again since the last step and nobody else checks access
    /// tokens, or where a key was stolen.
    #[arg(long)]
    now: bool,
}

impl KeyArguments {
    fn change(&self) -> Change {
        Change {
            now: Clock::system().now(),
            waits: !self.now,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Where a file of keys cannot be read or written, or a step comes too soon.
pub fn run(command: &KeysCommand) -> Result<(), CommandError> {
    match command {
        KeysCommand::List => list(&open_state()?),
        KeysCommand::Add { kind } => add(*kind),
        KeysCommand::Promote(arguments) => promote(arguments),
        KeysCommand::Reseal => reseal(&open_state()?),
        KeysCommand::Retire(arguments) => retire(arguments),
    }
}

fn file(kind: KeyKind, config: &Config) -> Result<PathBuf, CommandError> {
    let files = key_files(config)?;
    Ok(match kind {
        KeyKind::Signing => files.signing,
        KeyKind::Sealing => files.sealing,
    })
}

fn list(state: &State) -> Result<(), CommandError> {
    let config = &state.services.config;
    let sealed = resealing::count(&mut *state.services.pool.get()?)?;
    let mut told = String::new();
    for kind in KeyKind::ALL {
        for (place, key) in KeyRing::read(*kind, &file(*kind, config)?)?
            .keys()
            .iter()
            .enumerate()
        {
            told += &format!("{kind} {} {}{}\n", key.id, role(*kind, place), notes(key));
        }
    }
    let known = state.services.sealing.ids();
    for by in &sealed {
        let is_lost = if known.contains(&by.key) {
            ""
        } else {
            ", which nothing opens: its key is not in the file"
        };
        told += &format!("{} has sealed {} {}{is_lost}\n", by.key, by.count, by.what);
    }
    print(&told)
}

fn role(kind: KeyKind, place: usize) -> &'static str {
    match (kind, place) {
        (KeyKind::Signing, 0) => "signs",
        (KeyKind::Signing, _) => "verifies",
        (KeyKind::Sealing, 0) => "seals",
        (KeyKind::Sealing, _) => "opens",
    }
}

fn notes(key: &WrittenKey) -> String {
    let note = |what, time: Option<Timestamp>| time.map(|time| format!(", {what} {time}"));
    let notes = [
        note("added", key.added_at),
        note("promoted", key.promoted_at),
    ];
    notes.into_iter().flatten().collect()
}

const NEXT_START: &str =
    "Servers take the file when they start: give it to each, and start them again one by one.";

fn add(kind: KeyKind) -> Result<(), CommandError> {
    let file = file(kind, &Config::load()?)?;
    let id = KeyRing::change(kind, &file, |ring| ring.add(Clock::system().now()))?;
    print(&format!(
        "Added the {kind} key {id} to {}. {NEXT_START} An hour later: rollcall keys promote {kind} {id}\n",
        file.display()
    ))
}

fn promote(arguments: &KeyArguments) -> Result<(), CommandError> {
    let (kind, id) = (arguments.kind, arguments.id.as_str());
    let file = file(kind, &Config::load()?)?;
    KeyRing::change(kind, &file, |ring| {
        Ok::<_, CommandError>(ring.promote(id, arguments.change())?)
    })?;
    let then = match kind {
        KeyKind::Signing => "A quarter of an hour later the one before can be retired.",
        KeyKind::Sealing => "Then: rollcall keys reseal",
    };
    print(&format!(
        "{id} is the first {kind} key of {}. {NEXT_START} {then}\n",
        file.display()
    ))
}

fn reseal(state: &State) -> Result<(), CommandError> {
    let resealed = resealing::reseal(&state.services)?;
    let unreadable = match resealed.unreadable {
        0 => String::new(),
        count => format!(
            " {count} could not be opened and stay as they are: their key is not in the file."
        ),
    };
    print(&format!(
        "Sealed {} mails and {} rows of imports with the first key.{unreadable}\n",
        resealed.mails, resealed.rows
    ))
}

fn retire(arguments: &KeyArguments) -> Result<(), CommandError> {
    let (kind, id) = (arguments.kind, arguments.id.as_str());
    let config = Config::load()?;
    let file = file(kind, &config)?;
    KeyRing::change(kind, &file, |ring| {
        ring.retire(id, arguments.change())?;
        match kind {
            KeyKind::Signing => Ok(()),
            KeyKind::Sealing => require_nothing_sealed_with(id, &open_state()?),
        }
    })?;
    print(&format!(
        "Took the {kind} key {id} out of {}. {NEXT_START}\n",
        file.display()
    ))
}

fn require_nothing_sealed_with(id: &str, state: &State) -> Result<(), CommandError> {
    let mut sealed = resealing::count(&mut *state.services.pool.get()?)?;
    sealed.retain(|by| by.key.to_string() == id);
    if sealed.is_empty() {
        return Ok(());
    }
    let values: Vec<String> = sealed
        .iter()
        .map(|by| format!("{} {}", by.count, by.what))
        .collect();
    Err(CommandError::Usage(format!(
        "{id} stays: it has sealed {}. `rollcall keys reseal` seals mails and rows anew; responses are kept for a \
         day, and then gone",
        values.join(", ")
    )))
}

//! `rollcall keys`: changes the keys that sign, seal and identify Rollcall, a step at a time, each of which is safe beside servers that
//! have not taken it yet (`docs/operations.md#changing-keys`).

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::error::CommandError;
use super::output::print;
use super::start::{self, open_existing};
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::federation_keys::FederationKeys;
use crate::crypto::key_ring::{Change, KeyKind, KeyRing, WrittenKey};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error};
use crate::services::resealing::{self, SealedBy};
use crate::state::{self, State, federation_key_file, key_files};
use crate::store::migrations::{self, SchemaVersion};
use crate::store::{Connection, inspection};

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Print the keys, which of them are used, and what each has sealed.
    List,
    /// Make a key behind the others: it is published, verifies or opens, and is not used yet.
    Add {
        /// What it is for: `signing`, `sealing` or `federation`.
        kind: KeyKind,
    },
    /// Have a key sign or seal from now on. The others go on verifying or opening.
    Promote(KeyArguments),
    /// Seal with the first key, beside servers that run, what others have sealed. Start every server again before.
    Reseal,
    /// Take a key out that is not used any more.
    Retire(KeyArguments),
}

#[derive(Args)]
pub struct KeyArguments {
    /// What it is for: `signing`, `sealing` or `federation`.
    kind: KeyKind,
    /// Which one, as `rollcall keys list` names it.
    // One thumbprint (RFC 7638) of 64 begins with a hyphen, and is no option.
    #[arg(allow_hyphen_values = true)]
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
        KeysCommand::List => list(),
        KeysCommand::Add { kind } => add(*kind),
        KeysCommand::Promote(arguments) => promote(arguments),
        KeysCommand::Reseal => reseal(&open_existing()?),
        KeysCommand::Retire(arguments) => retire(arguments),
    }
}

/// The file of a kind of keys; the first start makes all but that of federation.
fn file(kind: KeyKind, config: &Config) -> Result<PathBuf, CommandError> {
    let file = match kind {
        KeyKind::Signing => key_files(config)?.signing,
        KeyKind::Sealing => key_files(config)?.sealing,
        KeyKind::Federation => return Ok(federation_key_file(config)?),
    };
    if start::is_new(config) && !file.exists() {
        return Err(start::none_yet(config));
    }
    Ok(file)
}

/// Prints the keys, and then what each has sealed. It makes and changes nothing.
fn list() -> Result<(), CommandError> {
    let config = start::settings()?;
    state::require_keys_of_database(&config, &key_files(&config)?)?;
    let mut known = Vec::new();
    for kind in KeyKind::ALL {
        let Some(ring) = ring(*kind, &config)? else {
            continue;
        };
        for (place, key) in ring.keys().iter().enumerate() {
            let (role, notes) = (role(*kind, place), notes(key));
            print(&format!("{kind} {} {role}{notes}\n", key.id))?;
            known.push(key.id.clone());
        }
    }
    let lines = sealed(&config)?.into_iter().map(|by| {
        let key = by.key.to_string();
        let is_lost = if known.contains(&key) {
            ""
        } else {
            ", which nothing opens: its key is not in the file"
        };
        format!("{key} has sealed {}{is_lost}\n", by.counted())
    });
    print(&lines.collect::<String>())
}

/// What each key has sealed in the database, which is only read; nothing where there is none yet.
fn sealed(config: &Config) -> Result<Vec<SealedBy>, CommandError> {
    if start::is_new(config) {
        return Ok(Vec::new());
    }
    let counted = inspection::open(&config.database_url, config.prepared_statements)
        .and_then(|mut connection| count(&mut connection));
    counted.map_err(|error| {
        let what = "what the keys have sealed could not be counted in the database";
        CommandError::Usage(format!("{what}: {error}"))
    })
}

fn count(connection: &mut Connection) -> crate::error::Result<Vec<SealedBy>> {
    match migrations::version(connection)? {
        SchemaVersion::Current => resealing::count(connection),
        SchemaVersion::Older | SchemaVersion::Newer(_) => {
            let detail = "its schema is not that of this version: `rollcall doctor` tells more";
            Err(Error::refused(Code::Unavailable, detail))
        }
    }
}

/// The keys of a kind; none where the installation does without.
fn ring(kind: KeyKind, config: &Config) -> Result<Option<KeyRing>, CommandError> {
    let file = match kind {
        KeyKind::Signing | KeyKind::Sealing => file(kind, config)?,
        KeyKind::Federation => match federation_key_file(config) {
            Ok(file) if file.exists() => file,
            Ok(_) | Err(_) => return Ok(None),
        },
    };
    Ok(Some(KeyRing::read(kind, &file)?))
}

fn role(kind: KeyKind, place: usize) -> &'static str {
    match (kind, place) {
        (KeyKind::Signing, 0) => "signs",
        (KeyKind::Federation, 0) => "signs and opens",
        (KeyKind::Federation, _) => "is published and opens",
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
    if kind == KeyKind::Federation && !file.exists() {
        return make_first(&file);
    }
    let id = KeyRing::change(kind, &file, |ring| ring.add(Clock::system().now()))?;
    print(&format!(
        "Added the {kind} key {id} to {}. {NEXT_START} An hour later: rollcall keys promote {kind} {id}\n",
        file.display()
    ))
}

/// Makes the file of federation keys, which no start has made: where replicas share it, or it was lost.
fn make_first(file: &Path) -> Result<(), CommandError> {
    let keys = FederationKeys::load(file, true)?;
    print(&format!(
        "Made {} with the federation key {}. {NEXT_START}\n",
        file.display(),
        keys.ids().concat()
    ))
}

fn promote(arguments: &KeyArguments) -> Result<(), CommandError> {
    let (kind, id) = (arguments.kind, arguments.id.as_str());
    let file = file(kind, &Config::load()?)?;
    KeyRing::change(kind, &file, |ring| {
        Ok::<_, CommandError>(ring.promote(id, arguments.change())?)
    })?;
    let then = match kind {
        KeyKind::Signing | KeyKind::Federation => {
            "A quarter of an hour later the one before can be retired."
        }
        KeyKind::Sealing => {
            "One that was not started again goes on sealing with the key before. When all of them were: rollcall \
             keys reseal"
        }
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
        "Sealed {} mails, {} rows of imports, {} client secrets and the claims of {} people with the first key.{unreadable}\n",
        resealed.mails, resealed.rows, resealed.secrets, resealed.claims
    ))
}

fn retire(arguments: &KeyArguments) -> Result<(), CommandError> {
    let (kind, id) = (arguments.kind, arguments.id.as_str());
    let config = Config::load()?;
    let file = file(kind, &config)?;
    KeyRing::change(kind, &file, |ring| {
        ring.retire(id, arguments.change())?;
        match kind {
            KeyKind::Signing | KeyKind::Federation => Ok(()),
            KeyKind::Sealing => require_nothing_sealed_with(id, &config),
        }
    })?;
    let warning = if arguments.now { still_used(kind) } else { "" };
    print(&format!(
        "Took the {kind} key {id} out of {}. {NEXT_START}{warning}\n",
        file.display()
    ))
}

/// Whoever does not wait has to know who may still use the key.
const fn still_used(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Signing => {
            " One that was not started again since the promotion still signs with it, and the others refuse its tokens."
        }
        KeyKind::Federation => {
            " One that was not started again since the promotion still signs with it, and foreign systems refuse that. \
             Nothing opens what identity providers of SAML still encrypt for it."
        }
        KeyKind::Sealing => {
            " One that was not started again since the promotion still seals with it, and nothing will open that: \
             start all of them again now, and look whether `rollcall keys list` names the key."
        }
    }
}

fn require_nothing_sealed_with(id: &str, config: &Config) -> Result<(), CommandError> {
    let mut sealed = sealed(config)?;
    sealed.retain(|by| by.key.to_string() == id);
    if sealed.is_empty() {
        return Ok(());
    }
    let values: Vec<String> = sealed.iter().map(SealedBy::counted).collect();
    Err(CommandError::Usage(format!(
        "{id} stays: it has sealed {}. `rollcall keys reseal` seals mails and rows anew; responses are kept for a \
         day, and then gone",
        values.join(", ")
    )))
}

//! A file of keys as it is written: which key is used, and when each was added and put first.
//!
//! The first key signs or seals, all of them verify or open. What is noted stands in lines before its key, and is
//! no part of it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::access_token::{self, SigningKeys};
use super::federation_keys::{self, FederationKeys};
use super::key_file::{self, KeyError};
use super::sealing::{self, SealingKeys};
use crate::domain::string_enum::string_enum;
use crate::domain::timestamp::Timestamp;

string_enum! {
    /// What keys are for.
    KeyKind {
        /// They sign access tokens.
        Signing = "signing",
        /// They seal what is kept in the database.
        Sealing = "sealing",
        /// They identify Rollcall to foreign systems.
        Federation = "federation",
    }
}

impl KeyKind {
    fn make(self) -> Result<String, KeyError> {
        match self {
            Self::Signing => access_token::make(),
            Self::Sealing => sealing::make(),
            Self::Federation => federation_keys::make(),
        }
    }

    /// The id of the one key that a text is; none where it is no whole key.
    fn id_of(self, text: &str) -> Option<String> {
        match self {
            Self::Signing => access_token::key_id(text),
            Self::Sealing => sealing::key_id(text).map(|id| id.to_string()),
            Self::Federation => federation_keys::key_id(text),
        }
    }
}

/// The keys of a file, the one that is used first.
pub struct KeyRing {
    kind: KeyKind,
    keys: Vec<WrittenKey>,
    /// What stands behind the last key and is none.
    rest: String,
}

/// A key with what is noted of it. Of what others have written nothing is known.
pub struct WrittenKey {
    pub id: String,
    pub added_at: Option<Timestamp>,
    /// When it was put first, if that is known.
    pub promoted_at: Option<Timestamp>,
    text: String,
}

/// When a change is made, and whether it waits until everybody knows of the one before.
#[derive(Clone, Copy)]
pub struct Change {
    pub now: Timestamp,
    pub waits: bool,
}

/// Why a change of keys is refused.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    #[error("there is no {} key {id}: `rollcall keys list` names them", .kind.as_str())]
    Unknown { kind: KeyKind, id: String },
    #[error("{id} is the first key already")]
    First { id: String },
    #[error("{id} is the key that is used: promote another one, then retire it")]
    InUse { id: String },
    #[error(
        "{id} was added {}. {} {}", at(*.added_at), why_to_promote_later(*.kind), when_to("Promote", *.until)
    )]
    NotKnownYet {
        kind: KeyKind,
        id: String,
        added_at: Option<Timestamp>,
        until: Option<Timestamp>,
    },
    #[error(
        "{id} has been used until the first key was promoted {}. {} {}",
        at(*.promoted_at), why_to_retire_later(*.kind), when_to("Retire", *.until)
    )]
    StillUsed {
        kind: KeyKind,
        id: String,
        promoted_at: Option<Timestamp>,
        until: Option<Timestamp>,
    },
}

const fn why_to_promote_later(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Signing => {
            "Others keep the public keys for an hour, and servers read their keys when they start."
        }
        KeyKind::Federation => {
            "Foreign systems have to know it first: those that read the published keys keep them, and to the others \
             somebody gives it."
        }
        KeyKind::Sealing => {
            "Servers read their keys when they start: one that does not know it yet could not open what it seals."
        }
    }
}

const fn why_to_retire_later(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Signing => {
            "Its access tokens are good for fifteen minutes, and servers read their keys when they start."
        }
        KeyKind::Federation => {
            "What it has signed is good for minutes, and servers read their keys when they start. Identity providers of SAML \
             that encrypt have to have the certificate of the new one first."
        }
        KeyKind::Sealing => {
            "Servers read their keys when they start: one that runs since before still seals with it."
        }
    }
}

fn at(time: Option<Timestamp>) -> String {
    time.map_or_else(
        || "at a time that is not noted, as it was done by hand".to_owned(),
        |time| format!("at {time}"),
    )
}

/// What to do, and when. Where no time is noted, none ever comes.
fn when_to(step: &str, until: Option<Timestamp>) -> String {
    match until {
        Some(time) => format!(
            "{step} it from {time} on, when every server has been started again since; or now (--now), where nothing \
             is to be waited for"
        ),
        None => format!(
            "{step} it with --now, when that is long enough ago and every server has been started again since"
        ),
    }
}

/// How long others may keep the public keys (`Cache-Control` of `/.well-known/jwks.json`).
const PUBLISHED_FOR: Duration = Duration::from_secs(60 * 60);

const ADDED: &str = "# added ";
const PROMOTED: &str = "# promoted ";

impl KeyRing {
    /// Reads a file that a server can start with.
    ///
    /// # Errors
    /// Where none can.
    pub fn read(kind: KeyKind, path: &Path) -> Result<Self, KeyError> {
        require_usable(kind, path)?;
        Ok(Self::parse(kind, &key_file::read(path)?))
    }

    /// Changes a file that a server can start with, whole or not at all.
    ///
    /// # Errors
    /// Where none can, or the file cannot be written; those of `change`.
    pub fn change<T, E: From<KeyError>>(
        kind: KeyKind,
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        key_file::change(path, |text| {
            require_usable(kind, path)?;
            let mut ring = Self::parse(kind, text);
            let changed = change(&mut ring)?;
            Ok((ring.to_string(), changed))
        })
    }

    fn parse(kind: KeyKind, text: &str) -> Self {
        let mut keys = Vec::new();
        let (mut added_at, mut promoted_at, mut lines) = (None, None, String::new());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(time) = line.strip_prefix(ADDED) {
                added_at = Timestamp::parse_time_or_day(time);
            } else if let Some(time) = line.strip_prefix(PROMOTED) {
                promoted_at = Timestamp::parse_time_or_day(time);
            } else {
                lines = lines + line + "\n";
            }
            if let Some(id) = kind.id_of(&lines) {
                keys.push(WrittenKey {
                    id,
                    added_at: added_at.take(),
                    promoted_at: promoted_at.take(),
                    text: std::mem::take(&mut lines),
                });
            }
        }
        Self {
            kind,
            keys,
            rest: lines,
        }
    }

    /// The keys, the one that is used first.
    pub fn keys(&self) -> &[WrittenKey] {
        &self.keys
    }

    /// Makes a key behind the others, and gives its id.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn add(&mut self, now: Timestamp) -> Result<String, KeyError> {
        let text = self.kind.make()?;
        let id = self.kind.id_of(&text).ok_or(KeyError::NoRandomness)?;
        self.keys.push(WrittenKey {
            id: id.clone(),
            added_at: Some(now),
            promoted_at: None,
            text,
        });
        Ok(id)
    }

    /// Has a key be used from now on.
    ///
    /// # Errors
    /// Where it is unknown or used already; unless the change does not wait, where others may not know it yet.
    pub fn promote(&mut self, id: &str, change: Change) -> Result<(), RingError> {
        let place = self.place(id)?;
        if place == 0 {
            return Err(RingError::First { id: id.to_owned() });
        }
        self.require_known(id, change)?;
        // One that somebody has put first by hand has been used too, and its tokens may still be good.
        if let Some(first) = self.keys.first_mut() {
            first.promoted_at.get_or_insert(change.now);
        }
        if let Some(before) = self.keys.get_mut(..=place) {
            before.rotate_right(1);
        }
        if let Some(first) = self.keys.first_mut() {
            first.promoted_at = Some(change.now);
        }
        Ok(())
    }

    /// Takes a key out.
    ///
    /// # Errors
    /// Where it is unknown or used; unless the change does not wait, where tokens of it may still be good.
    pub fn retire(&mut self, id: &str, change: Change) -> Result<(), RingError> {
        if self.place(id)? == 0 {
            return Err(RingError::InUse { id: id.to_owned() });
        }
        self.require_disused(id, change)?;
        self.keys.retain(|key| key.id != id);
        Ok(())
    }

    fn place(&self, id: &str) -> Result<usize, RingError> {
        let place = self.keys.iter().position(|key| key.id == id);
        place.ok_or_else(|| RingError::Unknown {
            kind: self.kind,
            id: id.to_owned(),
        })
    }

    fn find(&self, id: &str) -> Option<&WrittenKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Refuses a key that servers, or others who check access tokens, may not know yet.
    fn require_known(&self, id: &str, change: Change) -> Result<(), RingError> {
        let added_at = self.find(id).and_then(|key| key.added_at);
        let until = added_at.map(|added_at| added_at.plus(PUBLISHED_FOR));
        if change.is_due(until) {
            return Ok(());
        }
        Err(RingError::NotKnownYet {
            kind: self.kind,
            id: id.to_owned(),
            added_at,
            until,
        })
    }

    /// Refuses a key whose tokens may still be good, or which a server may still use.
    fn require_disused(&self, id: &str, change: Change) -> Result<(), RingError> {
        let was_never_used = |key: &WrittenKey| key.added_at.is_some() && key.promoted_at.is_none();
        let promoted_at = self.keys.first().and_then(|first| first.promoted_at);
        let until = promoted_at.map(|promoted_at| promoted_at.plus(access_token::LIFETIME));
        if self.find(id).is_some_and(was_never_used) || change.is_due(until) {
            return Ok(());
        }
        Err(RingError::StillUsed {
            kind: self.kind,
            id: id.to_owned(),
            promoted_at,
            until,
        })
    }
}

fn require_usable(kind: KeyKind, path: &Path) -> Result<(), KeyError> {
    match kind {
        KeyKind::Signing => SigningKeys::load(path, false, "").map(drop),
        KeyKind::Sealing => SealingKeys::load(path, false).map(drop),
        KeyKind::Federation => FederationKeys::load(path, false).map(drop),
    }
}

impl Change {
    fn is_due(self, until: Option<Timestamp>) -> bool {
        !self.waits || until.is_some_and(|until| until <= self.now)
    }
}

impl fmt::Display for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in &self.keys {
            for (note, time) in [(ADDED, key.added_at), (PROMOTED, key.promoted_at)] {
                if let Some(time) = time {
                    writeln!(f, "{note}{time}")?;
                }
            }
            f.write_str(&key.text)?;
        }
        f.write_str(&self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn day() -> Timestamp {
        Timestamp::parse_time_or_day("2027-03-01").unwrap()
    }

    fn waiting(now: Timestamp) -> Change {
        Change { now, waits: true }
    }

    fn ring(kind: KeyKind) -> (KeyRing, String) {
        let text = kind.make().unwrap();
        let ring = KeyRing::parse(kind, &text);
        let id = ring.keys[0].id.clone();
        (ring, id)
    }

    #[test]
    fn a_key_is_known_before_it_is_used_and_unused_before_it_goes() {
        for kind in KeyKind::ALL {
            let (mut ring, old) = ring(*kind);
            let new = ring.add(day()).unwrap();
            let soon = waiting(day().plus(HOUR / 2));
            assert!(matches!(
                ring.promote(&new, soon),
                Err(RingError::NotKnownYet { .. })
            ));
            assert_eq!(ring.keys[0].id, old);
            assert!(matches!(
                ring.retire(&old, soon),
                Err(RingError::InUse { .. })
            ));
            let then = day().plus(HOUR);
            ring.promote(&new, waiting(then)).unwrap();
            assert_eq!(ring.keys[0].id, new);
            assert!(matches!(
                ring.promote(&new, soon),
                Err(RingError::First { .. })
            ));
            let soon = waiting(then.plus(HOUR / 5));
            assert!(matches!(
                ring.retire(&old, soon),
                Err(RingError::StillUsed { .. })
            ));
            ring.retire(&old, waiting(then.plus(HOUR / 4))).unwrap();
            assert_eq!(ring.keys.len(), 1);
            assert!(matches!(
                ring.retire(&old, soon),
                Err(RingError::Unknown { .. })
            ));
        }
    }

    #[test]
    fn what_is_not_noted_is_not_taken_to_be_long_ago() {
        let (mut ring, old) = ring(KeyKind::Signing);
        ring.keys.push(
            super::KeyRing::parse(KeyKind::Signing, &access_token::make().unwrap())
                .keys
                .remove(0),
        );
        let new = ring.keys[1].id.clone();
        let waits = waiting(day());
        let told = ring.promote(&new, waits).unwrap_err().to_string();
        assert!(
            told.contains("by hand") && told.contains("Promote it with --now, when"),
            "{told}"
        );
        let at_once = Change {
            waits: false,
            ..waits
        };
        ring.promote(&new, at_once).unwrap();
        ring.retire(&old, at_once).unwrap();
    }

    #[test]
    fn a_key_that_was_put_first_by_hand_has_been_used() {
        let (mut ring, _) = ring(KeyKind::Signing);
        let by_hand = ring.add(day()).unwrap();
        ring.keys.rotate_right(1);
        let new = ring.add(day()).unwrap();
        let later = waiting(day().plus(HOUR));
        ring.promote(&new, later).unwrap();
        assert!(matches!(
            ring.retire(&by_hand, later),
            Err(RingError::StillUsed { .. })
        ));
    }

    #[test]
    fn what_others_have_written_stays() {
        let key = sealing::make().unwrap();
        let text = format!("# made by hand\n{key}# the end\n");
        let ring = KeyRing::parse(KeyKind::Sealing, &text);
        assert_eq!((ring.keys.len(), ring.to_string()), (1, text));
    }

    #[test]
    fn one_that_was_never_used_goes_at_once() {
        let (mut ring, old) = ring(KeyKind::Sealing);
        let new = ring.add(day()).unwrap();
        ring.retire(&new, waiting(day())).unwrap();
        assert_eq!(ring.keys[0].id, old);
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_by_servers_too() {
        use std::os::unix::fs::PermissionsExt as _;

        for kind in KeyKind::ALL {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("keys");
            std::fs::write(&file, kind.make().unwrap()).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
            let at_once = Change {
                now: day(),
                waits: false,
            };
            let new = KeyRing::change(*kind, &file, |ring| {
                let new = ring.add(day())?;
                ring.promote(&new, at_once).unwrap();
                Ok::<_, KeyError>(new)
            });
            let ring = KeyRing::read(*kind, &file).unwrap();
            assert_eq!(ring.keys[0].id, new.unwrap());
            assert_eq!(ring.keys[0].promoted_at, Some(day()));
            let ids: Vec<String> = match kind {
                KeyKind::Signing => {
                    let keys = SigningKeys::load(&file, false, "").unwrap();
                    keys.ids().iter().map(ToString::to_string).collect()
                }
                KeyKind::Sealing => {
                    let keys = SealingKeys::load(&file, false).unwrap();
                    keys.ids().iter().map(ToString::to_string).collect()
                }
                KeyKind::Federation => {
                    let keys = FederationKeys::load(&file, false).unwrap();
                    keys.ids().iter().map(ToString::to_string).collect()
                }
            };
            let written: Vec<&str> = ring.keys.iter().map(|key| key.id.as_str()).collect();
            assert_eq!(ids, written);
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        }
    }

    #[test]
    fn two_changes_at_once_are_one_after_the_other_or_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sealing.key");
        std::fs::write(&file, sealing::make().unwrap()).unwrap();
        let add = |ring: &mut KeyRing| ring.add(day());
        KeyRing::change(KeyKind::Sealing, &file, |ring| {
            let told = KeyRing::change(KeyKind::Sealing, &file, add)
                .unwrap_err()
                .to_string();
            assert!(told.contains("another change"), "{told}");
            add(ring)
        })
        .unwrap();
        KeyRing::change(KeyKind::Sealing, &file, add).unwrap();
        assert_eq!(
            KeyRing::read(KeyKind::Sealing, &file).unwrap().keys.len(),
            3
        );
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1);
    }
}

//! Argon2id (RFC 9106) at OWASP strength, written as PHC strings that carry their own parameters.

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};

use super::random;
pub use crate::domain::hash_cost::HashCost;
use crate::error::{Error, Result};

fn params_of(cost: HashCost) -> Result<Params> {
    Params::new(
        cost.memory_kib,
        cost.passes,
        1,
        Some(Params::DEFAULT_OUTPUT_LEN),
    )
    .map_err(|error| Error::internal(error.to_string()))
}

/// Working memory that one thread keeps from hash to hash: allocating and clearing it anew costs a
/// tenth of the hash.
#[derive(Default)]
pub struct HashMemory {
    blocks: Vec<Block>,
}

impl HashMemory {
    fn of(&mut self, blocks: usize) -> &mut [Block] {
        if self.blocks.len() < blocks {
            self.blocks.resize_with(blocks, Block::default);
        }
        self.blocks.get_mut(..blocks).unwrap_or_default()
    }
}

/// Hashes a password with a fresh salt; the result is a PHC string.
///
/// # Errors
/// Where the system has no randomness to give.
pub fn hash(password: &[u8], cost: HashCost, memory: &mut HashMemory) -> Result<String> {
    let mut salt = [0_u8; 16];
    random::fill(&mut salt)?;
    let params = params_of(cost)?;
    let output = derive(password, &salt, &params, memory)?;
    Ok(PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(broken)?,
        salt: Some(Salt::new(&salt).map_err(broken)?),
        hash: Some(output),
    }
    .to_string())
}

/// What a comparison with a stored hash tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed at another cost than today's: hash it again while the password is known.
    RightButOutdated,
}

/// Compares a password with a stored PHC string, in constant time for equal parameters.
///
/// # Errors
/// Where the stored string is none that [`hash`] makes.
pub fn verify(
    stored: &str,
    password: &[u8],
    cost: HashCost,
    memory: &mut HashMemory,
) -> Result<Verdict> {
    let stored = PasswordHash::new(stored).map_err(broken)?;
    let params = Params::try_from(&stored).map_err(broken)?;
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
        return Err(Error::internal(
            "a stored password hash lacks its salt or its hash",
        ));
    };
    if derive(password, &salt, &params, memory)? != expected {
        return Ok(Verdict::Wrong);
    }
    let today = params_of(cost)?;
    let is_current = (params.m_cost(), params.t_cost(), params.p_cost())
        == (today.m_cost(), today.t_cost(), today.p_cost());
    Ok(if is_current {
        Verdict::Right
    } else {
        Verdict::RightButOutdated
    })
}

fn derive(
    password: &[u8],
    salt: &[u8],
    params: &Params,
    memory: &mut HashMemory,
) -> Result<Output> {
    let mut out = [0_u8; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password, salt, &mut out, memory.of(params.block_count()))
        .map_err(broken)?;
    Output::new(&out).map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("password hash: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_and_another_is_not() {
        let mut memory = HashMemory::default();
        let cost = HashCost::FOR_TESTS;
        let stored = hash(b"correct horse 7", cost, &mut memory).unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
            "{stored}"
        );
        assert_eq!(
            verify(&stored, b"correct horse 7", cost, &mut memory).unwrap(),
            Verdict::Right
        );
        assert_eq!(
            verify(&stored, b"correct horse 8", cost, &mut memory).unwrap(),
            Verdict::Wrong
        );
    }

    #[test]
    fn a_hash_of_another_cost_is_right_but_outdated() {
        let mut memory = HashMemory::default();
        let stored = hash(
            b"correct horse 7",
            HashCost {
                memory_kib: 16,
                passes: 2,
            },
            &mut memory,
        )
        .unwrap();
        assert_eq!(
            verify(
                &stored,
                b"correct horse 7",
                HashCost::FOR_TESTS,
                &mut memory
            )
            .unwrap(),
            Verdict::RightButOutdated
        );
    }

    #[test]
    fn two_hashes_of_one_password_differ_by_their_salt() {
        let mut memory = HashMemory::default();
        let one = hash(b"same", HashCost::FOR_TESTS, &mut memory).unwrap();
        let two = hash(b"same", HashCost::FOR_TESTS, &mut memory).unwrap();
        assert_ne!(one, two);
    }
}

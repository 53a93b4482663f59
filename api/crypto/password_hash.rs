//! Argon2id (RFC 9106) at OWASP strength, written as PHC strings that carry their own parameters.

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{Error, Result};

/// What a hash costs: memory in KiB and passes over it, on one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    memory_kib: u32,
    passes: u32,
}

/// Equivalent settings of the OWASP Password Storage Cheat Sheet (Argon2id, one lane). Ours must be
/// at least as strong as one of these.
const OWASP: [HashCost; 5] = [
    HashCost { memory_kib: 47_104, passes: 1 },
    HashCost { memory_kib: 19_456, passes: 2 },
    HashCost { memory_kib: 12_288, passes: 3 },
    HashCost { memory_kib: 9_216, passes: 4 },
    HashCost { memory_kib: 7_168, passes: 5 },
];

impl HashCost {
    /// The OWASP setting that costs a server least for the same strength: 7 MiB, five passes.
    pub const DEFAULT: Self = Self { memory_kib: 7_168, passes: 5 };

    /// The cheapest that Argon2 allows: for tests, where no secret is at stake. No configuration
    /// leads here.
    pub const FOR_TESTS: Self = Self { memory_kib: 8, passes: 1 };

    fn params(self) -> Result<Params> {
        Params::new(self.memory_kib, self.passes, 1, Some(Params::DEFAULT_OUTPUT_LEN))
            .map_err(|error| Error::internal(error.to_string()))
    }

    fn is_strong(self) -> bool {
        OWASP
            .iter()
            .any(|least| self.memory_kib >= least.memory_kib && self.passes >= least.passes)
    }
}

impl std::fmt::Display for HashCost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "m={},t={}", self.memory_kib, self.passes)
    }
}

impl std::str::FromStr for HashCost {
    type Err = &'static str;

    /// Reads `m=<KiB>,t=<passes>`, at OWASP strength or above.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let cost = parse_cost(text).ok_or("is not of the form m=<KiB>,t=<passes>")?;
        if !cost.is_strong() {
            return Err("is weaker than every setting that OWASP recommends for Argon2id");
        }
        Ok(cost)
    }
}

fn parse_cost(text: &str) -> Option<HashCost> {
    let (memory, passes) = text.split_once(',')?;
    Some(HashCost {
        memory_kib: memory.trim().strip_prefix("m=")?.parse().ok()?,
        passes: passes.trim().strip_prefix("t=")?.parse().ok()?,
    })
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
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| Error::internal("no randomness for a salt"))?;
    let params = cost.params()?;
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
        return Err(Error::internal("a stored password hash lacks its salt or its hash"));
    };
    if derive(password, &salt, &params, memory)? != expected {
        return Ok(Verdict::Wrong);
    }
    let today = cost.params()?;
    let is_current =
        (params.m_cost(), params.t_cost(), params.p_cost())
            == (today.m_cost(), today.t_cost(), today.p_cost());
    Ok(if is_current { Verdict::Right } else { Verdict::RightButOutdated })
}

/// The bare hash: what an import's throughput is measured against.
///
/// # Errors
/// Never, for a cost that [`HashCost`] lets through.
pub fn derive_bare(password: &[u8], cost: HashCost, memory: &mut HashMemory) -> Result<()> {
    let params = cost.params()?;
    derive(password, b"a salt of sixteen", &params, memory)?;
    Ok(())
}

fn derive(password: &[u8], salt: &[u8], params: &Params, memory: &mut HashMemory) -> Result<Output> {
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
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        assert_eq!(verify(&stored, b"correct horse 7", cost, &mut memory).unwrap(), Verdict::Right);
        assert_eq!(verify(&stored, b"correct horse 8", cost, &mut memory).unwrap(), Verdict::Wrong);
    }

    #[test]
    fn a_hash_of_another_cost_is_right_but_outdated() {
        let mut memory = HashMemory::default();
        let stored = hash(b"correct horse 7", HashCost { memory_kib: 16, passes: 2 }, &mut memory).unwrap();
        assert_eq!(
            verify(&stored, b"correct horse 7", HashCost::FOR_TESTS, &mut memory).unwrap(),
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

    #[test]
    fn only_costs_of_owasp_strength_are_read() {
        assert_eq!("m=7168,t=5".parse(), Ok(HashCost::DEFAULT));
        assert!("m=65536,t=3".parse::<HashCost>().is_ok());
        assert!("m=7168,t=4".parse::<HashCost>().is_err());
        assert!("m=8,t=1".parse::<HashCost>().is_err());
        assert!("much".parse::<HashCost>().is_err());
    }
}

//! What a password hash costs, and how little it may cost (`docs/accounts.md`).

/// Memory in KiB and passes over it, on one lane of Argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
}

/// Equivalent settings of the OWASP Password Storage Cheat Sheet (Argon2id, one lane). Ours must be
/// at least as strong as one of these.
const OWASP: [HashCost; 5] = [
    HashCost {
        memory_kib: 47_104,
        passes: 1,
    },
    HashCost {
        memory_kib: 19_456,
        passes: 2,
    },
    HashCost {
        memory_kib: 12_288,
        passes: 3,
    },
    HashCost {
        memory_kib: 9_216,
        passes: 4,
    },
    HashCost {
        memory_kib: 7_168,
        passes: 5,
    },
];

impl HashCost {
    /// The cheapest that Argon2 allows: for tests, where no secret is at stake. No configuration
    /// leads here.
    pub const FOR_TESTS: Self = Self {
        memory_kib: 8,
        passes: 1,
    };

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_costs_of_owasp_strength_are_read() {
        assert!("m=7168,t=5".parse::<HashCost>().is_ok());
        assert!("m=65536,t=3".parse::<HashCost>().is_ok());
        assert!("m=7168,t=4".parse::<HashCost>().is_err());
        assert!("m=8,t=1".parse::<HashCost>().is_err());
        assert!("much".parse::<HashCost>().is_err());
    }
}

//! What a check found.

use std::fmt;

use crate::domain::string_enum::string_enum;

string_enum! {
    /// How a check ended.
    Outcome {
        Ok = "ok",
        /// It could not be made, or is not for this installation.
        Skipped = "skipped",
        /// Rollcall works, and something is worth mending.
        Warning = "warning",
        /// Rollcall does not work, or not for everybody.
        Failure = "failure",
    }
}

string_enum! {
    /// What is checked, in the order of the report.
    Check {
        Configuration = "configuration",
        PublicUrl = "public_url",
        AppUrl = "spa_url",
        Proxies = "trusted_proxies",
        DataFolder = "data_folder",
        PrivateFiles = "private_files",
        SigningKey = "signing_key",
        SealingKey = "sealing_key",
        Database = "database",
        Disk = "disk",
        Schema = "schema",
        Pooler = "pooler",
        SealedValues = "sealed_values",
        FederationKey = "federation_key",
        Clock = "clock",
        MailServer = "mail_server",
        MailDomain = "mail_domain",
        Spf = "spf",
        Dmarc = "dmarc",
    }
}

/// What a check found, and what to do about it.
#[derive(serde::Serialize)]
pub struct Finding {
    pub check: Check,
    pub outcome: Outcome,
    pub found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    /// Nothing is wrong.
    pub fn ok(self, found: impl Into<String>) -> Finding {
        self.ended(Outcome::Ok, found.into(), None)
    }

    /// It could not be made, or is not for this installation.
    pub fn skipped(self, why: impl Into<String>) -> Finding {
        self.ended(Outcome::Skipped, why.into(), None)
    }

    /// Something is worth mending.
    pub fn warning(self, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        self.ended(Outcome::Warning, found.into(), Some(advice.into()))
    }

    /// Something is broken.
    pub fn failure(self, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        self.ended(Outcome::Failure, found.into(), Some(advice.into()))
    }

    const fn ended(self, outcome: Outcome, found: String, advice: Option<String>) -> Finding {
        Finding {
            check: self,
            outcome,
            found,
            advice,
        }
    }
}

/// All that was found.
#[derive(serde::Serialize)]
pub struct Report {
    pub outcome: Outcome,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Ends as the worst of its checks did.
    pub fn of(findings: Vec<Finding>) -> Self {
        let worst = findings.iter().map(|finding| finding.outcome).max();
        let outcome = match worst {
            Some(Outcome::Failure) => Outcome::Failure,
            Some(Outcome::Warning) => Outcome::Warning,
            Some(Outcome::Ok | Outcome::Skipped) | None => Outcome::Ok,
        };
        Self { outcome, findings }
    }

    /// How many checks ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        let has_ended_so = |finding: &&Finding| finding.outcome == outcome;
        self.findings.iter().filter(has_ended_so).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let (outcome, check) = (finding.outcome.as_str(), finding.check.as_str());
            writeln!(f, "{outcome:<8} {check:<16} {}", finding.found)?;
            if let Some(advice) = &finding.advice {
                writeln!(f, "{:<25} What to do: {advice}", "")?;
            }
        }
        let [failures, warnings] = [Outcome::Failure, Outcome::Warning].map(|end| self.count(end));
        writeln!(f, "\nFailures: {failures}. Warnings: {warnings}.")
    }
}

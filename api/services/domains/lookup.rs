//! The record of a domain, looked up. Nothing of the database is held meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;

use crate::dns::{DnsError, NameServers};
use crate::domain::domains::{record_name, record_value};
use crate::store::domains::Domain;

/// What name servers say of the record of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordAnswer {
    Found,
    /// It stands at this name, where it does not count.
    Misplaced(String),
    /// It is not there; these texts are.
    Missing(Vec<String>),
    /// Nobody could say.
    NoAnswer,
}

/// How long an answer is waited for, with all repetitions.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Looks the record of a domain up.
pub async fn look_up(servers: &[SocketAddr], domain: &Domain) -> RecordAnswer {
    match NameServers::asking(servers) {
        Ok(name_servers) => ask_in_time(&name_servers, domain).await,
        Err(error) => no_answer(domain, &error),
    }
}

async fn ask_in_time(name_servers: &NameServers, domain: &Domain) -> RecordAnswer {
    match timeout(TIMEOUT, ask(name_servers, domain)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => no_answer(domain, &error),
        Err(late) => no_answer(domain, &late),
    }
}

fn no_answer(domain: &Domain, error: &dyn std::error::Error) -> RecordAnswer {
    tracing::info!(domain = %domain.domain, %error, "the record of a domain could not be looked up");
    RecordAnswer::NoAnswer
}

async fn ask(name_servers: &NameServers, domain: &Domain) -> Result<RecordAnswer, DnsError> {
    let (name, value) = (record_name(&domain.domain), record_value(&domain.challenge));
    let holds = |texts: &[String]| texts.iter().any(|text| text.trim() == value);
    let texts = name_servers.texts(&name).await?;
    if holds(&texts) {
        return Ok(RecordAnswer::Found);
    }
    // Many hosts add the domain to what is typed by themselves; and some people leave the label out.
    let elsewhere = [
        format!("{name}.{}", domain.domain),
        domain.domain.to_string(),
    ];
    for elsewhere in elsewhere {
        if name_servers
            .texts(&elsewhere)
            .await
            .is_ok_and(|texts| holds(&texts))
        {
            return Ok(RecordAnswer::Misplaced(elsewhere));
        }
    }
    Ok(RecordAnswer::Missing(texts))
}

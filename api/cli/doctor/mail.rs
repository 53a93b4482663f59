//! The mail server, and what the domain name system says of the sender's domain.

use super::finding::{Check, Finding};
use crate::config::Config;
use crate::dns::{Dns, DnsError};
use crate::domain::smtp_url::{Security, SmtpUrl};
use crate::mail::transport::Transport;

pub fn check(config: &Config) -> Vec<Finding> {
    let Some(server) = &config.smtp_url else {
        return vec![folder(config)];
    };
    let mut findings = vec![mail_server(config, server)];
    findings.extend(domain(config));
    findings
}

fn folder(config: &Config) -> Finding {
    let folder = config.data_dir.join("mail");
    let found = format!("no mail leaves: it is written to {}", folder.display());
    if config.is_embedded() {
        return Check::MailServer.skipped(found);
    }
    Check::MailServer.warning(
        found,
        "Name a mail server in ROLLCALL_SMTP_URL, and the sender in ROLLCALL_MAIL_FROM",
    )
}

fn mail_server(config: &Config, server: &SmtpUrl) -> Finding {
    let at = format!("{}:{}", server.host, server.port);
    if let Err(error) = Transport::configured(config).try_session() {
        return Check::MailServer.failure(
            format!("{at}: {}", error.reason().text()),
            "Correct ROLLCALL_SMTP_URL, or what is between here and the server (firewall, certificate, password); \
             mail waits meanwhile",
        );
    }
    let encrypted = match server.security {
        Security::Implicit => "speaks TLS",
        Security::Required => "takes STARTTLS",
        Security::Optional => "is encrypted where it offers STARTTLS",
        Security::Never => "is not encrypted",
    };
    let signed_in = match server.credentials {
        Some(_) => ", and takes user and password",
        None => "",
    };
    Check::MailServer.ok(format!(
        "{at} answers, {encrypted}{signed_in}; no mail was sent"
    ))
}

/// The records of the domain that mail is sent from. Where they cannot be looked up, nothing is said of them.
fn domain(config: &Config) -> Vec<Finding> {
    let domain = config.mail_from.address().domain();
    let looked_up = Dns::asking(&config.dns_servers).and_then(|dns| {
        Ok(vec![
            takes_mail(&dns, domain)?,
            spf(&dns, domain)?,
            dmarc(&dns, domain)?,
        ])
    });
    looked_up.unwrap_or_else(|error| {
        let why = format!(
            "{domain} could not be looked up ({error}): see that MX, SPF and DMARC are published, or name servers \
             that can be asked from here in ROLLCALL_DNS_SERVERS"
        );
        vec![Check::MailDomain.skipped(why)]
    })
}

fn takes_mail(dns: &Dns, domain: &str) -> Result<Finding, DnsError> {
    let servers = dns.mail_servers(domain)?;
    let advice = "Publish an MX record for the domain of ROLLCALL_MAIL_FROM: receivers refuse mail from a domain \
                  that takes none, and nobody learns of what could not be delivered";
    if servers.iter().any(|server| server == ".") {
        let found = format!("{domain} says that it takes no mail (null MX)");
        return Ok(Check::MailDomain.failure(found, advice));
    }
    if !servers.is_empty() {
        let found = format!("{domain} takes mail at {}", servers.join(", "));
        return Ok(Check::MailDomain.ok(found));
    }
    if dns.has_address(domain)? {
        let found = format!("{domain} has no MX record, only an address");
        return Ok(Check::MailDomain.warning(found, advice));
    }
    let found = format!("{domain} has neither an MX record nor an address");
    Ok(Check::MailDomain.failure(found, advice))
}

/// RFC 7208.
fn spf(dns: &Dns, domain: &str) -> Result<Finding, DnsError> {
    let mut policies = dns.texts(domain)?;
    policies.retain(|text| text == "v=spf1" || text.starts_with("v=spf1 "));
    Ok(match policies.as_slice() {
        [] => Check::Spf.warning(
            format!(
                "{domain} does not say which servers send its mail: much of it is taken for spam"
            ),
            "Publish a TXT record such as \"v=spf1 include:<your mail server's> -all\"",
        ),
        [policy] if policy.split(' ').any(|term| matches!(term, "+all" | "all")) => Check::Spf
            .warning(
                format!("{domain} lets everybody send mail in its name: {policy}"),
                "End the record with -all or ~all",
            ),
        [policy] => Check::Spf.ok(policy.as_str()),
        [_, _, ..] => Check::Spf.warning(
            format!(
                "{domain} has {} SPF records: receivers take none of them",
                policies.len()
            ),
            "Publish one record with what all of them say",
        ),
    })
}

/// RFC 7489: the domain's own policy, or that of a domain above it.
fn dmarc(dns: &Dns, domain: &str) -> Result<Finding, DnsError> {
    for name in above(domain) {
        let mut policies = dns.texts(&format!("_dmarc.{name}"))?;
        policies.retain(|text| text.starts_with("v=DMARC1"));
        if let Some(policy) = policies.first() {
            return Ok(Check::Dmarc.ok(format!("_dmarc.{name}: {policy}")));
        }
    }
    Ok(Check::Dmarc.warning(
        format!("{domain} has no DMARC policy: others can send mail in its name, and some receivers refuse it"),
        format!("Publish a TXT record at _dmarc.{domain}, to begin with \"v=DMARC1; p=none; rua=mailto:<you>\""),
    ))
}

/// A domain and those above it, but for the top.
fn above(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |name| {
        let (_, rest) = name.split_once('.')?;
        rest.contains('.').then_some(rest)
    })
}

//! What it costs to verify a SAML response of 20 KiB, beside the RSA signature alone: `cargo bench --bench saml`.
//!
//! The identity provider of the tests makes the response. Rounds of both take turns, on one thread; the median of each
//! is printed, in time of the processor as far as nothing else runs.
//!
//! `ROLLCALL_BENCH_ROUNDS` changes how many there are.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]

#[path = "../tests/api/saml/provider.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod provider;

mod peers {
    use rollcall::domain::diagnosis::Steps;
    use rollcall::domain::timestamp::Timestamp;
    use rollcall::saml::assertion::VerifiedAssertion;
    use rollcall::saml::response::Unverified;

    /// How a document was judged.
    pub type Judgement = (Result<VerifiedAssertion, Unverified>, Steps);

    pub fn moment(text: &str) -> Timestamp {
        Timestamp::parse_time_or_day(text).unwrap()
    }
}

use std::hint::black_box;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::crypto::public_key::SignatureAlgorithm;

use provider::{NOW, assertion, certificate, judge_field, pem, response, sign};

/// The size of the response.
const SIZE: usize = 20 * 1024;
/// What it may cost.
const MOST: Duration = Duration::from_millis(3);

fn main() {
    let rounds = std::env::var("ROLLCALL_BENCH_ROUNDS");
    let rounds: usize = rounds.map_or(300, |it| it.parse().unwrap());
    let document = large();
    let field = STANDARD.encode(&document);
    let message = vec![b'x'; 1500];
    let signature = rsa(&message);
    let key = certificate("idp").key().clone();

    let (mut whole, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        whole.push(time(|| {
            judge_field(black_box(&field), NOW, "idp").0.is_ok()
        }));
        let algorithm = SignatureAlgorithm::Rs256;
        alone.push(time(|| {
            key.verifies(algorithm, black_box(&message), &signature)
        }));
    }
    let (whole, alone) = (median(whole), median(alone));
    println!(
        "a response of {} bytes: {whole:?}; its RSA signature alone: {alone:?}",
        document.len()
    );
    assert!(whole <= MOST, "more than {MOST:?}");
}

/// A response with so many groups that it has its size.
fn large() -> String {
    let mut groups = String::new();
    while groups.len() + 4000 < SIZE {
        let number = groups.len();
        groups += &format!(
            "<saml:AttributeValue>https://idp.example.org/groups/{number:06}</saml:AttributeValue>"
        );
    }
    let attribute = format!(
        r#"<saml:Attribute Name="groups">{groups}</saml:Attribute></saml:AttributeStatement>"#
    );
    response(&sign(
        &assertion().replace("</saml:AttributeStatement>", &attribute),
    ))
}

fn rsa(message: &[u8]) -> Vec<u8> {
    let pair = ring::signature::RsaKeyPair::from_pkcs8(&pem("idp.key")).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    let encoding = &ring::signature::RSA_PKCS1_SHA256;
    pair.sign(encoding, &random, message, &mut signature)
        .unwrap();
    signature
}

fn time(work: impl FnOnce() -> bool) -> Duration {
    let begun = Instant::now();
    assert!(work());
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

//! What a provider says of itself (OpenID Connect Discovery 1.0).

use serde::Deserialize;
use url::Url;

use crate::crypto::public_key::SignatureAlgorithm;
use crate::domain::connections::ClientAuthentication;
use crate::domain::diagnosis::{Refused, Step, StepName, Steps};
use crate::domain::shown;

/// A provider, as its document of discovery describes it.
#[derive(Clone, Debug)]
pub struct Provider {
    pub issuer: String,
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    pub jwks_uri: Url,
    pub userinfo_endpoint: Option<Url>,
    pub end_session_endpoint: Option<Url>,
    /// How clients may prove who they are; what it does not say is `client_secret_basic`.
    pub client_authentication: Vec<ClientAuthentication>,
    /// Whether it names itself when it sends somebody back (RFC 9207).
    pub sends_issuer: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    response_types_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Where the document of an issuer is.
pub fn document_url(issuer: &str) -> Option<Url> {
    let base = issuer.trim_end_matches('/');
    format!("{base}/.well-known/openid-configuration")
        .parse()
        .ok()
}

/// Reads the document of an issuer.
///
/// # Errors
/// Where it cannot be read, is another issuer's, or does not offer what is needed.
pub fn read(body: &[u8], issuer: &str, steps: &mut Steps) -> Result<Provider, Refused> {
    let document: Document = match serde_json::from_slice(body) {
        Ok(document) => document,
        Err(problem) => {
            return steps.refuse(unreadable(body, &problem));
        }
    };
    if document.issuer != issuer {
        return steps.refuse(failed(
            shown::value(issuer),
            shown::value(&document.issuer),
            "Set the issuer of the connection to exactly what the provider's document says, every character and the \
             slash at its end included.",
        ));
    }
    require_offers(&document, steps)?;
    let mut endpoints = Endpoints {
        may_be_plain: issuer.starts_with("http://"),
        steps: &mut *steps,
    };
    let provider = Provider {
        authorization_endpoint: endpoints
            .required("authorization_endpoint", &document.authorization_endpoint)?,
        token_endpoint: endpoints.required("token_endpoint", &document.token_endpoint)?,
        jwks_uri: endpoints.required("jwks_uri", &document.jwks_uri)?,
        userinfo_endpoint: endpoints.optional("userinfo_endpoint", &document.userinfo_endpoint)?,
        end_session_endpoint: endpoints
            .optional("end_session_endpoint", &document.end_session_endpoint)?,
        client_authentication: client_authentication(
            document.token_endpoint_auth_methods_supported,
        ),
        sends_issuer: document.authorization_response_iss_parameter_supported,
        issuer: document.issuer,
    };
    steps.add(Step::ok(StepName::Discovery, shown::value(issuer)));
    if let Some(methods) = document.code_challenge_methods_supported
        && !methods.iter().any(|method| method == "S256")
    {
        let received = shown::value(&methods.join(", "));
        let advice =
            "Have the provider check PKCE by S256. Rollcall sends the challenge all the same.";
        steps.add(
            failed(
                "S256 among code_challenge_methods_supported",
                received,
                advice,
            )
            .as_warning(),
        );
    }
    Ok(provider)
}

fn unreadable(body: &[u8], problem: &serde_json::Error) -> Step {
    let received = if shown::is_web_page(body) {
        "a web page (HTML)".to_owned()
    } else {
        let problem = shown::sentence(&problem.to_string());
        format!("what cannot be read as one: {problem}")
    };
    failed(
        "a document of OpenID Connect Discovery",
        received,
        "Check the issuer of the connection: its document is at <issuer>/.well-known/openid-configuration.",
    )
}

fn failed(expected: impl Into<String>, received: impl Into<String>, advice: &str) -> Step {
    Step::failed(StepName::Discovery, expected, received, advice)
}

fn require_offers(document: &Document, steps: &mut Steps) -> Result<(), Refused> {
    if let Some(types) = &document.response_types_supported
        && !types.iter().any(|it| it == "code")
    {
        let received = shown::value(&types.join(", "));
        let advice = "Allow the authorization code flow for this application at the provider.";
        return steps.refuse(failed(
            "`code` among response_types_supported",
            received,
            advice,
        ));
    }
    let is_taken = |name: &String| name.parse::<SignatureAlgorithm>().is_ok();
    match &document.id_token_signing_alg_values_supported {
        Some(names) if !names.iter().any(is_taken) => {
            let taken: Vec<&str> = SignatureAlgorithm::ALL
                .iter()
                .map(|it| it.as_str())
                .collect();
            let received = shown::value(&names.join(", "));
            let advice = "Have the provider sign ID tokens by one of these.";
            steps.refuse(failed(
                format!("one of {}", taken.join(", ")),
                received,
                advice,
            ))
        }
        Some(_) | None => Ok(()),
    }
}

/// Reads endpoints: they have https; or http where the issuer has it, which only one can have that the operator allows.
struct Endpoints<'a> {
    may_be_plain: bool,
    steps: &'a mut Steps,
}

impl Endpoints<'_> {
    fn required(&mut self, name: &str, text: &str) -> Result<Url, Refused> {
        match text.parse::<Url>().ok().filter(|url| self.is_fitting(url)) {
            Some(url) => Ok(url),
            None => self.steps.refuse(failed(
                format!("an https:// URL as {name}"),
                shown::value(text),
                "Have the provider publish its endpoints with https.",
            )),
        }
    }

    fn optional(&mut self, name: &str, text: &Option<String>) -> Result<Option<Url>, Refused> {
        let read = text.as_ref().map(|text| self.required(name, text));
        read.transpose()
    }

    fn is_fitting(&self, url: &Url) -> bool {
        let is_web = match url.scheme() {
            "https" => true,
            "http" => self.may_be_plain,
            _ => false,
        };
        let has_user = !url.username().is_empty() || url.password().is_some();
        is_web && url.has_host() && !has_user && url.fragment().is_none()
    }
}

fn client_authentication(names: Option<Vec<String>>) -> Vec<ClientAuthentication> {
    match names {
        Some(names) => names.iter().filter_map(|name| name.parse().ok()).collect(),
        None => vec![ClientAuthentication::ClientSecretBasic],
    }
}

//! How far the clock of a provider may be off (`ROLLCALL_SSO_SKEW_SECONDS`).

use rollcall::config::Config;

use super::saml_flows::{ask, refused_at, saml_active};
use super::*;
use crate::limits::on_both;
use crate::saml::provider::assertion_of;

const OFF: Duration = Duration::from_secs(170);

fn a_minute(config: &mut Config) {
    config.sso_skew = Duration::from_secs(60);
}

/// Where browsers end of whom providers send whose clocks are ahead: by OpenID Connect, and by SAML.
async fn ends(app: &App, school: &Organization<'_>) -> [Url; 2] {
    let provider = IdentityProvider::start();
    let oidc = active(school, &provider).await;
    let saml = saml_active(school).await;
    let later = app.now().plus(OFF);
    let anonymous = app.anonymous();
    let started = start(&anonymous, &oidc, json!({})).await.expect_status(200);
    let url = text(&started["authorization_url"]);
    let back = provider.sign_in(&url, (later, json!({ "sub": "mira" })));
    let asked = ask(&anonymous, &saml, json!({})).await;
    let form = asked.answer(&assertion_of("_b0b", "mira@example.org"), later);
    [follow(app, &back).await, form.post(app).await]
}

both_databases!(three_minutes_are_allowed, |app| {
    let school = app.school().await;
    for end in ends(app, &school).await {
        exchange(app, &ticket_of(&end)).await.expect_status(200);
    }
});

#[test]
fn an_installation_may_allow_less() {
    on_both(a_minute, async |app| {
        let school = app.school().await;
        for end in ends(app, &school).await {
            let (step, code) = refused_at(&school, &end).await;
            assert_eq!((&*step, &*code), ("time", "response_invalid"));
            let diagnosis = diagnosis_of(&school, &end).await;
            let advice = text(&last_step(&diagnosis)["advice"]);
            assert!(advice.contains("60"), "{advice}");
        }
    });
}

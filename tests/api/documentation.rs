//! The page at `/docs`, as a browser shows it.

use serde_json::{Value, json};

use crate::support::app::block_on;
use crate::support::browser::Browser;
use crate::support::{App, both_databases};

both_databases!(the_document_is_served, |app| {
    let document = app.anonymous().get("/openapi.json").await;
    let kept: Value = serde_json::from_str(&rollcall::openapi::to_json().unwrap()).unwrap();
    document.expect(200, kept);
});

both_databases!(the_document_is_served_as_version_3_0_too, |app| {
    let document = app.anonymous().get("/openapi-3.0.json").await;
    let kept: Value = serde_json::from_str(&rollcall::openapi::to_json_3_0().unwrap()).unwrap();
    document.expect(200, kept);
});

both_databases!(the_page_is_where_people_look_for_it, |app| {
    for path in ["/docs", "/docs/"] {
        let page = app.anonymous().get(path).await;
        page.expect_status(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    }
    let script = app.anonymous().get("/docs/scalar.js").await;
    script.expect_status(200);
    assert_eq!(
        script.header("content-type"),
        "text/javascript; charset=utf-8"
    );
});

/// How many operations the document has.
fn count_operations() -> usize {
    let document: Value = serde_json::from_str(&rollcall::openapi::to_json().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    paths.map(|item| item.as_object().unwrap().len()).sum()
}

/// Opens the groups of the list beside the text, and counts the operations in it.
const LISTED: &str = "
    const list = document.querySelector('aside');
    if (!list) return 0;
    for (const group of list.querySelectorAll('button[aria-expanded=\"false\"]')) group.click();
    const operations = Array.from(list.querySelectorAll('a'), (link) => link.getAttribute('href'));
    return operations.filter((target) => /^#tag\\/[^/]+\\/[A-Z]+\\//.test(target)).length;
";

/// The hosts that the page has asked.
const ASKED: &str = "
    const asked = performance.getEntriesByType('resource').map((entry) => new URL(entry.name).host);
    return Array.from(new Set(asked));
";

async fn shows_every_operation_and_tries_one_out(app: &App, browser: &Browser) {
    let ann = app.register("ann@x.org").await;
    browser.go_to(&app.url("/docs")).await;
    browser.wait_until(LISTED, json!(count_operations())).await;

    let token = browser.find("//input[@placeholder='Token']").await;
    browser.enter(&token, &ann.access_token.unwrap()).await;
    browser
        .run("location.hash = '#tag/my-account/GET/v1/me'")
        .await;
    let try_out = browser.find("//button[contains(., 'get /v1/me)')]").await;
    browser.click(&try_out).await;
    let send = browser
        .find("//button[starts-with(normalize-space(.), 'Send')]")
        .await;
    browser.click(&send).await;
    let is_shown = "return document.body.innerText.includes('ann@x.org')";
    browser.wait_until(is_shown, json!(true)).await;

    assert_eq!(browser.complaints().await, [""; 0]);
    let own = app.address.to_string();
    assert_eq!(browser.run(ASKED).await, json!([own]));
}

#[test]
fn the_page_shows_every_operation_and_tries_one_out() {
    let app = App::on_sqlite();
    block_on(async {
        if let Some(browser) = Browser::open(1280, 900).await {
            shows_every_operation_and_tries_one_out(&app, &browser).await;
        }
    });
}

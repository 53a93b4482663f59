//! What a server logs: a line for each request with its id, and never a secret, even where everything
//! is logged that there is.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::app::block_on;
use crate::support::people::{send, text};
use crate::support::process::Installation;

const PASSWORD: &str = "seven green ducks 7";
const OF_ROW: &str = "four brown bears 4";

#[test]
fn every_request_is_logged_and_no_secret_ever() {
    let mut installation = Installation::on_sqlite();
    installation.set("LOG", "trace");
    installation.set("LOG_FORMAT", "json");
    let server = installation.start();
    let secrets = block_on(async {
        let ann = json!({ "email": "ann@x.org", "password": PASSWORD, "username": "Ann" });
        let ann = server
            .post("/v1/auth/register", "", ann)
            .await
            .expect_status(201);
        let token = text(&ann["access_token"]);
        let wrong = json!({ "email": "ann@x.org", "password": "wrong secret 1" });
        server
            .post("/v1/auth/login", "", wrong)
            .await
            .expect_status(401);
        let malformed = json!({ "email": "ann@x.org", "password": 918_273_645 });
        server
            .post("/v1/auth/login", "", malformed)
            .await
            .expect_status(400);
        let refresh = json!({ "refresh_token": ann["refresh_token"] });
        let next = server
            .post("/v1/auth/refresh", "", refresh)
            .await
            .expect_status(200);
        let school = json!({ "name": "Hill", "kind": "school" });
        let school = server
            .post("/v1/organizations", &token, school)
            .await
            .expect_status(201);
        let csv = format!("email,password,username\nbob@x.org,{OF_ROW},Bob\n{OF_ROW},x,Eve\n");
        let form = Form::new()
            .text("account_type", "student")
            .part("file", Part::text(csv));
        let imports = format!("/v1/organizations/{}/imports", text(&school["id"]));
        let upload = server
            .request(Method::POST, &imports, &token)
            .multipart(form);
        let import = send(upload).await.expect_status(202);
        let path = format!("{imports}/{}", text(&import["id"]));
        while server.get(&path, &token).await.expect_status(200)["status"] != "completed" {}
        let list = server.get(&format!("{path}/userlist.csv"), &token).await;
        assert!(list.text.contains(OF_ROW));
        let me = server
            .request(Method::GET, "/v1/me", &token)
            .header("x-request-id", "find-me");
        send(me).await.expect_status(200);
        vec![
            PASSWORD.to_owned(),
            OF_ROW.to_owned(),
            "wrong secret 1".to_owned(),
            "918273645".to_owned(),
            token,
            text(&ann["refresh_token"]),
            text(&next["access_token"]),
            text(&next["refresh_token"]),
            "$argon2id$".to_owned(),
        ]
    });
    let log = server.log();
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
    let answered = log
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"))
        })
        .find(|line| line["message"] == "answered" && line["id"] == "find-me")
        .expect("the request is not logged");
    assert_eq!(answered["method"], "GET");
    assert_eq!(answered["route"], "/v1/me");
    assert_eq!(answered["status"], 200);
}

//! The way of a school, by the client that progenitor makes of the document.

use std::fmt::Display;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::multipart::{Form, Part};
use rollcall_client::types::{
    AccountImport, AccountType, CodeOutcome, OrganizationKind, Problem, ProblemCode,
};
use rollcall_client::{ByteStream, Client, ClientInfo as _, Error};

const PASSWORD: &str = "seven green ducks 7";

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn signed_in(base_url: &str, access_token: &str) -> Result<Client> {
    let bearer = format!("Bearer {access_token}").parse()?;
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    let client = reqwest::Client::builder()
        .default_headers(headers)
        .build()?;
    Ok(Client::new_with_client(base_url, client))
}

async fn register(anonymous: &Client, email: &str, username: &str) -> Result<Client> {
    let registered = anonymous
        .register_account()
        .body_map(|body| body.email(email).password(PASSWORD).username(username))
        .send()
        .await?;
    signed_in(anonymous.baseurl(), &registered.access_token)
}

/// The one operation that the client lacks.
async fn create_import(
    admin: &Client,
    school: impl Display,
    csv: &'static str,
) -> Result<AccountImport> {
    let url = format!("{}/v1/organizations/{}/imports", admin.baseurl(), school);
    let form = Form::new()
        .text("account_type", AccountType::Student.to_string())
        .text("generate_missing_passwords", "true")
        .part("file", Part::text(csv).file_name("people.csv"));
    let accepted = admin.client().post(url).multipart(form).send().await?;
    Ok(accepted.error_for_status()?.json().await?)
}

async fn text_of(stream: ByteStream) -> Result<String> {
    let chunks: Vec<_> = stream.into_inner().try_collect().await?;
    Ok(String::from_utf8(chunks.concat())?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let base_url = std::env::args()
        .nth(1)
        .ok_or("the URL of the server is needed")?;
    let anonymous = Client::new(&base_url);
    let admin = register(&anonymous, "ann@rust.example", "Ann").await?;
    let created = admin
        .create_organization()
        .body_map(|body| body.name("Hill Road School").kind(OrganizationKind::School))
        .send()
        .await?;
    let school = *created.id;

    let csv = "email,password,username\nbob@rust.example,,Bob\n";
    let mut latest = create_import(&admin, school, csv).await?;
    let import = *latest.id;
    while latest.finished_at.is_none() {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let get = admin.get_import().organization_id(school).import_id(import);
        latest = get.send().await?.into_inner();
    }
    assert_eq!(latest.counts.created, 1, "{latest:?}");
    let download = admin
        .download_userlist()
        .organization_id(school)
        .import_id(import);
    let list = text_of(download.send().await?.into_inner()).await?;
    let row = list.lines().nth(1).ok_or("the list is empty")?;
    let given = row.split(',').nth(2).ok_or("no password")?;
    let login = anonymous
        .login()
        .body_map(|body| body.email("bob@rust.example").password(given));
    let bob = signed_in(&base_url, &login.send().await?.access_token)?;
    let memberships = bob.list_my_memberships().send().await?;
    assert_eq!(*memberships.items[0].organization.id, school);

    let invite = admin
        .create_invitations()
        .organization_id(school)
        .body_map(|body| {
            let emails = ["eve@rust.example".parse().expect("an address")];
            body.emails(emails).account_type(AccountType::Student)
        });
    let invited = invite.send().await?;
    assert_eq!(invited.results.len(), 1, "{invited:?}");

    let code = admin
        .get_invite_code()
        .organization_id(school)
        .send()
        .await?;
    let joiner = register(&anonymous, "joe@rust.example", "Joe").await?;
    let redeem = joiner.redeem_invite_code();
    let joined = redeem
        .body_map(|body| body.code(code.code.as_str()))
        .send()
        .await?;
    assert_eq!(joined.outcome, CodeOutcome::Joined);

    let members = admin.list_members().organization_id(school).send().await?;
    for email in ["ann@rust.example", "bob@rust.example", "joe@rust.example"] {
        assert!(
            members.items.iter().any(|it| *it.email == email),
            "{members:?}"
        );
    }

    let refused = anonymous
        .login()
        .body_map(|body| body.email("ann@rust.example").password("wrong"));
    let Err(Error::<Problem>::ErrorResponse(problem)) = refused.send().await else {
        return Err("a wrong password signs in".into());
    };
    assert_eq!(problem.code, ProblemCode::WrongCredentials);
    Ok(())
}

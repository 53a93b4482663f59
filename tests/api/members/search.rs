//! How people, groups and invitations are searched (`docs/members.md#search`).

use serde_json::{Value, json};

use crate::support::both_databases;
use crate::support::people::{Organization, text};

const PEOPLE: &str = "email,password,username\n\
    mira@bücher.example,quiet rivers 11,Mira Kovač\n\
    jean-luc@x.org,quiet rivers 12,Anna‑Lena Picard\n\
    li@x.org,quiet rivers 13,李小龙\n\
    o'neill@sub-domain.example,quiet rivers 14,Shane O’Neill\n\
    wild@x.org,quiet rivers 15,\"100%_\\ \"\"NEAR\"\" a* OR b:c ^(d)\"\n";

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The local parts of the addresses that a list shows.
async fn shown(school: &Organization<'_>, list: &str, query: &str) -> Vec<String> {
    let path = school.path(&format!("/{list}?{query}"));
    let page = school.admin.get(&path).await.expect_status(200);
    let items = page["items"].as_array().unwrap().iter();
    let emails = items.map(|item| text(&item["email"]));
    emails
        .map(|email| email.split('@').next().unwrap().to_owned())
        .collect()
}

async fn found(school: &Organization<'_>, search: &str) -> Vec<String> {
    shown(school, "members", &format!("search={}", encoded(search))).await
}

both_databases!(any_spelling_of_an_address_finds_its_person, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    for search in [
        "mira@bücher.example",
        "  MIRA@BÜCHER.example ",
        "mira@bu\u{308}cher.example",
        "mira@xn--bcher-kva.example",
        "ｍｉｒａ＠ｂｕ\u{308}ｃｈｅｒ．ｅｘａｍｐｌｅ",
        "mira@bücher。example",
        "@bücher.example",
        "@xn--bcher-kva.example",
        "bücher",
        "xn--bcher-kva.example",
    ] {
        assert_eq!(found(&school, search).await, ["mira"], "{search}");
    }
    for domain in [
        "bücher.example",
        " @BU\u{308}CHER.example",
        "xn--bcher-kva.example",
        "ｂüｃｈｅｒ。example",
    ] {
        let query = format!("email_domain={}", encoded(domain));
        assert_eq!(
            shown(&school, "members", &query).await,
            ["mira"],
            "{domain}"
        );
    }
    for (domain, expected) in [
        ("sub-domain.example", vec!["o'neill"]),
        ("subdomain.example", vec![]),
        ("cher.example", vec![]),
        ("ub-domain.example", vec![]),
    ] {
        let query = format!("email_domain={domain}");
        assert_eq!(
            shown(&school, "members", &query).await,
            expected,
            "{domain}"
        );
    }
    for domain in ["x", "a b.org", "%25.org", "x.org@y.org"] {
        let path = school.path(&format!("/members?email_domain={domain}"));
        let refused = school.admin.get(&path).await;
        refused.expect_fields(&[("?email_domain", "invalid")]);
    }
    let all = shown(&school, "members", "email_domain=+&search=+").await;
    assert_eq!(all.len(), 6);
});

both_databases!(words_in_any_order_find_whoever_has_them_all, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    for (search, expected) in [
        ("kovac mira", vec!["mira"]),
        ("KOV  ra", vec!["mira"]),
        ("example kovač", vec!["mira"]),
        ("picard x.org", vec!["jean-luc"]),
        ("anna-lena", vec!["jean-luc"]),
        ("Anna–Lena", vec!["jean-luc"]),
        ("lena anna", vec!["jean-luc"]),
        ("annalena", vec!["jean-luc"]),
        ("jean−luc@x.org", vec!["jean-luc"]),
        ("o'neill", vec!["o'neill"]),
        ("O´Neill", vec!["o'neill"]),
        ("ONEILL shane", vec!["o'neill"]),
        ("o‘neill@sub-domain.example", vec!["o'neill"]),
        ("小龙", vec!["li"]),
        ("龙", vec!["li"]),
        ("李 x.org", vec!["li"]),
        ("mira picard", vec![]),
        ("kovacmira", vec![]),
    ] {
        assert_eq!(found(&school, search).await, expected, "{search}");
    }
    assert_eq!(found(&school, "' -").await.len(), 6);
});

both_databases!(what_is_searched_for_is_plain_text, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    for search in [
        "%",
        "_",
        "\\",
        "100%_",
        "\"",
        "\"NEAR\"",
        "*",
        "a*",
        "OR b:c",
        "NEAR",
        "^(",
        "(d)",
        "b:c",
        ":c",
        "\"NEAR\" OR",
    ] {
        assert_eq!(found(&school, search).await, ["wild"], "{search}");
    }
    for search in [
        "x%org",
        "m_ra",
        "mi*",
        "\"mira\"",
        "mira OR li",
        "NOT mira",
        "NEAR(mira kovac)",
        "mira AND kovac",
        "search_key:mira",
        "';drop",
        "{}",
        "mira\\",
        "&|!<->",
    ] {
        assert_eq!(found(&school, search).await, [""; 0], "{search}");
    }
});

both_databases!(members_of_others_are_never_found, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    let other = app.organization("Other School", "school").await;
    let csv = "email,password,username\nmira@x.net,quiet rivers 11,Mira Kovač\n";
    other.import_students(csv).await;
    assert_eq!(found(&school, "mira").await, ["mira"]);
    assert_eq!(found(&other, "kovač x.net").await, ["mira"]);
    assert!(found(&other, "bücher").await.is_empty());
    assert!(found(&other, "小龙").await.is_empty());
});

both_databases!(a_renamed_member_is_found_by_the_new_name, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    let li = app.sign_in("li@x.org", "quiet rivers 13").await;
    let renamed = json!({ "username": "Bruce Lee" });
    li.patch("/v1/me", renamed).await.expect_status(200);
    assert_eq!(found(&school, "lee bru").await, ["li"]);
    assert!(found(&school, "小龙").await.is_empty());
    let path = school.path("/members?search=mira");
    let page = school.admin.get(&path).await.expect_status(200);
    let mira = school.path(&format!(
        "/members/{}",
        text(&page["items"][0]["account_id"])
    ));
    let renamed = json!({ "username": "Vera" });
    school.admin.patch(&mira, renamed).await.expect_status(200);
    assert_eq!(found(&school, "vera mira@bücher").await, ["mira"]);
    assert!(found(&school, "kovac").await.is_empty());
    school.admin.delete(&mira).await.expect_status(204);
    assert!(found(&school, "vera").await.is_empty());
});

both_databases!(
    groups_and_invitations_are_searched_by_the_same_rule,
    |app| {
        let school = app.school().await;
        for name in ["Chœur d’été", "7-A", "合唱 100%_\""] {
            school.new_group(name).await;
        }
        let groups = |search: &'static str| {
            let path = school.path(&format!("/groups?search={}", encoded(search)));
            let admin = school.admin.clone();
            async move {
                let page = admin.get(&path).await.expect_status(200);
                let items = page["items"].as_array().unwrap();
                let names: Vec<Value> = items.iter().map(|group| group["name"].clone()).collect();
                names
            }
        };
        for (search, expected) in [
            ("dete CHOEUR", vec!["Chœur d’été"]),
            ("d'ete", vec!["Chœur d’été"]),
            ("7a", vec!["7-A"]),
            ("7–a", vec!["7-A"]),
            ("唱", vec!["合唱 100%_\""]),
            ("%_\"", vec!["合唱 100%_\""]),
            ("7b", vec![]),
        ] {
            assert_eq!(groups(search).await, expected, "{search}");
        }
        assert_eq!(groups(" - ").await.len(), 3);
        let emails = ["mira@bücher.example", "jean-luc@x.org"];
        let body = json!({ "emails": emails, "account_type": "student" });
        let path = school.path("/invitations");
        school.admin.post(&path, body).await.expect_status(200);
        for (search, expected) in [
            ("mira@BÜCHER.example", vec!["mira"]),
            ("@xn--bcher-kva.example", vec!["mira"]),
            ("bücher mira", vec!["mira"]),
            ("jean-luc@x.org", vec!["jean-luc"]),
            ("luc", vec!["jean-luc"]),
            ("mira x.org", vec![]),
        ] {
            let query = format!("search={}", encoded(search));
            assert_eq!(
                shown(&school, "invitations", &query).await,
                expected,
                "{search}"
            );
        }
    }
);

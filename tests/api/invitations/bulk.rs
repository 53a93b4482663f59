//! The most addresses that one call takes.

use serde_json::json;

use super::sent;
use crate::support::both_databases;

both_databases!(five_hundred_addresses_are_one_short_transaction, |app| {
    let school = app.school().await;
    let groups = [school.class("7A").await, school.class("7B").await];
    let csv: String = (0..100)
        .map(|number| format!("old{number}@x.example,quiet rivers {number:03},Old {number}\n"))
        .collect();
    let valley = app.organization("Valley School", "school").await;
    valley
        .import_students(format!("email,password,username\n{csv}"))
        .await;
    let mut emails: Vec<String> = (0..400)
        .map(|number| format!("new{number}@x.example"))
        .collect();
    emails.extend((0..100).map(|number| format!("old{number}@x.example")));
    let body = json!({
        "emails": emails, "account_type": "student", "group_ids": groups, "note": "Welcome!",
    });
    let since = std::time::Instant::now();
    let answer = school.invite_with(body).await.expect_status(200);
    println!("500 addresses took {:?}", since.elapsed());
    assert_eq!(
        answer["summary"],
        json!({ "account_created": 400, "join_link_sent": 100 })
    );
    assert_eq!(school.students().await, (400, 100));
    let in_group = school.path(&format!("/members?group_id={}&limit=200", groups[0]));
    let page = school.admin.get(&in_group).await.expect_status(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 200);
    let audit = school.path("/audit-events?action=invitation.created&limit=200");
    let audit = school.admin.get(&audit).await.expect_status(200);
    assert!(audit["next_cursor"].is_string());
    assert_eq!(sent(app).await.len(), 500);
});

//! The line between accounts that an organization created and all others is a security boundary
//! (`docs/members.md#managed-accounts`): beyond it, an organization's admins can only end the
//! membership.

use rollcall::domain::ids::{AccountId, OrganizationId};
use rollcall::domain::organization::{AccountType, JoinedVia, Role};
use rollcall::error::Result;
use rollcall::services::admission::{self, Admission, SeatSource};
use rollcall::services::unit_of_work::UnitOfWork;
use rollcall::store::accounts::Account;
use rollcall::store::managed_accounts;
use serde_json::json;

use super::{check_invariants, students};
use crate::support::members::choose_password;
use crate::support::people::{Organization, PASSWORD, Person, text};
use crate::support::{App, both_databases};

both_databases!(
    another_organizations_admin_can_only_end_the_membership,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let [ann, ..] = students(app, &school).await;
        app.join(&other, &ann, "student").await;
        let of_ann = other.path_of(&ann.id);
        let shown = other.admin.get(&of_ann).await.expect_status(200);
        assert_eq!(shown["managed"], false);
        other
            .admin
            .patch(&of_ann, json!({ "username": "Mine" }))
            .await
            .expect_problem(403, "not_managed_here");
        for body in [json!({}), json!({ "password": "eight brown geese 8" })] {
            other
                .admin
                .post(&format!("{of_ann}/password-reset"), body)
                .await
                .expect_problem(403, "not_managed_here");
        }
        other
            .admin
            .post(&format!("{of_ann}/deactivate"), json!({}))
            .await
            .expect_status(200);
        ann.get("/v1/me").await.expect_status(200);
        ann.get(&school.path("")).await.expect_status(200);
        ann.get(&other.path(""))
            .await
            .expect_problem(404, "not_found");
        other
            .admin
            .delete(&format!("{of_ann}?delete_account=true"))
            .await
            .expect_problem(403, "not_managed_here");
        // Nor is she her school's to manage any more.
        let own = school.path_of(&ann.id);
        school
            .admin
            .post(&format!("{own}/deactivate"), json!({}))
            .await
            .expect_status(200);
        app.sign_in("ann@hill.example", "quiet rivers 11").await;
        other.admin.delete(&of_ann).await.expect_status(204);
        assert_eq!(app.account(&ann.id).managed_by_organization_id, None);
        check_invariants(app, &school);
        check_invariants(app, &other);
    }
);

both_databases!(whoever_registered_themself_is_nobodys_to_manage, |app| {
    let school = app.school().await;
    let eve = app.register("eve@x.org").await;
    app.join(&school, &eve, "student").await;
    let of_eve = school.path_of(&eve.id);
    school
        .admin
        .patch(&of_eve, json!({ "username": "Mine" }))
        .await
        .expect_problem(403, "not_managed_here");
    school
        .admin
        .post(&format!("{of_eve}/password-reset"), json!({}))
        .await
        .expect_problem(403, "not_managed_here");
    school.deactivate(&of_eve).await;
    school
        .admin
        .delete(&format!("{of_eve}?delete_account=true"))
        .await
        .expect_problem(403, "not_managed_here");
    app.sign_in("eve@x.org", PASSWORD).await;
    // A refusal undoes all of a change.
    app.verify_email_by_reset(&eve.id);
    let changes = json!({ "account_type": "teacher", "username": "Mine" });
    school
        .admin
        .patch(&of_eve, changes)
        .await
        .expect_problem(403, "not_managed_here");
    let still = school.admin.get(&of_eve).await.expect_status(200);
    assert_eq!(still["account_type"], "student");
    assert_eq!(still["username"], "eve");
});

both_databases!(
    a_managed_account_is_renamed_and_found_by_its_new_name,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        let of_ann = school.path_of(&ann.id);
        let renamed = school
            .admin
            .patch(&of_ann, json!({ "username": "  Änne Zett " }))
            .await
            .expect_status(200);
        assert_eq!(renamed["username"], "Änne Zett");
        let page = school
            .admin
            .get(&school.path("/members?search=anne&sort=name"))
            .await;
        assert_eq!(
            page.expect_status(200)["items"][0]["account_id"],
            ann.id.as_str()
        );
        let me = ann.get("/v1/me").await.expect_status(200);
        assert_eq!(me["username"], "Änne Zett");
        for (name, code) in [("  ", "username_missing"), ("a\u{7}b", "username_invalid")] {
            school
                .admin
                .patch(&of_ann, json!({ "username": name }))
                .await
                .expect_fields(&[("/username", code)]);
        }
        school
            .admin
            .patch(&of_ann, json!({ "color": "red" }))
            .await
            .expect_problem(400, "malformed_request");
    }
);

both_databases!(members_of_other_organizations_are_not_there, |app| {
    let school = app.school().await;
    let busy = app
        .sign_in("person1@busy.example", "Busy bees 1 buzz")
        .await;
    let of_busy = school.path_of(&busy.id);
    school
        .admin
        .get(&of_busy)
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .patch(&of_busy, json!({ "role": "admin" }))
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .delete(&of_busy)
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .delete(&format!("{of_busy}?delete_account=true"))
        .await
        .expect_problem(404, "not_found");
    for below in ["deactivate", "reactivate", "password-reset"] {
        school
            .admin
            .post(&format!("{of_busy}/{below}"), json!({}))
            .await
            .expect_problem(404, "not_found");
    }
    let bulk = json!({ "account_ids": [busy.id], "account_type": "teacher" });
    let bulk = school
        .admin
        .post(&school.path("/members/bulk-update"), bulk)
        .await;
    assert_eq!(
        bulk.expect_status(200)["summary"],
        json!({ "not_found": 1 })
    );
    busy.get("/v1/me").await.expect_status(200);
    // Nor is their admin one here.
    let of_admin = school.path_of(&school.admin.id);
    let attacker = app.sign_in("admin@busy-company.example", PASSWORD).await;
    attacker
        .delete(&of_admin)
        .await
        .expect_problem(404, "not_found");
    attacker
        .post(&format!("{of_admin}/password-reset"), json!({}))
        .await
        .expect_problem(404, "not_found");
});

/// Asserts that the school can suspend or end the membership, and nothing else.
async fn expect_not_managed(app: &App, school: &Organization<'_>, ann: &Person<'_>) {
    let of_ann = school.path_of(&ann.id);
    let shown = school.admin.get(&of_ann).await.expect_status(200);
    assert_eq!(shown["managed"], false);
    for (managed, count) in [(true, 2), (false, 2)] {
        let page = format!("/members?managed={managed}");
        let page = school
            .admin
            .get(&school.path(&page))
            .await
            .expect_status(200);
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{page}");
    }
    for body in [json!({}), json!({ "password": "eight brown geese 8" })] {
        let path = format!("{of_ann}/password-reset");
        let reset = school.admin.post(&path, body).await;
        let refused = reset.expect_problem(403, "not_managed_here");
        assert!(!refused.to_string().contains("Other"), "{refused}");
    }
    school
        .admin
        .patch(&of_ann, json!({ "username": "Mine" }))
        .await
        .expect_problem(403, "not_managed_here");
    school
        .admin
        .post(&format!("{of_ann}/deactivate"), json!({}))
        .await
        .expect_status(200);
    // The membership only: sessions and sign-in go on.
    ann.get("/v1/me").await.expect_status(200);
    app.sign_in("ann@hill.example", "quiet rivers 11").await;
    ann.get(&school.path(""))
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .delete(&format!("{of_ann}?delete_account=true"))
        .await
        .expect_problem(403, "not_managed_here");
    school
        .admin
        .post(&format!("{of_ann}/reactivate"), json!({}))
        .await
        .expect_status(200);
}

both_databases!(
    who_has_founded_another_organization_is_managed_by_none,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        let club = json!({ "name": "Other Club", "kind": "enterprise" });
        let club = ann.post("/v1/organizations", club).await.expect_status(201);
        expect_not_managed(app, &school, &ann).await;
        // Nor is she when it is gone: she has been on her own once.
        let club = format!("/v1/organizations/{}", text(&club["id"]));
        ann.delete(&club).await.expect_status(204);
        expect_not_managed(app, &school, &ann).await;
    }
);

both_databases!(
    who_has_joined_another_organization_is_managed_by_none,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let [ann, ..] = students(app, &school).await;
        let code = other.admin.get(&other.path("/invite-code")).await;
        let code = json!({ "code": code.expect_status(200)["code"] });
        let joined = ann.post("/v1/invite-codes/redeem", code).await;
        joined.expect_status(200);
        expect_not_managed(app, &school, &ann).await;
        // Deactivated there, she is a member there still.
        let there = other.path_of(&ann.id);
        other
            .admin
            .post(&format!("{there}/deactivate"), json!({}))
            .await
            .expect_status(200);
        expect_not_managed(app, &school, &ann).await;
        other.admin.delete(&there).await.expect_status(204);
        expect_not_managed(app, &school, &ann).await;
        // What the school may do, it still does: end the membership.
        let here = school.path_of(&ann.id);
        school.admin.delete(&here).await.expect_status(204);
        app.sign_in("ann@hill.example", "quiet rivers 11").await;
        check_invariants(app, &school);
        check_invariants(app, &other);
    }
);

both_databases!(an_invitation_that_is_only_pending_changes_nothing, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let [ann, ..] = students(app, &school).await;
    let invite = json!({ "emails": ["ann@hill.example"], "account_type": "student" });
    let invited = other.admin.post(&other.path("/invitations"), invite).await;
    let invited = invited.expect_status(200);
    assert_eq!(invited["results"][0]["outcome"], "join_link_sent");
    let id = text(&invited["results"][0]["invitation_id"]);
    app.drain().await;
    let token = app.last_mail_to("ann@hill.example").await.token();
    let of_ann = school.path_of(&ann.id);
    let shown = school.admin.get(&of_ann).await.expect_status(200);
    assert_eq!(shown["managed"], true);
    let password = json!({ "password": "eight brown geese 8", "must_change_password": false });
    let reset = school
        .admin
        .post(&format!("{of_ann}/password-reset"), password)
        .await;
    reset.expect_status(200);
    // Whoever set the password does not answer in her place, with a verified address or without.
    let attacker = app.sign_in("ann@hill.example", "eight brown geese 8").await;
    let by_id = json!({ "invitation_id": id });
    for verified in [false, true] {
        if verified {
            app.verify_email(&ann.id);
        }
        for answer in ["accept", "decline"] {
            let path = format!("/v1/invitations/{answer}");
            let answered = attacker.post(&path, by_id.clone()).await;
            answered.expect_problem(403, "email_not_verified");
        }
    }
    // A password that was changed by whoever knew that one proves no more.
    let change = json!({
        "current_password": "eight brown geese 8", "new_password": "nine grey swans 99"
    });
    let changed = attacker.post("/v1/auth/password/change", change).await;
    changed.expect_status(204);
    let answered = attacker.post("/v1/invitations/accept", by_id).await;
    answered.expect_problem(403, "email_not_verified");
    // Nor does she let them in by following the link with it.
    let by_mail = json!({ "token": token });
    let answered = attacker.post("/v1/invitations/accept", by_mail.clone());
    let refused = answered.await.expect_problem(403, "email_not_verified");
    assert!(text(&refused["detail"]).contains("/v1/auth/password/forgot"));
    let ann = choose_password(app, "ann@hill.example").await;
    let accepted = ann.post("/v1/invitations/accept", by_mail).await;
    accepted.expect_status(200);
    let shown = school.admin.get(&of_ann).await.expect_status(200);
    assert_eq!(shown["managed"], false);
});

both_databases!(who_chose_the_password_by_mail_accepts_by_id, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let [ann, ..] = students(app, &school).await;
    let forgot = json!({ "email": "ann@hill.example" });
    let asked = app
        .anonymous()
        .post("/v1/auth/password/forgot", forgot)
        .await;
    asked.expect_status(202);
    app.drain().await;
    let token = app.last_mail_to("ann@hill.example").await.token();
    let own = json!({ "token": token, "password": "nine grey swans 99" });
    let set = app.anonymous().post("/v1/auth/password/reset", own).await;
    set.expect_status(204);
    let ann = app.sign_in(&ann.email, "nine grey swans 99").await;
    let invite = json!({ "emails": ["ann@hill.example"], "account_type": "student" });
    let invited = other.admin.post(&other.path("/invitations"), invite).await;
    let id = &invited.expect_status(200)["results"][0]["invitation_id"];
    let accepted = ann
        .post("/v1/invitations/accept", json!({ "invitation_id": id }))
        .await;
    accepted.expect_status(200);
});

/// Lets an account into an organization, in the transaction of a test.
fn join(tx: &mut UnitOfWork<'_>, account: &Account, organization: OrganizationId) -> Result<()> {
    let admission = Admission {
        organization,
        account_type: AccountType::Student,
        role: Role::Member,
        via: JoinedVia::OrganizationCode,
        groups: Vec::new(),
        seats: SeatSource::Free,
    };
    let by = rollcall::domain::events::JoinedBy::Founding;
    admission::admit(tx, &[(account, by)], &admission)
}

both_databases!(
    who_joins_elsewhere_at_the_same_moment_is_not_managed,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let people = students(app, &school).await;
        let elsewhere: OrganizationId = other.id.parse().unwrap();
        for (number, person) in people.iter().enumerate() {
            let account = app.account(&person.id);
            let path = school.path_of(&person.id);
            let admin = school.admin.clone();
            let request = async {
                match number {
                    0 => {
                        admin
                            .post(&format!("{path}/password-reset"), json!({}))
                            .await
                    }
                    1 => admin.patch(&path, json!({ "username": "Mine" })).await,
                    _ => admin.post(&format!("{path}/deactivate"), json!({})).await,
                }
            };
            let joins = move |tx: &mut UnitOfWork<'_>| join(tx, &account, elsewhere);
            let answer = app.during(joins, request, |_| Ok(())).await;
            match number {
                0 | 1 => {
                    answer.expect_problem(403, "not_managed_here");
                }
                _ => {
                    answer.expect_status(200);
                }
            }
            // Nothing was done to the account.
            person.get("/v1/me").await.expect_status(200);
            let me = app.account(&person.id);
            assert_eq!(me.deactivated_at, None);
            assert_ne!(me.username.as_str(), "Mine");
        }
    }
);

both_databases!(who_is_closed_at_the_same_moment_joins_nothing, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let [ann, ..] = students(app, &school).await;
    let code = other.admin.get(&other.path("/invite-code")).await;
    let code = json!({ "code": code.expect_status(200)["code"] });
    let (here, account, at) = (
        school.id.parse::<OrganizationId>().unwrap(),
        ann.id.parse::<AccountId>().unwrap(),
        app.now(),
    );
    let answer = app
        .during(
            move |tx| managed_accounts::deactivate(tx.connection, here, account, at).map(|_| ()),
            ann.post("/v1/invite-codes/redeem", code),
            |_| Ok(()),
        )
        .await;
    answer.expect_problem(403, "account_deactivated");
    let closed = app.account(&ann.id);
    assert_eq!(closed.managed_by_organization_id, Some(here));
    assert!(closed.deactivated_at.is_some());
});
